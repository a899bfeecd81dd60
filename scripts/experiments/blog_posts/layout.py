"""The report as blocks, and its two formats: Markdown and HTML."""
import re
import textwrap
from typing import List, NamedTuple, Optional, Sequence, Tuple

from dcgan_tf1.util import pages

NOT_MEASURED = 'not measured yet'

# A block is one of:
#   ('heading', text), ('text', text), ('command', lines), ('link', text, URL, text after it),
#   ('table', header, rows), where a row is (class or None, cells) as in `pages.table`,
#   ('figure', file name, caption, bytes of a PNG file).
Block = Tuple
Row = Tuple[Optional[str], Sequence[str]]


class Section(NamedTuple):
    """The results on one post."""
    verdict: str  # one or two lines
    blocks: List[Block]  # empty if nothing was measured yet
    missing: Optional[str]  # describes what was not measured yet, or None


def row(reproduced: bool, cells: Sequence[str]) -> Row:
    """A row of a table, highlighted if its number was not reproduced."""
    return None if reproduced else 'differs', cells


def parse(text: str) -> List[Block]:
    """Blocks of a text of paragraphs and headings of the third level."""
    blocks = []
    for paragraph in text.strip().split('\n\n'):
        if paragraph.startswith('### '):
            blocks.append(('heading', paragraph[len('### '):]))
        else:
            blocks.append(('text', ' '.join(paragraph.split())))
    return blocks


def to_markdown(title: str, parts: Sequence[Tuple[str, Sequence[Block]]]) -> str:
    """A page in Markdown.

    Args:
      title: of the page.
      parts: pairs (title, blocks); a part without a title continues the one before it.
    """
    text = '# %s\n\n' % title
    for part_title, blocks in parts:
        if part_title:
            text += '## %s\n\n' % part_title
        text += ''.join(_MARKDOWN[block[0]](*block[1:]) for block in blocks)
    return text.rstrip() + '\n'


def to_html(title: str, parts: Sequence[Tuple[str, Sequence[Block]]]) -> str:
    """A page in HTML, with the figures inside. Arguments as of `to_markdown`."""
    lines = []
    for part_title, blocks in parts:
        if part_title:
            lines.append('<h2>%s</h2>' % pages.escape(part_title))
        lines += [_HTML[block[0]](*block[1:]) for block in blocks]
    return pages.document(title, lines)


_MARKDOWN = {
    'heading': '### {}\n\n'.format,
    'text': lambda text: textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False) + '\n\n',
    'command': '```\n{}\n```\n\n'.format,
    'link': '[{}]({}){}\n\n'.format,
    'table': lambda header, rows: pages.markdown_table(header, [cells for _, cells in rows]) + '\n',
    'figure': lambda name, caption, content: '![%s](%s)\n\n%s\n\n' % (caption.split(':')[0], name, caption)}
_HTML = {
    'heading': lambda text: '<h3>%s</h3>' % pages.escape(text),
    'text': lambda text: '<p>%s</p>' % re.sub('`([^`]*)`', r'<code>\1</code>', pages.escape(text)),
    'command': pages.command,
    'link': lambda *parts: '<p><a href="{1}">{0}</a>{2}</p>'.format(*map(pages.escape, parts)),
    'table': pages.table,
    'figure': lambda name, caption, content: pages.image(content, 'png', caption)}
