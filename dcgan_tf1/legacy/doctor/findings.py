"""The findings of the doctor for batch norm, in words."""
import math
from typing import Any, Dict, Iterable, List, NamedTuple, Set, Tuple

from dcgan_tf1.legacy.doctor import graph as doctor_graph
from dcgan_tf1.legacy.doctor import run as doctor_run
from dcgan_tf1.legacy.doctor.graph import Analysis, History

OPTIMIZED, INITIAL, NEVER_UPDATED, NOT_IN_STEP, OTHER_STEP, WARM_UP = (
    'optimized', 'initial_statistics', 'never_updated', 'not_in_step', 'other_step', 'warm_up')
_ORDER = (OPTIMIZED, INITIAL, NEVER_UPDATED, NOT_IN_STEP, OTHER_STEP, WARM_UP)
_FIX = ('write: updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS, scope="NETWORK"), and create the train op of that '
        'network under tf.control_dependencies(updates)')
_FIX_ELSEWHERE = ('the update ops are not in tf.GraphKeys.UPDATE_OPS, where tf.layers puts them. Write: updates = '
                  'layer.updates for the layers of Keras, or collect your own update ops; and create the train op of '
                  'that network under tf.control_dependencies(updates)')
_NO_UPDATES = ('the layers have no update ops, because they were built for inference mode only: write '
               'training=is_training (in slim: is_training=is_training), a placeholder that is True in training steps')


class Finding(NamedTuple):
    """One thing that is wrong."""

    kind: str  # one of the names above
    layers: List[str]
    text: str  # what happened
    advice: str  # what to write

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _ORDER.index(self.kind)

    def as_json(self) -> Dict[str, Any]:
        """As a JSON object."""
        return dict(self._asdict())


def report(findings: List[Finding]) -> str:
    """The findings as text for the user; empty if there are none."""
    lines = ['Batch norm:'] if findings else []
    for finding in findings:
        lines += ['  %s: %s' % (_shortened(finding.layers), finding.text), '      ' + finding.advice]
    return '\n'.join(lines)


def _shortened(layers: List[str]) -> str:
    return ', '.join(layers[:6]) + (' and %d more' % (len(layers) - 6) if len(layers) > 6 else '')


def _layers(statistics: Iterable[Any]) -> List[str]:
    return sorted({statistic.layer for statistic in statistics})


def describe(analysis: Analysis, history: History, with_inference: Set[str]) -> List[Finding]:
    """The findings about one graph.

    Args:
        analysis: what is known about it.
        history: what happened to its statistics.
        with_inference: the layers that can normalize with their moving statistics.
    """
    return [*_optimized(analysis), *_without_updates(analysis, history, with_inference),
            *_not_in_step(analysis, history), *_other_step(analysis, history), *_warm_up(analysis, history)]


def _optimized(analysis: Analysis) -> List[Finding]:
    trained = set.union(set(), *analysis.optimizers.variables.values())
    wrong = [statistic for statistic in analysis.statistics if statistic.variable.op.name in trained]
    if not wrong:
        return []
    return [Finding(OPTIMIZED, _layers(wrong), 'an optimizer trains the moving statistics',
                    'write: var_list=[v for v in tf.trainable_variables() if …]; tf.global_variables() also contains '
                    'the moving statistics, which are not weights')]


def _trained(analysis: Analysis, history: History, layer: str) -> bool:
    owners = analysis.optimizers.of_layer(layer)  # none, if no optimizer changes anything in the layer's scope
    return bool(owners & history.ran if owners else history.ran)


def _without_updates(analysis: Analysis, history: History, with_inference: Set[str]) -> List[Finding]:
    never = [statistic for statistic in analysis.statistics if statistic.updates
             and not history.updates[statistic.variable.op.name] and statistic.variable.op.name not in history.restored
             and _trained(analysis, history, statistic.layer)]
    # Sampling before the first step is no fault, if the steps update the statistics.
    initial = [statistic for statistic in analysis.statistics if history.initial.get(statistic.variable.op.name)
               and not history.updates[statistic.variable.op.name]]
    always_training = [statistic for statistic in never if statistic.layer not in with_inference]
    return [
        *(Finding(INITIAL, layers, 'ran in inference mode with a moving mean of 0 and a moving variance of 1, the '
                  'initial values', fix + '; or restore a checkpoint that has the statistics')
          for fix, layers in _layers_by_fix(analysis, initial)),
        *(Finding(NEVER_UPDATED, layers, 'trained, but none of the update ops of the moving statistics ran. In '
                  'inference mode, the images will be gray', fix)
          for fix, layers in _layers_by_fix(analysis, [one for one in never if one not in always_training])),
        *(Finding(NEVER_UPDATED, layers, 'trained, but none of the update ops of the moving statistics ran. The script '
                  'builds these layers in training mode only, which does not use the statistics: this matters if the '
                  'checkpoint is used in inference mode later, where the images will be gray', fix)
          for fix, layers in _layers_by_fix(analysis, always_training))]


def _not_in_step(analysis: Analysis, history: History) -> List[Finding]:
    """Networks that have not trained yet, as a generator whose critic trains first: what their train ops depend on."""
    never = []
    for statistic in analysis.statistics:
        name, owners = statistic.variable.op.name, analysis.optimizers.of_layer(statistic.layer)
        if statistic.updates and owners and history.ran and not owners & history.ran and name not in history.restored:
            steps = [op for op, optimizer in analysis.optimizers.of_op.items() if optimizer in owners]
            if not history.updates[name] and not doctor_run.executed(steps, frozenset(), {}) & {
                    update.op for update in statistic.updates}:
                never.append(statistic)
    return [Finding(NOT_IN_STEP, layers, 'not trained yet, and the train op does not depend on the update ops of the '
                    'moving statistics. In inference mode, the images will be gray, unless the script runs the update '
                    'ops, too', fix) for fix, layers in _layers_by_fix(analysis, never)]


def _layers_by_fix(analysis: Analysis, statistics: List[Any]) -> List[Tuple[str, List[str]]]:
    """What to write for layers whose updates did not run."""
    collected = doctor_graph.collected(analysis.graph)
    groups: Dict[str, List[Any]] = {}
    for statistic in statistics:
        fix = _FIX if any(update.op in collected for update in statistic.updates) else (
            _FIX_ELSEWHERE if statistic.updates else _NO_UPDATES)
        groups.setdefault(fix, []).append(statistic)
    return [(fix, _layers(group)) for fix, group in groups.items()]


def _other_step(analysis: Analysis, history: History) -> List[Finding]:
    groups: Dict[Any, Set[str]] = {}
    for statistic in analysis.statistics:
        steps = history.foreign.get(statistic.variable.op.name)
        if steps:
            groups.setdefault(tuple(sorted(steps)), set()).add(statistic.layer)
    return [Finding(OTHER_STEP, sorted(layers), 'the update ops also ran in the step of another network (optimizer %s)'
                    % ', '.join(steps), 'harmless in most cases (with updates_collections=None, slim runs them '
                    'whenever the layer runs); to keep the networks apart, ' + _FIX)
            for steps, layers in groups.items()]


def _warm_up(analysis: Analysis, history: History) -> List[Finding]:
    groups: Dict[Any, Set[str]] = {}
    for statistic in analysis.statistics:
        name = statistic.variable.op.name
        momentum, done = history.momentum.get(name), history.updates[name]
        if momentum is None or name in history.restored or not done:
            continue
        missing = updates_needed(momentum) - done
        if missing > 0:
            groups.setdefault((missing, round(momentum, 6), done), set()).add(statistic.layer)
    return [Finding(WARM_UP, sorted(layers), 'the moving statistics have not warmed up: after %d updates with momentum '
                    '%g, %.0f%% of the initial values are left; %d more updates bring that to 1%%'
                    % (done, momentum, 100 * momentum ** done, missing),
                    'train longer before you use inference mode'
                    + (', or set momentum (decay in slim) to 0.9' if momentum > 0.9 else ''))
            for (missing, momentum, done), layers in groups.items()]


def updates_needed(momentum: float) -> int:
    """Updates after which at most 1% of the initial value is left."""
    return math.ceil(math.log(0.01) / math.log(momentum) - 1e-9) if 0 < momentum < 1 else 0
