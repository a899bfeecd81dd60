"""Paths inside the repository. Imports no framework, so benchmark workers of any framework can use it."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def results_folder(*names: str) -> str:
    """The folder that a script writes to by default: results_folder('experiments', 'precision')."""
    return os.path.join(ROOT, 'results', *names)
