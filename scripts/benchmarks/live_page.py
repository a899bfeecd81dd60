"""Times how fast a live page computes images in Chromium.

  python -m scripts.benchmarks.live_page --page=results/experiments/batch_norm/live.html

The page is one that `python -m dcgan_tf1.explore --live` has written. Prints, for one image and for a batch of 16, the
median of 9 times. Writes no files.
"""
import dataclasses
import os
import statistics
import tempfile

from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Settings, path
from scripts.lib.chromium import Chromium

REPEATS = 9
_MEASURE = '''
Array.from({length: %d}, () => {
  const vectors = Array.from({length: %d}, randomVector);
  timed(vectors, statisticsOf('standing'));
  return times[vectors.length];
})
'''


@dataclasses.dataclass(frozen=True)
class LivePageArguments(Settings):
    """Arguments of this script."""

    page: str = path(None, 'page to time', required=True)


def main(arguments: LivePageArguments) -> int:
    """The script; returns the exit status."""
    with tempfile.TemporaryDirectory() as profile, Chromium(profile) as browser:
        browser.open(os.path.abspath(arguments.page))
        print('%s: 1 image %.0f ms, 16 images %.0f ms' % (arguments.page, *(
            milliseconds(browser, count) for count in (1, 16))))
    return 0


def milliseconds(browser: Chromium, count: int) -> float:
    """The median time that the open page needs for `count` images with standing statistics."""
    times = browser.run(_MEASURE % (1 + REPEATS, count))
    return statistics.median(times[1:])  # without the first, while Chromium compiles the program


if __name__ == '__main__':
    cli.main(main, LivePageArguments)
