"""Changes of a source text at the places of syntax nodes. Everything else stays as it is, with its formatting."""
import ast
from typing import Any, List, NamedTuple, Tuple


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


class Edits:
    """A text and changes of it, which do not overlap."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.split('\n')  # str.splitlines also splits at form feeds, which Python does not
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._edits: List[_Edit] = []

    def offset(self, line: int, column: int) -> int:
        """Index in the text of a place that a syntax node names: a line from 1, and a column in bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode('utf-8')[:column].decode('utf-8'))

    def span(self, node: Any) -> Tuple[int, int]:
        """Indices of the first character of a node and of the first after it."""
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def replace(self, start: int, end: int, text: str) -> None:
        """Replaces a part of the text, and forgets the changes inside of it."""
        self._edits = [edit for edit in self._edits
                       if not (start <= edit.start and edit.end <= end and start < end)]
        self._edits.append(_Edit(start, end, text))

    def replace_node(self, node: ast.AST, text: str) -> None:
        """The same with a node."""
        self.replace(*self.span(node), text)

    def insert(self, position: int, text: str) -> None:
        """Inserts text, before what was inserted there already."""
        self._edits.insert(0, _Edit(position, position, text))

    def changed(self, start: int, end: int) -> str:
        """A part of the text with the changes inside of it."""
        parts, position = [], start
        for edit in sorted(self._edits, key=lambda edit: (edit.start, edit.end)):
            if start <= edit.start and edit.end <= end:
                parts += [self.text[position:edit.start], edit.text]
                position = edit.end
        return ''.join([*parts, self.text[position:end]])

    def changed_node(self, node: ast.AST) -> str:
        """The text of a node with the changes inside of it."""
        return self.changed(*self.span(node))

    def result(self) -> str:
        """The whole text with all changes."""
        return self.changed(0, len(self.text))
