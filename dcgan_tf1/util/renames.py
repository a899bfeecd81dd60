"""Renames of variables, as --checkpoint_names states them; `runs.checkpoints.names` applies them."""
from typing import List, Optional, Tuple

Rename = Tuple[str, str]


def parse(text: str) -> Optional[List[Rename]]:
    """'GAN=,weights=kernel' → [('GAN', ''), ('weights', 'kernel')]; None if the text does not have this form."""
    renames = []
    for part in text.split(','):
        old, equals, new = (piece.strip().strip('/') for piece in part.partition('='))
        if not old or not equals or '=' in new:
            return None
        renames.append((old, new))
    return renames
