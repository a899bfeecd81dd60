"""Compares recipes with the scripts that the posts were made from, run unmodified by `python -m dcgan_tf1.legacy`.

  python -m scripts.experiments.upstream --code_dir=my/clones --data_dir=my/mnist

--code_dir has a clone of each repository, in OWNER/NAME; with --clone, missing ones are cloned from GitHub. The weights
before the first step, and all images and latent vectors, are recorded while a script trains. The recipe then trains
from the same weights on the same inputs.

Writes measurements.json and README.md to --output. Recipes that are in measurements.json already are not measured
again, except those that --recipes names.
"""
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from typing import Any, Dict, NamedTuple, Tuple

from dcgan_tf1.settings import cli, fields
from scripts.experiments.legacy import clones
from scripts.experiments.upstream.comparison import compare, sensitivity
from scripts.experiments.upstream.page import page
from scripts.lib import paths
from scripts.lib.arguments import names, output_folder
from scripts.lib.double_precision import double_precision
from scripts.lib.measurements import read_json, write_json, write_page

_MODULE = 'scripts.experiments.upstream'
_SECONDS = 1800  # time limit of a script


class Source(NamedTuple):
    """The script of a post."""

    post: str
    repository: str
    script: str
    losses: Dict[str, str]  # {network: name of the tensor with its loss}
    runs: Tuple[int, int]  # calls of Session.run before the first step, and in a step
    flags: Tuple[str, ...] = ()  # settings in which the script differs from the recipe
    canceled: Tuple[str, ...] = ()  # biases that batch norm cancels


_LOSSES_002 = {'generator': 'Mean:0', 'discriminator': 'Mean_1:0'}
SOURCES = {
    'graph_mode': Source('002', 'CarlFredriksson/dcgan_tensorflow', 'dcgan.py', _LOSSES_002, (1, 3),
                         ('--update_ops=false',)),
    'graph_mode_dense': Source('002', 'CarlFredriksson/dcgan_tensorflow', 'gan.py', _LOSSES_002, (1, 3)),
    'sparse_softmax': Source(
        '004', 'aymericdamien/TensorFlow-Examples', 'tensorflow_v1/notebooks/3_NeuralNetworks/dcgan.ipynb',
        {'generator': 'Mean_2:0', 'discriminator': 'add:0'}, (1, 2), (),
        ('Generator/dense/bias', 'Generator/conv2d_transpose/bias', 'Discriminator/conv2d/bias',
         'Discriminator/conv2d_1/bias', 'Discriminator/dense/bias'))}


@dataclasses.dataclass(frozen=True)
class UpstreamArguments(clones.ClonesArguments):
    """Arguments of this script."""

    steps: int = fields.integer(20, 1, 'steps of each training')
    recipes: Tuple[str, ...] = names((), SOURCES, 'measure these again')
    output: str = output_folder('experiments', 'upstream')


def main(arguments: UpstreamArguments) -> int:
    """The script; returns the exit status."""
    os.makedirs(arguments.output, exist_ok=True)
    stored = os.path.join(arguments.output, 'measurements.json')
    results = read_json(stored, {})
    for recipe, source in SOURCES.items():
        if recipe in arguments.recipes or (recipe not in results and not arguments.recipes):
            print(recipe, flush=True)
            results[recipe] = measure(recipe, source, arguments)
            write_json(stored, results, sort_keys=True)
    commits = {repository['repository']: repository['commit'] for repository in clones.repositories()}
    text = page(SOURCES, commits, results, _MODULE)
    write_page(arguments.output, text)
    return 0


def measure(recipe: str, source: Source, arguments: UpstreamArguments) -> Dict[str, Any]:
    """{'float64' and 'float32': see `compare`; 'sensitivity': see there}."""
    flags = ['--recipe=' + recipe, *source.flags]
    result: Dict[str, Any] = {}
    for precision in ('float64', 'float32'):
        with tempfile.TemporaryDirectory() as folder:
            record(source, precision, folder, arguments)
            with double_precision() if precision == 'float64' else contextlib.nullcontext():
                result[precision] = compare(folder, flags, precision, source.canceled)
            if precision == 'float32':
                result['sensitivity'] = sensitivity(folder, flags, source.canceled)
    return result


def record(source: Source, precision: str, folder: str, arguments: UpstreamArguments) -> None:
    """Runs a script in a new copy of its repository, and records its first steps in a folder."""
    repository, = [entry for entry in clones.repositories() if entry['repository'] == source.repository]
    with tempfile.TemporaryDirectory() as copy:
        clones.copy(repository, os.path.join(copy, 'copy'), arguments.code_dir, arguments.clone)
        script = os.path.join(copy, 'copy', source.script)
        before, in_a_step = source.runs
        recorder = {'folder': os.path.abspath(folder), 'losses': source.losses, 'precision': precision}
        command = [sys.executable, '-m', 'scripts.experiments.upstream.record', json.dumps(recorder),
                   '--max_runs=%d' % (before + in_a_step * arguments.steps),
                   '--data_dir=' + os.path.abspath(arguments.data_dir), os.path.basename(script)]
        environment = {**os.environ, 'PYTHONPATH': paths.ROOT, 'PYTHONWARNINGS': 'ignore', 'TF_CPP_MIN_LOG_LEVEL': '3',
                       'TF_USE_LEGACY_KERAS': '1'}
        status, output = clones.run(command, os.path.dirname(script), environment, _SECONDS)
    if status != 0 or not os.path.exists(os.path.join(folder, '%d.npz' % (2 * arguments.steps))):
        sys.exit('error: %s did not train for %d steps:\n%s' % (source.script, arguments.steps, output))


if __name__ == '__main__':
    cli.main(main, UpstreamArguments)
