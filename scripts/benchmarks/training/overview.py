"""The page that shows the results of all processors side by side."""
from typing import Dict

from dcgan_tf1.util import pages
from scripts.benchmarks.training.comparisons import FRAMEWORKS, compare, compare_auto, find
from scripts.benchmarks.training.measurements import Measurements
from scripts.benchmarks.training.report import format_bound, format_median, format_ratio

_INTRODUCTION = '''# Training speed

How fast does `dcgan_tf1` train, compared with the training loops of the blog posts, Keras 3 and PyTorch? Each processor
has a page of its own, with all implementations and how they were measured. Compare times with each other only where
they are of the same processor and the same run.

'''


def page(folders: Dict[str, Measurements]) -> str:
    """The content of the page.

    Args:
      folders: {name of a folder beside the page: what was measured on its processor}.
    """
    rows = [['[%s](%s/README.md)' % (measurements.device, name), measurements.frameworks,
             measurements.note.replace('\n', ' '), measurements.windows] for name, measurements in folders.items()]
    text = _INTRODUCTION + pages.markdown_table(['processor', 'programs', 'note', 'windows'], rows)
    for recipe in dict.fromkeys(recipe for measurements in folders.values() for recipe in measurements.races):
        text += '\n## %s\n\n' % recipe
        rows = [row for measurements in folders.values() for row in _rows(measurements, recipe)]
        text += pages.markdown_table([
            'processor', 'program', 'schedule', 'precision', 'ms per step', "over the post's loop",
            *('over the fastest ' + framework for framework in FRAMEWORKS), 'GEMM bound ÷ time'], rows)
    choices = [[measurements.device, recipe, row['schedule'], row['choice']['precision'], format_ratio(row['auto']),
                row['best']] for measurements in folders.values() for recipe, results in measurements.races.items()
               for row in compare_auto(results)]
    if choices:
        text += '\n## What --kernels=auto with --precision=auto chose\n\n' + pages.markdown_table(
            ['processor', 'recipe', 'schedule', 'precision', 'over the fastest fixed choice', 'which is'], choices)
    return text


def _rows(measurements: Measurements, recipe: str) -> list:
    rows = []
    results = measurements.races.get(recipe, [])
    for row in compare(results):
        package = find(results, row['name'], row['schedule'], row['precision'])
        rows.append([measurements.device, row['name'], row['schedule'], row['precision'],
                     format_median(package.milliseconds), format_ratio(row['post']),
                     *(format_ratio(row[framework]) for framework in FRAMEWORKS), format_bound(row['gemm_bound'])])
    return rows
