"""Collects what happens to the batch norm statistics of a graph, session by session."""
import contextlib
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

import numpy as np

from dcgan_tf1.legacy import session_runs
from dcgan_tf1.legacy.doctor import graph as doctor_graph
from dcgan_tf1.legacy.doctor import run as doctor_run
from dcgan_tf1.legacy.doctor.findings import Finding, describe, report
from dcgan_tf1.legacy.doctor.graph import Analysis, Course, History, Plan

_NORMALIZERS = ('Rsqrt', 'Sqrt', 'Pow')


@contextlib.contextmanager
def watch() -> Iterator['Doctor']:
    """Watches every `Session.run` of the main thread while the block runs."""
    watched = Doctor()
    with session_runs.listen(watched) as counter:
        yield watched
        counter.quietly(watched.finish)


class Doctor(session_runs.Listener):
    """Collects what happens to the batch norm statistics."""

    def __init__(self) -> None:
        self._graphs: Dict[int, Analysis] = {}
        self.histories: Dict[int, History] = {}
        self.applied_gradients = False  # whether the last run did
        self._pending: Optional[Tuple[Any, Any]] = None

    def analysis(self, graph: Any) -> Analysis:
        """The analysis of a graph, which is repeated if the graph has grown."""
        known = self._graphs.get(id(graph))
        size = graph._last_id if hasattr(graph, '_last_id') else len(graph.get_operations())
        if known is None or known.size != size:
            known = Analysis(graph, size, doctor_graph.statistics(graph), doctor_graph.Optimizers(graph), {}, {})
            self._graphs[id(graph)] = known
            self.histories.setdefault(id(graph), History())
        return known

    def before_run(self, session: Any, fetches: Any, feed_dict: Any) -> List[Any]:
        """Asks for the conditions that decide which branches run."""
        self._pending, self.applied_gradients = None, False
        analysis = self.analysis(session.graph)
        if not analysis.statistics:
            return []
        request = doctor_run.request(session.graph, fetches, feed_dict)
        if request not in analysis.plans:
            analysis.plans[request] = _plan(analysis, request)
        self._pending = request, analysis
        return analysis.plans[request].extra

    def after_run(self, session: Any, fetches: Any, feed_dict: Any, extra: List[Any]) -> None:
        """Notes what the run did."""
        if self._pending is None:
            return
        request, analysis = self._pending
        plan = analysis.plans[request]
        known = {op: bool(value) for op, value in zip(plan.conditions, extra)}
        decays = dict(zip([tensor.name for tensor in plan.extra[len(plan.conditions):]], extra[len(plan.conditions):]))
        key = request, tuple(sorted((op.name, value) for op, value in known.items()))
        if key not in analysis.courses:
            analysis.courses[key] = _course(analysis, request, known)
        self._note(session, analysis, analysis.courses[key], decays)

    def _note(self, session: Any, analysis: Analysis, run: Course, decays: Dict[str, Any]) -> None:
        history = self.histories[id(analysis.graph)]
        history.ran |= run.optimizers
        self.applied_gradients = bool(run.optimizers)
        names = {statistic.variable.op.name: statistic for statistic in analysis.statistics}
        updated = set()
        for statistic, update in run.updated:
            name = statistic.variable.op.name
            decay = doctor_run.constant(update.decay)
            if decay is None and update.decay is not None and update.decay.name in decays:
                decay = float(decays[update.decay.name])
            if decay == 0:
                continue
            updated.add(name)
            history.updates[name] += 1
            if decay is not None:
                history.momentum[name] = 1 - decay
            owners = analysis.optimizers.of_layer(statistic.layer)
            if run.optimizers and owners and not owners & run.optimizers:
                history.foreign.setdefault(name, set()).update(run.optimizers)
        assigned = {op.name for op in run.assigned} & set(names)
        history.changed |= assigned | updated
        for name in assigned:
            initialized = names[name].variable.initializer in run.assigned
            (history.restored.discard if initialized else history.restored.add)(name)
            if initialized:
                history.updates[name] = 0
        for statistic in run.inference:
            self._look(session, analysis, statistic, history)

    def _look(self, session: Any, analysis: Analysis, variance: doctor_graph.Statistic, history: History) -> None:
        """Reads the statistics that a layer has just normalized with, if they may have changed."""
        name = variance.variable.op.name
        history.inference_runs[name] += 1
        if name in history.changed or name not in history.initial:
            layer = [statistic for statistic in analysis.statistics if statistic.layer == variance.layer]
            values = session.run([statistic.variable for statistic in layer])
            history.initial[name] = all(np.all(value == (1 if statistic.is_variance else 0))
                                        for statistic, value in zip(layer, values))
            history.changed.discard(name)

    def finish(self) -> None:
        """Called at the end, before the sessions are forgotten."""

    def findings(self) -> List[Finding]:
        """What is wrong, the worst first."""
        found = [finding for key, analysis in self._graphs.items()
                 for finding in describe(analysis, self.histories[key], _with_inference(analysis))]
        return sorted(found, key=lambda finding: finding.rank)

    def report(self) -> str:
        """The findings as text."""
        return report(self.findings())


def _plan(analysis: Analysis, request: doctor_run.Request) -> Plan:
    ops = doctor_run.executed(request.ops, request.fed, {})
    conditions: List[Any] = []
    for op in ops:
        tensor = doctor_run.condition(op)
        if tensor is not None:
            origin = doctor_run.root(tensor)
            if origin not in conditions and origin._get_control_flow_context() is None and len(origin.outputs) == 1 \
                    and origin.outputs[0].dtype.name == 'bool':
                conditions.append(origin)
    decays = [update.decay for statistic in analysis.statistics for update in statistic.updates
              if update.op in ops and update.decay is not None and doctor_run.constant(update.decay) is None
              and update.decay.op._get_control_flow_context() is None]
    return Plan([op.outputs[0] for op in conditions] + decays, conditions)


def _course(analysis: Analysis, request: doctor_run.Request, known: doctor_run.Predicates) -> Course:
    ops = doctor_run.executed(request.ops, request.fed, known)
    updated = []
    for statistic in analysis.statistics:
        for update in statistic.updates:
            condition = None if update.branch is None else known.get(doctor_run.root(update.op.inputs[0]))
            if update.op in ops and (condition is None or condition == update.branch):
                sources = set() if update.batch is None else doctor_run.reads(update.batch, known, request.fed)
                if statistic.variable.op not in sources:  # in inference mode, some layers update with the old value
                    updated.append((statistic, update))
    assigned = set()
    update_ops = {update.op for statistic in analysis.statistics for update in statistic.updates}
    for op in ops - update_ops:
        if op.type.startswith('Assign') and len(op.inputs) > 1:
            assigned.add(op)
            target = doctor_graph.variable_op(op.inputs[0])
            if target is not None:
                assigned.add(target)
    return Course(updated, _inference(analysis, ops - update_ops, request.fed, known), assigned,
                   {analysis.optimizers.of_op[op] for op in ops if op in analysis.optimizers.of_op})


def _with_inference(analysis: Analysis) -> Set[str]:
    """The layers of a graph that normalize with their moving statistics for some feeds, as far as that can be seen."""
    ops = {op for op in analysis.graph.get_operations() if not op.type.startswith('Assign')}
    with_variance = {statistic.layer for statistic in analysis.statistics if statistic.is_variance}
    return ({statistic.layer for statistic in _inference(analysis, ops, frozenset(), {})}
            | {statistic.layer for statistic in analysis.statistics} - with_variance)


def _inference(analysis: Analysis, ops: Set[Any], fed: frozenset, known: doctor_run.Predicates
               ) -> List[doctor_graph.Statistic]:
    """The moving variances that executed ops normalize with."""
    variances = {statistic.variable.op: statistic for statistic in analysis.statistics if statistic.is_variance}
    used: Set[Any] = set()
    for op in ops:
        if op.type.startswith('FusedBatchNorm') and 'Grad' not in op.type and not op.get_attr('is_training'):
            used |= doctor_run.reads(op.inputs[4], known, fed)
        elif op.type in _NORMALIZERS:
            source = op.inputs[0]
            if source.op.type in ('Add', 'AddV2'):
                for part in source.op.inputs:
                    used |= doctor_run.reads(part, known, fed)
        elif op.type in ('If', 'StatelessIf'):
            used |= doctor_run.reads(op.outputs[0], known, fed)
    return [variances[op] for op in used if op in variances]

