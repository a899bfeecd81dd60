"""A contestant's process: builds it, then trains windows of steps when told to.

  python -m benchmarking.worker TASK

TASK is a JSON object (see `contestants.task`). Standard input brings numbers of steps, a line each; standard output
takes JSON objects, a line each: first {"parameters", "framework", "device", "details"}, then one a window, in which
"began" and "ended" are pairs (CPU seconds of the process, a clock). Instead of any, {"unavailable": why} ends it.
Whatever the frameworks print goes to standard error.
"""
import importlib
import json
import math
import os
import resource
import sys
import time


def peak_memory():
    """Bytes of memory that the process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def reason(error):
    """An exception as one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160]


def main():
    task = json.loads(sys.argv[1])
    channel = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)

    def tell(**message):
        channel.write(json.dumps(message) + '\n')
        channel.flush()
    try:
        worker = importlib.import_module('benchmarking.' + task['module']).build(task)
        tell(parameters=worker.parameters, framework=worker.framework, device=worker.device, details=worker.details)
        for line in sys.stdin:
            steps = int(line)
            began = time.process_time(), time.perf_counter()
            losses = worker.train(steps)
            ended = time.process_time(), time.perf_counter()
            if losses and not all(map(math.isfinite, losses)):
                raise ArithmeticError('its losses became %s and %s' % tuple(losses))
            seconds = ended[1] - began[1]
            tell(seconds=seconds, milliseconds=1000 * seconds / steps * worker.scale, losses=losses, began=began,
                 ended=ended, peak=peak_memory(), device_peak=worker.device_peak())
    # A missing package, an unknown flag, no compiler, no memory: whatever it is, the others go on.
    except Exception as error:
        import traceback
        traceback.print_exc()
        tell(unavailable=reason(error))


if __name__ == '__main__':
    main()
