"""The HTML pages of the explore command: fills their templates with texts and data."""
import io
import json
import os
import re
from typing import Any, Dict, Mapping, Optional, Sequence

import numpy as np
from PIL import Image

from dcgan_tf1.explore import tiles
from dcgan_tf1.explore.tiles import Slice, Stage
from dcgan_tf1.util import grids, pages
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.pages import escape

MAX_BYTES = 5000000
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_QUALITIES = (None, 90, 75, 50)  # of the images: lossless PNG, then JPEG with less and less quality


def page(texts: Mapping[str, str], stages: Sequence[Stage], slices: Sequence[Slice]) -> bytes:
    """Builds the page, with images as good as its size limit allows.

    Args:
      texts: {name of a place in the template: text}.
      stages: of the training, possibly none.
      slices: one per kind of batch-norm statistics.
    Returns: the content of an HTML file of at most `MAX_BYTES`.
    Raises: UserError if the page would be larger.
    """
    for quality in _QUALITIES:
        encoded = fill('page.html', texts, _data(stages, slices, quality))
        if len(encoded) <= MAX_BYTES:
            return encoded
    raise UserError('the page would have %.1f MB, more than %g: use a smaller --points or --stages'
                    % (len(encoded) / 1e6, MAX_BYTES / 1e6))


def fill(template: str, texts: Mapping[str, str], data: Mapping[str, Any]) -> bytes:
    """Fills a template.

    Args:
      template: name of a file in this folder. In it, {{name}} is the place of a text, {{name.css}} or {{name.js}} that
        of another file, and {{data}} that of the data.
      texts: {name of a place: text}.
      data: what JSON can hold.
    Returns: the content of an HTML file.
    """
    def value(place: str) -> str:
        if '.' in place:
            return _read(place)
        # "</script>" in a text must not end the element that contains the JSON.
        return json.dumps(data, sort_keys=True).replace('<', '\\u003c') if place == 'data' else escape(texts[place])

    parts = re.split('{{([a-z_.]+)}}', _read(template))  # every second is the name of a place
    content = ''.join(value(part) if number % 2 else part for number, part in enumerate(parts))
    return content.encode(errors='backslashreplace')


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding='utf-8') as file:
        return file.read()


def _data(stages: Sequence[Stage], slices: Sequence[Slice], quality: Optional[int]) -> Dict[str, Any]:
    rows, columns, height, width = slices[0].images.shape[:4]
    return {
        'stages': [{'step': stage.step, 'image': _data_uri(stage.picture, quality)} for stage in stages],
        'rows': rows, 'columns': columns, 'height': height, 'width': width,
        'slices': [{'name': part.name, 'description': part.description,
                    'image': _data_uri(tiles.sheet(part.images), quality)} for part in slices]}


def _data_uri(picture: np.ndarray, quality: Optional[int]) -> str:
    """A picture, uint8 [height, width, channels], as a URI that contains it."""
    if (picture == picture[..., :1]).all():
        picture = picture[..., 0]  # gray, which takes less space
    if quality is None:
        return pages.data_uri(grids.png(picture), 'png')
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format='JPEG', quality=quality, subsampling=0)
    return pages.data_uri(file.getvalue(), 'jpeg')
