"""Settings of the commands that make HTML pages about runs. All other settings are in `settings.py`."""
import dataclasses
from typing import Optional

from dcgan_tf1.setting_fields import Settings, path


@dataclasses.dataclass(frozen=True)
class ReportSettings(Settings):
    """Settings of `python -m dcgan_tf1.report`."""

    output: Optional[str] = path(None, 'HTML file to write; default: report.html in the first run\'s folder')
