"""Markdown tables."""
from typing import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table that ends with a newline. Cells are converted with str(); vertical bars are escaped."""
    lines = [header, ['---'] * len(header), *rows]
    return ''.join('| %s |\n' % ' | '.join(str(cell).replace('|', '\\|') for cell in line) for line in lines)
