"""Self-contained HTML pages: documents, tables and embedded images."""
import base64
import html
import math
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

Cell = Union[str, int, float, bool, Tuple[str, ...]]
Row = Tuple[Optional[str], Sequence[Cell]]  # CSS class of the row, and its cells

_STYLE = '''
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; margin-bottom: .9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .7rem; text-align: left; vertical-align: top; }
td.number { text-align: right; } tr.differs td { background: #f4c54233; font-weight: 600; } .wide { overflow-x: auto; }
figure { display: inline-block; margin: 0 .6rem .6rem 0; } figcaption { font-size: .85rem; }
img { max-width: 100%; } .grid { width: 11.5rem; image-rendering: pixelated; } .note { color: #a33; }
'''


def escape(text: str) -> str:
    """Text as HTML."""
    return html.escape(text)


def document(title: str, parts: Iterable[str]) -> str:
    """A page with a title and these parts (HTML); empty parts are left out."""
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>%s</title>'
            '<meta name="viewport" content="width=device-width"><style>%s</style></head>\n<body>\n'
            '<h1>%s</h1>\n%s\n</body></html>\n'
            % (escape(title), _STYLE, escape(title), '\n'.join(part for part in parts if part)))


def table(header: Sequence[str], rows: Iterable[Row]) -> str:
    """A table. Numbers are right-aligned; all other cells are shown as text."""
    lines = ['<tr>%s</tr>' % ''.join('<th>%s</th>' % escape(text) for text in header)]
    for css_class, cells in rows:
        attribute = ' class="%s"' % css_class if css_class else ''
        lines.append('<tr%s>%s</tr>' % (attribute, ''.join(map(_cell, cells))))
    return '<div class="wide"><table>%s</table></div>' % '\n'.join(lines)


def _cell(value: Cell) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return '<td class="number">%s</td>' % escape(format_value(value))
    return '<td>%s</td>' % escape(str(value))


def image(content: bytes, image_type: str, caption: str, css_class: str = '') -> str:
    """An embedded image: the bytes of a file of this type (png, gif), with a caption that is also its description."""
    return '<figure><img class="%s" alt="%s" src="%s"><figcaption>%s</figcaption></figure>' % (
        css_class, html.escape(caption, quote=True), data_uri(content, image_type), escape(caption))


def data_uri(content: bytes, image_type: str) -> str:
    """An image file as a URI that contains it. `image_type`: 'png', 'jpeg' or 'gif'."""
    return 'data:image/%s;base64,%s' % (image_type, base64.b64encode(content).decode())


def format_value(value: Union[float, List[float]]) -> str:
    """Formats a score with about four significant digits, or a list with three decimals each."""
    if isinstance(value, (list, tuple)):
        return ' '.join('%.3f' % part for part in value)
    if not math.isfinite(value):
        return str(value)
    if isinstance(value, int):
        return '%d' % value
    if 0 < abs(value) < 0.0005:
        return '%.2g' % value
    decimals = max(0, 3 - int(math.log10(max(abs(value), 1))))
    return '%.*f' % (decimals, value)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown markdown_table that ends with a line break.

    Cells are converted to text, and vertical bars escaped.
    """
    lines = [header, ['---'] * len(header), *rows]
    return ''.join('| %s |\n' % ' | '.join(str(cell).replace('|', '\\|') for cell in line) for line in lines)
