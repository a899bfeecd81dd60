"""Writes docs/versions.md from the measurements."""
from typing import Any, Dict, List

from scripts.versions import measure
from scripts.versions.catalog import VERSIONS

_INTRODUCTION = """# TensorFlow versions

One source runs on TensorFlow 1.13 to 2.21, on Python 3.7 to 3.13. %(count)d versions were tried, listed below.
`pip install .` takes the newest TensorFlow that exists for the Python: 2.11 on Python 3.7, 2.13 on 3.8, 2.20 on 3.9 and
2.21 on 3.10 to 3.13. An installed TensorFlow of this range is kept. To choose another, name it in the same command, and
for TensorFlow before 2.16 on Python 3.9 or later also `"numpy<2"`:

```
pip install "tensorflow==2.10.*" "numpy<2" .
```

`scripts/demo.py` and `scripts/test.py` install TensorFlow 1.15.5 on Python 3.7.

Each row is what `python3 -m scripts.versions` saw on that day, at that commit, in a new environment on a machine
without a GPU:

- **Tests**: the quick tests of what depends most on TensorFlow (%(tests)s). Skipped are those of features that the
  version lacks.
- **Steps trained**: of %(recipes)s. *First loss* is the largest relative difference of their first discriminator losses
  from those on TensorFlow %(oldest)s.
- **Checkpoints**: a run of TensorFlow %(oldest)s was sampled and resumed here, and then resumed there again; a run from
  here was sampled there. The number is the largest difference of a gray level (of 255) between the images that the two
  TensorFlows generate from the same checkpoint.
- **bfloat16**: whether `--precision=bfloat16` trains. Elsewhere the command says so in one line.

"""
_LIMITS = """
## Known limits

- Runs are exact to the last bit only on the TensorFlow that started them: the log says so when another one resumes.
- `--precision=bfloat16` needs a TensorFlow with kernels and gradients for it: see the table. The commands try it with
  small layers before they begin, so they also know about versions that are not in the table.
- `python -m dcgan_tf1.legacy` needs tf_slim on TensorFlow 2, and tf_keras on TensorFlow 2.16 and later:
  see [install](getting-started.md#install). Before, `tf.layers` is TensorFlow's own.
- What `--kernels=auto` gains was measured on TensorFlow 2.21 only.
"""


def render(measurements: Dict[str, Any]) -> str:
    """The page.

    Args:
      measurements: {name of the version: values}, see `measure`.
    """
    oldest = measurements.get(VERSIONS[0].name, {})
    recipes = ['`%s`' % recipe for recipe in measure.RECIPES]
    tests = [path.split('/test_')[1].split('.')[0] for path in measure.TESTS]
    text = _INTRODUCTION % {
        'tests': ', '.join('`%s`' % name for name in tests), 'oldest': VERSIONS[0].tensorflow,
        'count': len({values['tensorflow'] for values in measurements.values()}),
        'recipes': ', '.join(recipes[:-1]) + ' and ' + recipes[-1]}
    rows = [['TensorFlow', 'Python', 'NumPy', 'tests passed', 'failed', 'skipped', 'steps trained', 'first loss',
             'checkpoints', 'bfloat16', 'measured', 'commit']]
    rows += [_row(measurements[version.name], oldest) for version in VERSIONS if version.name in measurements]
    rows.insert(1, ['---'] * len(rows[0]))
    text += ''.join('| %s |\n' % ' | '.join(row) for row in rows)
    missing = [version.name for version in VERSIONS if version.name not in measurements]
    if missing:
        text += '\nNot measured yet: %s.\n' % ', '.join(missing)
    failures = ['- TensorFlow %s: `%s`\n' % (name, failure) for name in sorted(measurements)
                for failure in measurements[name]['tests']['failures']]
    if failures:
        text += '\nTests that failed:\n\n' + ''.join(failures)
    return text + _LIMITS


def _row(values: Dict[str, Any], oldest: Dict[str, Any]) -> List[str]:
    tests, losses = values['tests'], values['first_losses']
    checkpoints = difference = ''
    if 'with' in values:
        checkpoints = '%d steps, %d' % (values['steps_there_here_there'],
                                        max(values['gray_levels_here'], values['gray_levels_there']))
        difference = '%.0e' % max(abs(losses[recipe] / oldest['first_losses'][recipe] - 1) for recipe in losses)
    return [values['tensorflow'], values['python'], values['numpy'], str(tests['passed']), str(tests['failed']),
            str(tests['skipped']), ' + '.join(str(values['steps'][recipe]) for recipe in measure.RECIPES), difference,
            checkpoints, 'trains' if 'steps' in values['bfloat16'] else 'refused', values['date'],
            values['commit']]
