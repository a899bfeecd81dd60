"""Tries every supported TensorFlow, and writes docs/versions.md.

  python3 -m scripts.versions                          (all that were not measured yet)
  python3 -m scripts.versions --versions=2.4.4,2.7.4   (only these; a Python is selected with "2.21.0 on Python 3.13")
  python3 -m scripts.versions --again                  (also what was measured before)

For each version it creates an environment, runs the quick tests of what depends on TensorFlow, trains three recipes for
four steps, and exchanges checkpoints with the oldest version. Then it deletes the environment, which takes 1 to 3 GB.
It needs the Pythons on PATH or from pyenv, a network, and itself only the standard library.
"""
import argparse
import json
import os
import sys
from typing import Any, Dict, Optional, Sequence

from scripts import environment
from scripts.versions import page
from scripts.versions.catalog import VERSIONS, Version
from scripts.versions.measure import StepFailed, Workplace, measure

OLDEST = VERSIONS[0]
MEASUREMENTS = os.path.join(environment.ROOT, 'results', 'versions', 'measurements.json')
PAGE = os.path.join(environment.ROOT, 'docs', 'versions.md')


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog='python3 -m scripts.versions', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--versions', default='',
                        help='comma-separated, such as 2.4.4 or "2.21.0 on Python 3.13" (default: all)')
    parser.add_argument('--again', action='store_true', help='also measure what was measured before')
    parser.add_argument('--keep', action='store_true', help='keep the environments and runs')
    parser.add_argument('--folder', default=os.path.join(environment.ROOT, 'runs', 'versions'),
                        help='folder for the environments and runs (default: %(default)s)')
    parsed = parser.parse_args(arguments)
    selected = parsed.versions.split(',') if parsed.versions else []
    unknown = [text for text in selected if not any(_is_selected(version, [text]) for version in VERSIONS)]
    if unknown:
        parser.error('--versions: there is no %s, only %s'
                     % (unknown[0], ', '.join(version.name for version in VERSIONS)))
    parsed.versions = [version for version in VERSIONS if not selected or _is_selected(version, selected)]
    return parsed


def _is_selected(version: Version, selected: Sequence[str]) -> bool:
    return version.tensorflow in selected or version.name in selected


def read_measurements(path: str) -> Dict[str, Any]:
    """What was measured so far: {name of the version: values}."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.partial', 'w', encoding='utf-8') as file:
        file.write(text)
    os.replace(path + '.partial', path)


def _store(version: Version, values: Dict[str, Any]) -> None:
    measurements = {**read_measurements(MEASUREMENTS), version.name: values}
    _write(MEASUREMENTS, json.dumps(measurements, indent=1, sort_keys=True) + '\n')
    _write(PAGE, page.render(measurements))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The script; returns the exit status: 1 if a version failed."""
    parsed = parse(arguments)
    workplace = Workplace(parsed.folder)
    measurements = read_measurements(MEASUREMENTS)
    missing = [version for version in parsed.versions if parsed.again or version.name not in measurements]
    if missing and OLDEST not in missing:  # all others need its environment and its runs
        if os.path.isdir(workplace.runs(OLDEST)):
            workplace.install(OLDEST)
        else:
            missing.insert(0, OLDEST)
    failed = False
    for version in missing:
        print('TensorFlow %s …' % version.name, flush=True)
        try:
            values = measure(workplace, version, OLDEST)
            print(json.dumps(values['tests']), flush=True)
            failed = failed or bool(values['tests']['failed'])
            _store(version, values)
        except StepFailed as error:  # nothing is stored: the next call tries it again
            print('TensorFlow %s failed:\n%s' % (version.name, error), flush=True)
            failed = True
        if version != OLDEST and not parsed.keep:
            workplace.delete_environment(version)
            workplace.delete_runs(version)  # those of the oldest stay: a later call needs them
    if not parsed.keep:
        workplace.delete_environment(OLDEST)
    _write(PAGE, page.render(read_measurements(MEASUREMENTS)))
    return int(failed)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
