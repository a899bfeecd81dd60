"""Draws combinations of features for some minutes, and checks what must hold for each of them.

  python -m scripts.robustness.seams --seed=1 --minutes=30

Every combination has a seed of its own. Prints each in which something is broken, and keeps its files in --runs. Writes
README.md and measurements.json to --output. Exits with status 1 if anything was broken.
"""
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, Optional, Sequence

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import precision
from dcgan_tf1.settings import cli, fields
from dcgan_tf1.util import pages
from scripts.lib import fork_server
from scripts.lib.arguments import output_folder
from scripts.lib.measurements import read_json, write_json, write_page
from scripts.robustness.seams import combinations, invariants

_INTRODUCTION = '''# Combinations of features

Does anything break where features meet?

Measured by `python -m scripts.robustness.seams`, which draws trainings and what is done with them from a [table of
features](../../../scripts/robustness/seams/combinations.py), and checks each with these
[invariants](../../../scripts/robustness/seams/invariants.py):

%s
''' % '\n'.join('- %s' % invariant.__doc__ for invariant in invariants.INVARIANTS)


@dataclasses.dataclass(frozen=True)
class SeamsArguments(fields.Settings):
    """Arguments of this script."""

    seed: int = fields.integer(0, 0, 'seed of the first combination; the next has the next')
    minutes: float = fields.number(
        30., lambda value: value >= 0, 'must be 0 or more', 'no combination is begun later; 0 checks one')
    runs: Optional[str] = fields.path(None, 'folder for the files of broken combinations; default: a new one')
    output: str = output_folder('robustness', 'seams')


def _report(results: Dict[str, Dict[str, Any]]) -> str:
    rows: List[Sequence[Any]] = []
    for name, result in results.items():
        rows += [[name, result['combinations'], '', '']]
        rows += [['', seed, invariant, pages.escape(message.splitlines()[0][:200])]
                 for seed, found in result['broken'].items() for invariant, message in found['found'].items()]
    return _INTRODUCTION + '\n' + pages.markdown_table(
        ['TensorFlow', 'combinations, or `--seed` of a broken one', 'broken', 'found'], rows)


def main(arguments: SeamsArguments) -> int:
    """The script; returns the exit status."""
    deadline, seed = time.monotonic() + 60 * arguments.minutes, arguments.seed
    only = {} if precision.works('bfloat16') else {'precision': ('float32',)}
    os.makedirs(arguments.output, exist_ok=True)
    runs = arguments.runs or tempfile.mkdtemp()
    path = os.path.join(arguments.output, 'measurements.json')
    results = read_json(path, {})
    result = results.setdefault(tf.__version__, {'combinations': 0, 'broken': {}})
    while True:
        drawn = combinations.draw(seed, **only)
        found = invariants.broken(drawn, os.path.join(runs, str(seed)))
        result['combinations'] += 1
        if found:
            result['broken'][str(seed)] = {'drawn': drawn, 'found': found}
            print('--seed=%d --minutes=0: %s' % (seed, json.dumps(result['broken'][str(seed)], indent=1)), flush=True)
        write_json(path, results, sort_keys=True)
        write_page(arguments.output, _report(results))
        print('%d combinations, %d broken' % (result['combinations'], len(result['broken'])), flush=True)
        seed += 1
        if time.monotonic() >= deadline:
            return int(bool(result['broken']))


if __name__ == '__main__':
    if sys.platform == 'linux':
        subprocess.Popen = fork_server.ForkingPopen  # type: ignore[misc]
    cli.main(main, SeamsArguments)
