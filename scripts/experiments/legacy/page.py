"""The page with the results."""
from typing import Any, Dict, List


def page(repositories: List[Dict[str, Any]], results: Dict[str, Any], command: str) -> str:
    """README.md of the results."""
    return command
