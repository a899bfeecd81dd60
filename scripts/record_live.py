"""Records a tour of a live page as an animation: drives Chromium through it.

  python -m scripts.record_live --page=results/experiments/batch_norm/live.html

The tour: a slider changes the latent vector; statistics that were never updated turn the picture gray, and a repaired
layer brings it back; moving averages are right after enough updates; in training mode, other images are swapped.
"""
import base64
import dataclasses
import io
import os
import tempfile
import time
from typing import Iterator, List, Tuple

import numpy as np
from PIL import Image

from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Settings, path
from dcgan_tf1.util import image_files
from scripts.lib.chromium import Chromium
from scripts.lib.paths import results_folder

_WINDOW = 1100, 1050  # width and height in pixels
_WIDTH = 640  # of the animation
_COLORS = 128
_FRAME_MS = 200
_SETTLING_SECONDS = 1.5  # until the page has drawn everything, also on a busy machine
_HELPERS = '''
const click = (selector, number = 0) => document.querySelectorAll(selector)[number].click();
const move = (id, value) => Object.assign(element(id), {value}).dispatchEvent(new Event('input'));
scrollTo(0, document.querySelector('main').getBoundingClientRect().top + scrollY);
'''


@dataclasses.dataclass(frozen=True)
class RecordLiveArguments(Settings):
    """Arguments of this script."""

    page: str = path(None, 'page to record, which `python -m dcgan_tf1.explore --live` has written', required=True)
    output: str = path(os.path.join(results_folder('gallery'), 'live.gif'), 'file to write')


def main(arguments: RecordLiveArguments) -> int:
    """The script; returns the exit status."""
    frames: List[np.ndarray] = []
    with tempfile.TemporaryDirectory() as profile, Chromium(profile, *_WINDOW) as browser:
        browser.call('Emulation.setDeviceMetricsOverride', width=_WINDOW[0], height=_WINDOW[1], deviceScaleFactor=1,
                     mobile=False)
        browser.open(os.path.abspath(arguments.page))
        browser.run(_HELPERS)
        for script, count in tour():
            browser.run(script)
            time.sleep(_SETTLING_SECONDS)
            frames += [_screenshot(browser)] * count
    palette = Image.fromarray(np.concatenate(frames[::8])).quantize(_COLORS, Image.FASTOCTREE)
    few_colors = [np.asarray(Image.fromarray(frame).quantize(palette=palette, dither=0).convert('RGB'))
                  for frame in frames]
    image_files.save_animation(arguments.output, few_colors, _FRAME_MS, 2000)
    print(arguments.output)
    return 0


def tour() -> Iterator[Tuple[str, int]]:
    """Yields what to do on the page, in JavaScript, and for how many frames to show what it then looks like."""
    yield '0', 5
    for value in [*np.linspace(-1.6, 1.6, 9), 0]:
        yield 'move("direction-0", %g)' % value, 1
    yield 'scrollBy(0, element("batch-norm").getBoundingClientRect().top - 10)', 3
    yield 'click("[name=kind]", 2)', 8  # never updated
    yield 'click(".layer input", 0)', 8
    yield 'click("[name=kind]", 1)', 3  # moving averages
    for number in range(0, 13, 2):
        yield 'move("updates", %d)' % number, 2
    yield 'click("[name=kind]", 0)', 4  # training mode
    for _ in range(4):
        yield 'click("#swap")', 3
    yield 'click("[name=kind]", 3)', 2  # standing


def _screenshot(browser: Chromium) -> np.ndarray:
    """What the window shows, uint8 [height, width, 3]."""
    content = base64.b64decode(browser.call('Page.captureScreenshot')['data'])
    picture = Image.open(io.BytesIO(content)).convert('RGB')
    return np.asarray(picture.resize((_WIDTH, round(_WIDTH * picture.height / picture.width)), Image.LANCZOS))


if __name__ == '__main__':
    cli.main(main, RecordLiveArguments)
