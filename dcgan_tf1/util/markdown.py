"""Markdown tables."""
from typing import Any, Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table that ends with a line break.

    Cells are converted to text, and vertical bars escaped.
    """
    lines = [header, ['---'] * len(header), *rows]
    return ''.join('| %s |\n' % ' | '.join(str(cell).replace('|', '\\|') for cell in line) for line in lines)
