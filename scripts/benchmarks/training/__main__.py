"""Times the package's training loop against the blog posts' own loops, Keras 3, PyTorch and a bound.

  python -m scripts.benchmarks.training
  python -m scripts.benchmarks.training --recipes=graph_mode --implementations=post,dcgan,GEMM
  python -m scripts.benchmarks.training --precisions=float32,auto
  python -m scripts.benchmarks.training --report_only

Each implementation runs in a process of its own. The processes train windows of steps in turns, so that a
slow phase of the machine slows all of them, and only one computes at a time. An implementation that cannot
run here (PyTorch, for example, is not installed by scripts/test.py) is reported with the reason; the others
run nevertheless. Works on CPUs and on a GPU. Writes README.md, benchmark.json and one figure per recipe to
a folder of this processor in --output, and there an overview of all processors. What the folder
already has of other recipes is kept, if it was measured with the same programs and as many windows.
"""
import dataclasses
import os
import platform
import re
from typing import Dict, List, Optional, Tuple

from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util.files import write_atomically
from scripts.benchmarks.training import catalog, figures, overview, report
from scripts.benchmarks.training.measurements import Measurements, from_json, to_json, with_earlier
from scripts.benchmarks.training.processes import TUNABLES
from scripts.benchmarks.training.race import Result, log, run_interleaved
from scripts.benchmarks.training.tasks import recipe_hyperparameters
from scripts.lib.arguments import names, output_folder
from scripts.lib.measurements import write_page

_STORED = 'benchmark.json'


@dataclasses.dataclass(frozen=True)
class BenchmarkArguments(fields.Settings):
    """Arguments of this script."""

    recipes: Tuple[str, ...] = names(tuple(catalog.RECIPES), catalog.RECIPES, 'recipes to train')
    implementations: str = fields.text(
        '', 'only implementations whose names begin with one of these, comma-separated')
    precisions: Tuple[str, ...] = names(
        catalog.PRECISIONS, catalog.PRECISIONS, 'precisions to train in; auto is what --precision=auto chooses')
    windows: int = fields.integer(25, 1, 'measured windows of each implementation')
    steps: int = fields.integer(1, 1, 'minimum steps per window')
    seconds: float = fields.number(0.75, lambda value: value >= 0, 'must be 0 or more',
                                   'approximate minimum length of a window')
    batch_size: Optional[int] = fields.integer(None, 2, "default: the recipe's")
    note: str = fields.text('', 'a sentence for the report, about what else the machine was doing')
    report_only: bool = fields.boolean(
        False, 'measure nothing; only write the reports and the figures from every benchmark.json')
    output: str = output_folder('benchmarks', 'training')

    RULES = (fields.Rule(
        lambda arguments: all(_entries(arguments, recipe) for recipe in arguments.recipes),
        '--implementations: no name of a recipe begins so in these --precisions; there are ' + ', '.join(
            dict.fromkeys(implementation.name for implementation in catalog.IMPLEMENTATIONS))),)


def _entries(arguments: BenchmarkArguments, recipe: str) -> List[Tuple[str, catalog.Implementation]]:
    return catalog.entries(recipe, arguments.implementations, arguments.precisions)


def _collect(races: Dict[str, List[Result]], arguments: BenchmarkArguments) -> Measurements:
    available = [result for results in races.values() for result in results if result.unavailable is None]
    batch_sizes = {recipe: recipe_hyperparameters(recipe, arguments.batch_size).batch_size
                   for recipe in races}
    return Measurements(
        device=' and '.join(dict.fromkeys(result.device for result in available)) or 'no device',
        python=platform.python_version(),
        frameworks=', '.join(dict.fromkeys(result.framework for result in available)) or 'no framework',
        windows=arguments.windows, batch_sizes=batch_sizes,
        idle=100 * max([result.idle for result in available], default=0.),
        note=arguments.note, races=races, huge_pages='hugetlb=1' in TUNABLES)


def _folder_name(device: str) -> str:
    """'2 cores of AMD EPYC' → '2-cores-of-amd-epyc'."""
    return re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')


def _write_report(folder: str, measurements: Measurements) -> str:
    for recipe, results in measurements.races.items():
        write_atomically(os.path.join(folder, recipe + '.png'), figures.time_per_step(results))
    text = report.readme(measurements)
    write_page(folder, text)
    return text


def stored(output: str) -> Dict[str, Measurements]:
    """{name of a folder in the output folder: the measurements in it}."""
    names = sorted(os.listdir(output)) if os.path.isdir(output) else []
    return {name: from_json(os.path.join(output, name, _STORED)) for name in names
            if os.path.exists(os.path.join(output, name, _STORED))}


def _write_overview(output: str) -> str:
    text = overview.page(stored(output))
    write_page(output, text)
    return text


def _measure(arguments: BenchmarkArguments) -> str:
    races: Dict[str, List[Result]] = {}
    text = ''
    earlier = {os.path.join(arguments.output, name): found for name, found in stored(arguments.output).items()}

    def save():  # after each recipe, so that an interrupted run keeps its results
        measurements = _collect(races, arguments)
        folder = os.path.join(arguments.output, _folder_name(measurements.device))
        if folder in earlier:
            measurements = with_earlier(measurements, earlier[folder])
        os.makedirs(folder, exist_ok=True)
        write_atomically(os.path.join(folder, _STORED), to_json(measurements))
        text = _write_report(folder, measurements)
        _write_overview(arguments.output)
        return text
    for recipe in arguments.recipes:
        log(recipe)
        races[recipe] = run_interleaved(recipe, _entries(arguments, recipe), arguments.windows, arguments.steps,
                                        arguments.seconds, arguments.batch_size)
        text = save()
    return text


def main(arguments: BenchmarkArguments) -> int:
    """The script; returns the exit status."""
    if arguments.report_only:
        for name, measurements in stored(arguments.output).items():
            _write_report(os.path.join(arguments.output, name), measurements)
        print(_write_overview(arguments.output))
    else:
        print(_measure(arguments))
    return 0


if __name__ == '__main__':
    cli.main(main, BenchmarkArguments)
