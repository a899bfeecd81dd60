"""Self-contained HTML pages: documents, tables and embedded images."""
import base64
import html
import math
from typing import Any, Iterable, List, Optional, Sequence, Tuple, Union

Cell = Union[str, int, float, bool, Tuple[str, ...]]
Row = Tuple[Optional[str], Sequence[Cell]]  # CSS class of the row, and its cells

_STYLE = '''
:root { color-scheme: light dark; }
body { color: #1b1b1b; background: #fff; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
h1, h2, p, pre, li, figcaption { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } pre { padding: .6rem .8rem; background: #f0f0f0; white-space: pre-wrap; }
pre span { display: inline-block; max-width: 100%; }
table { border-collapse: collapse; margin-bottom: .9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .7rem; text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; } tbody th { font-weight: inherit; white-space: nowrap; }
.number { text-align: right; } td.number { white-space: nowrap; }
tr.differs > * { background: #fdf3d9; font-weight: 600; }
figure { display: inline-block; margin: 0 .6rem .6rem 0; vertical-align: top; } figcaption { font-size: .85rem; }
img { max-width: 100%; } .grid { width: 11.5rem; image-rendering: pixelated; } .chart { width: 32rem; }
@media (max-width: 30rem) { .grid { width: 10.3rem; } }
.note { color: #a33; }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #121212; } pre { background: #262626; } tr.differs > * { background: #3f361b; }
  a { color: #8ab4f8; } .note { color: #f99; } .chart, .figure { filter: invert(.93) hue-rotate(180deg); }
}
'''


def escape(text: str) -> str:
    """Text as HTML."""
    return html.escape(text)


def document(title: str, parts: Iterable[str]) -> str:
    """A page with a title and these parts (HTML); empty parts are left out."""
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>%s</title>'
            '<meta name="viewport" content="width=device-width"><style>%s</style></head>\n<body><main>\n'
            '<h1>%s</h1>\n%s\n</main></body></html>\n'
            % (escape(title), _STYLE, escape(title), '\n'.join(part for part in parts if part)))


def table(header: Sequence[str], rows: Iterable[Row], name: str = 'Table') -> str:
    """A table, whose first column names the rows. Numbers are right-aligned; all other cells are shown as text.

    `name`: what a screen reader calls it, as it can be scrolled where the window is narrow.
    """
    rows = list(rows)
    columns = zip(*(cells for _, cells in rows)) if rows else [()] * len(header)
    lines = ['<thead><tr>%s</tr></thead><tbody>' % ''.join(map(_header_cell, header, columns))]
    for css_class, cells in rows:
        attribute = ' class="%s"' % css_class if css_class else ''
        lines.append('<tr%s>%s%s</tr>' % (attribute, _cell(cells[0], 'th scope="row"'), ''.join(map(_cell, cells[1:]))))
    return '<div class="wide" role="group" tabindex="0" aria-label="%s"><table>%s</tbody></table></div>' % (
        html.escape(name, quote=True), '\n'.join(lines))


def _header_cell(text: str, column: Sequence[Cell]) -> str:
    if not text:
        return '<td></td>'
    values = [cell for cell in column if cell != '']
    attribute = ' class="number"' * (values != [] and all(map(_is_number, values)))
    return '<th scope="col"%s>%s</th>' % (attribute, escape(text))


def _is_number(value: Cell) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: Cell, tag: str = 'td') -> str:
    text = format_value(value) if _is_number(value) else str(value)  # type: ignore[arg-type]
    return '<%s%s>%s</%s>' % (tag, ' class="number"' * _is_number(value), escape(text), tag.split(' ')[0])


def command(text: str) -> str:
    """A command line, which is broken between its words only."""
    return '<pre>%s</pre>' % ' '.join('<span>%s</span>' % escape(word) for word in text.split(' '))


def image(content: bytes, image_type: str, caption: str, css_class: str = 'figure') -> str:
    """An embedded image: the bytes of a file of this type (png, gif), with a caption that is also its description.

    `css_class`: 'grid' for generated images, 'figure', or 'chart' for a diagram of half the page's width that has its
    title in itself, so the caption is not shown.
    """
    shown = '' if css_class == 'chart' else '<figcaption>%s</figcaption>' % escape(caption)
    return '<figure><img class="%s" alt="%s" src="%s">%s</figure>' % (
        css_class, html.escape(caption, quote=True), data_uri(content, image_type), shown)


def data_uri(content: bytes, image_type: str) -> str:
    """An image file as a URI that contains it. `image_type`: 'png', 'jpeg' or 'gif'."""
    return 'data:image/%s;base64,%s' % (image_type, base64_text(content))


def base64_text(content: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(content).decode()


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
