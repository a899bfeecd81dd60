"""Settings of the page to explore a generator."""
import dataclasses
from typing import ClassVar, Optional, Tuple

from dcgan_tf1.sample import latent
from dcgan_tf1.settings.fields import Rule, Settings, allowed_only_if, boolean, choice, integer, path


@dataclasses.dataclass(frozen=True)
class ExploreSettings(Settings):
    """Settings of `python -m dcgan_tf1.explore`."""

    checkpoint: Optional[str] = path(
        None, 'checkpoint whose generator the page shows: a step of the run or "best", default its last; or '
        'another checkpoint of the same network: its path, one of its files, or the folder that contains it')
    live: bool = boolean(
        False, 'write a page that contains the weights and computes images itself, with any latent vectors and any '
        'batch-norm statistics; it shows no training')
    points: int = integer(
        9, 2, 'rows and columns of the slice of latent space; there is one image per point and kind of batch-norm '
        'statistics', highest=31)
    interpolation: str = choice(
        'slerp', latent.MODES, 'how the slice connects the four latent vectors at its corners: along straight lines '
        '(linear) or great circles (slerp)')
    seed: int = integer(
        0, 0, 'seed of the latent vectors: of the four at the corners of the slice, or with --live of the first batch')
    standing_batches: int = integer(
        100, 1, 'number of batches that standing statistics are computed from', highest=100000)
    stages: int = integer(
        30, 2, 'number of steps on the slider through the training, evenly chosen among the grids of the run; all of '
        'them, if there are fewer', highest=1000)
    output: Optional[str] = path(
        None, 'HTML file to write; default: explore.html in the run folder, or live.html with --live')

    RULES: ClassVar[Tuple[Rule, ...]] = allowed_only_if(
        ['points', 'stages'], lambda settings: not settings.live, 'has no effect with --live: remove one of the two')
