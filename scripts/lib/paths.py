"""Paths inside the repository. Imports no framework, so benchmark workers of any framework can use it."""
import os
from typing import List

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def flagfile(recipe: str) -> str:
    """The path of a recipe's flagfile."""
    return os.path.join(ROOT, 'flags', recipe + '.flags')


def recipe_names() -> List[str]:
    """Names of all recipes, sorted."""
    return sorted(os.path.splitext(name)[0] for name in os.listdir(os.path.join(ROOT, 'flags')))


def results_folder(*names: str) -> str:
    """The folder that a script writes to by default: results_folder('experiments', 'precision')."""
    return os.path.join(ROOT, 'results', *names)
