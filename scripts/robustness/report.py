"""The report of the robustness checks."""
from typing import Any, Dict, List, Sequence

import numpy as np

from dcgan_tf1.util import charts, pages
from scripts.lib.measurements import Measurements
from scripts.robustness.baseline import FAULT_RECIPE
from scripts.robustness.kills import SIGNALS
from scripts.robustness.long_run import BATCH_SIZE
from scripts.robustness.training_process import CHECKPOINT, ELSEWHERE, PICTURE

_MEBIBYTE = 2 ** 20

_INTRODUCTION = '''# Killed, interrupted and starved trainings

Does a run lose anything when its process dies, or its disk fails?

Measured by `python -m scripts.robustness` with TensorFlow %s and Python %s.

**%s'''

_KILLED = '''
## Killed

The same command was run again and again, and ended by `kill -9` at random steps, until it finished. Then the
run was compared with an undisturbed one: all variables of the last and the best checkpoint (including the
state of Adam and the moving statistics), every logged loss, all pictures byte by byte, and the scores. After
every kill, each file with a final name was read: pictures, JSON, and checkpoints with their checksums. A
partial last line of metrics.jsonl is dropped by the next run of the command.

'''

_INTERRUPTED = '''
## Interrupted

In the same runs, at random steps. The second Ctrl-C was sent as soon as the training had confirmed the first.
Seconds depend on what else the machine was doing.

'''

_FAULTS = '''
## Full disk, read-only folder, deleted folder

`%s`, on small disks of its own. The last column compares the run with an undisturbed one, after the same
command was run again without the fault.

'''

_LONG_RUN = '''
## Long run

![Memory and disk use by step](memory.png)

`%s` in batches of %d, %d steps. Memory: %.0f MiB at step %d, at most %.0f MiB in the
first half and %.0f MiB in the second. Disk: %.1f MiB at step %d, %.1f MiB at the end. The disk use grows with
the grids of samples and the TensorBoard events, which --sample_every, --log_every and --checkpoint_every
control.
'''

_FUZZING = '''
## Damaged files

`python -m scripts.robustness.fuzz` gives damaged files to every reader: [results](fuzz/README.md).
'''


def problems(measurements: Measurements) -> List[str]:
    """Everything that was lost or went wrong, one sentence each."""
    results = []
    for (_, recipe), values in measurements.items('kills', None):
        results += ['%s: unreadable file after a kill: %s' % (recipe, fault) for fault in values['partial_files']]
        results += ['%s, killed: differs from the undisturbed run: %s' % (recipe, name)
                    for name in values['differences']]
        results += ['%s: %s was left in checkpoints/' % (recipe, name) for name in values['leftovers']]
        for name, outcome in values['signals'].items():
            if not _ended_well(name, outcome):
                results.append('%s, %s: status %d' % (recipe, name, outcome['status']))
    for _, faults in measurements.items('faults', None):
        for name, values in faults.items():
            results += ['%s: unreadable file: %s' % (name, fault) for fault in values['partial_files']]
            results += ['%s: differs from the undisturbed run: %s' % (name, part)
                        for part in values['differences']]
            if values['status'] != 1 or '\n' in values['error'] or not values['error']:
                results.append('%s: status %d, and not one line: %s' % (name, values['status'], values['error']))
    return results


def _ended_well(signal_name: str, outcome: Dict[str, Any]) -> bool:
    saves = len(SIGNALS[signal_name][0]) == 1  # a second signal ends it without saving
    return (outcome['status'] == SIGNALS[signal_name][1] and not outcome['traceback']
            and (outcome['saved'] or not saves))


def readme(measurements: Measurements, long_steps: int) -> str:
    """The content of README.md.

    Args:
      measurements: as `__main__` stores them.
      long_steps: steps of the long run.
    """
    killed = {recipe: values for (_, recipe), values in measurements.items('kills', None)}
    versions = measurements.content['versions']
    text = _INTRODUCTION % (versions['tensorflow'], versions['python'], _verdict(killed, problems(measurements)))
    if killed:
        text += _KILLED + _kill_table(killed) + _INTERRUPTED + _signal_table(killed)
    for _, faults in measurements.items('faults', None):
        text += _FAULTS % FAULT_RECIPE + _fault_table(faults)
    for _, values in measurements.items('long', None):
        text += _long_run(values, long_steps)
    return text + _FUZZING


def _verdict(killed: Dict[str, Any], found: Sequence[str]) -> str:
    kills = sum(sum(values['kills'].values()) for values in killed.values())
    text = '%d times `kill -9` in trainings of %d recipes: ' % (kills, len(killed))
    if not found:
        return text + 'nothing was lost. Every run ended bit for bit like the undisturbed one.**\n'
    return text + 'this was lost or went wrong:**\n' + ''.join('\n- %s' % problem for problem in found) + '\n'


def _kill_table(killed: Dict[str, Any]) -> str:
    header = ['recipe', 'kills in a checkpoint', 'kills in a picture', 'kills elsewhere', 'partial lines',
              'partial files', 'differences']
    return pages.markdown_table(header, [
        ['`%s`' % recipe, *(values['kills'][moment] for moment in (CHECKPOINT, PICTURE, ELSEWHERE)),
         values['partial_lines'], len(values['partial_files']), len(values['differences'])]
        for recipe, values in killed.items()])


def _signal_table(killed: Dict[str, Any]) -> str:
    rows = [['`%s`' % recipe, name, '%.2f' % outcome['seconds'], outcome['status'],
             'yes' if outcome['saved'] else 'no']
            for recipe, values in killed.items() for name, outcome in sorted(values['signals'].items())]
    return pages.markdown_table(['recipe', 'signal', 'seconds to the end', 'exit status', 'saved'], rows)


def _fault_table(faults: Dict[str, Any]) -> str:
    rows = []
    for name, values in sorted(faults.items()):
        result = 'differs' if values['differences'] else 'like the undisturbed run'
        rows.append([name, values['status'], ' '.join(values['error'].split()), result])
    return pages.markdown_table(['fault', 'exit status', 'message', 'afterwards'], rows)


def _long_run(values: Dict[str, List[int]], long_steps: int) -> str:
    steps, memory, disk = (values['step'], *(np.array(values[name]) / _MEBIBYTE for name in ('memory', 'disk')))
    half = len(steps) // 2
    return _LONG_RUN % (FAULT_RECIPE, BATCH_SIZE, long_steps, memory[0], steps[0], max(memory[:half]),
                        max(memory[half:]), disk[half], steps[half], disk[-1])


def draw_long_run(values: Dict[str, List[int]]) -> bytes:
    """A PNG of memory and disk use by step; `values`: see `long_run.measure_long_run`."""
    figure = charts.figure(7, 2.6)
    for axes, name, title in zip(figure.subplots(1, 2), ('memory', 'disk'),
                                 ('Resident memory of the process', 'Size of the run folder')):
        sizes = np.array(values[name]) / _MEBIBYTE
        axes.plot(values['step'], sizes, color=charts.COLORS['blue'], linewidth=1.6)
        axes.set_ylim(0, 1.1 * max(sizes))
        charts.label(axes, title, 'Step', 'MiB')
    return charts.render(figure)
