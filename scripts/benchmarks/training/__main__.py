"""Times the package's training loop against the blog posts' own loops, Keras 3, PyTorch and a bound.

  python -m scripts.benchmarks.training
  python -m scripts.benchmarks.training --recipes=graph_mode --implementations=post,dcgan,GEMM
  python -m scripts.benchmarks.training --report_only

Each implementation runs in a process of its own. The processes train windows of steps in turns, so that a
slow phase of the machine slows all of them, and only one computes at a time. An implementation that cannot
run here (PyTorch, for example, is not installed by scripts/test.py) is reported with the reason; the others
run nevertheless. Works on CPUs and on a GPU. Writes README.md, benchmark.json and one figure per recipe to
a folder of this processor in --output, and there an overview of all processors. What the folder
already has of other recipes is kept, if it was measured with the same programs and as many windows.
"""
import argparse
import os
import platform
import re
import sys
from typing import Any, Dict, List, Optional, Sequence

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.util.files import write_atomically
from scripts.benchmarks.training import catalog, figures, overview, report
from scripts.benchmarks.training.measurements import Measurements, from_json, to_json, with_earlier
from scripts.benchmarks.training.race import Result, log, run_interleaved
from scripts.benchmarks.training.tasks import recipe_hyperparameters
from scripts.lib.arguments import at_least, list_of, one_of, path
from scripts.lib.paths import results_folder

_STORED = 'benchmark.json'


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog='python -m scripts.benchmarks.training', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--recipes', type=list_of(one_of(list(catalog.RECIPES))),
                        default=','.join(catalog.RECIPES), help='comma-separated (default: %(default)s)')
    parser.add_argument('--implementations', default='', metavar='PREFIXES',
                        help='only implementations whose names begin with one of these, comma-separated')
    parser.add_argument('--windows', type=at_least(1), default=9,
                        help='measured windows of each implementation (default: %(default)s)')
    parser.add_argument('--steps', type=at_least(1), default=3,
                        help='minimum steps per window (default: %(default)s)')
    parser.add_argument('--seconds', type=at_least(0, float), default=2.,
                        help='approximate minimum length of a window (default: %(default)s)')
    parser.add_argument('--batch_size', type=at_least(2), help='default: the recipe\'s')
    parser.add_argument('--note', default='',
                        help='a sentence for the report, about what else the machine was doing')
    parser.add_argument('--report_only', action='store_true',
                        help='measure nothing; only write the reports and the figures from every benchmark.json')
    parser.add_argument('--output', type=path, default=results_folder('benchmarks', 'training'),
                        help='folder for the results')
    parsed = parser.parse_args(arguments)
    for recipe in parsed.recipes:
        if not catalog.entries(recipe, parsed.implementations):
            parser.error('--implementations: no name begins with "%s"; there are: %s' % (
                parsed.implementations,
                ', '.join(dict.fromkeys(implementation.name for implementation in catalog.IMPLEMENTATIONS))))
    return parsed


def _collect(races: Dict[str, List[Result]], arguments: argparse.Namespace) -> Measurements:
    available = [result for results in races.values() for result in results if result.unavailable is None]
    batch_sizes = {recipe: recipe_hyperparameters(recipe, batch_size=arguments.batch_size).batch_size
                   for recipe in races}
    return Measurements(
        device=' and '.join(dict.fromkeys(result.device for result in available)) or 'no device',
        python=platform.python_version(),
        frameworks=', '.join(dict.fromkeys(result.framework for result in available)) or 'no framework',
        windows=arguments.windows, batch_sizes=batch_sizes,
        idle=100 * max([result.idle for result in available], default=0.),
        note=arguments.note, races=races)


def _folder_name(device: str) -> str:
    """'2 cores of AMD EPYC' → '2-cores-of-amd-epyc'."""
    return re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')


def _write_report(folder: str, measurements: Measurements) -> str:
    for recipe, results in measurements.races.items():
        write_atomically(os.path.join(folder, recipe + '.png'), figures.time_per_step(results))
    text = report.readme(measurements)
    write_atomically(os.path.join(folder, 'README.md'), text.encode())
    return text


def stored(output: str) -> Dict[str, Measurements]:
    """{name of a folder in the output folder: the measurements in it}."""
    names = sorted(os.listdir(output)) if os.path.isdir(output) else []
    return {name: from_json(os.path.join(output, name, _STORED)) for name in names
            if os.path.exists(os.path.join(output, name, _STORED))}


def _write_overview(output: str) -> str:
    text = overview.page(stored(output))
    write_atomically(os.path.join(output, 'README.md'), text.encode())
    return text


def _measure(arguments: argparse.Namespace) -> str:
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
    changes: Dict[str, Any] = {'batch_size': arguments.batch_size}
    for recipe in arguments.recipes:
        log(recipe)
        races[recipe] = run_interleaved(recipe, catalog.entries(recipe, arguments.implementations),
                                        arguments.windows, arguments.steps, arguments.seconds, **changes)
        text = save()
    return text


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """The script."""
    parsed = parse(arguments)
    if parsed.report_only:
        for name, measurements in stored(parsed.output).items():
            _write_report(os.path.join(parsed.output, name), measurements)
        print(_write_overview(parsed.output))
    else:
        print(_measure(parsed))


if __name__ == '__main__':
    sys.exit(exit_status(main))
