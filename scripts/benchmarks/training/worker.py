"""The process of one implementation: builds it, then trains as many steps as it is asked to.

  python -m scripts.benchmarks.training.worker TASK

TASK is a JSON object, see `tasks.make_task`. Standard input receives numbers of steps, one per line. Standard
output gets JSON objects, one per line: first {"parameters", "framework", "device", "details"}, then one for
each window, in which "start" and "end" are pairs (CPU seconds of the process, clock). {"unavailable": reason}
may replace any of them and is the last. Everything that the frameworks print goes to standard error.
"""
import importlib
import json
import math
import os
import resource
import sys
import time
import traceback


def peak_memory() -> int:
    """Peak bytes of memory that the process occupied."""
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _summary(error):
    """An exception as one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]


def _train_window(program, steps):
    start = time.process_time(), time.perf_counter()
    losses = program.train(steps)
    end = time.process_time(), time.perf_counter()
    if losses and not all(map(math.isfinite, losses)):
        raise ArithmeticError('its losses became %s and %s' % tuple(losses))
    seconds = end[1] - start[1]
    return {'seconds': seconds, 'milliseconds': 1000 * seconds / steps * program.scale, 'losses': losses,
            'start': start, 'end': end, 'peak': peak_memory(), 'device_peak': program.gpu_memory()}


def main() -> None:
    """The process."""
    task = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)

    def reply(message):
        replies.write(json.dumps(message) + '\n')
        replies.flush()
    try:
        program = importlib.import_module('scripts.benchmarks.training.' + task['module']).build(task)
        reply({'parameters': program.parameters, 'framework': program.framework, 'device': program.device,
               'details': program.details})
        for line in sys.stdin:
            reply(_train_window(program, int(line)))
    # A missing package, an unknown flag, no compiler, no memory: the other implementations run nevertheless.
    except Exception as error:
        traceback.print_exc()
        reply({'unavailable': _summary(error)})


if __name__ == '__main__':
    main()
