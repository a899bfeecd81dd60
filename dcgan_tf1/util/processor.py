"""The processor. Needs no TensorFlow."""
import os
import platform
from typing import Dict

_IDENTITY = ('cpu family', 'model', 'model name')  # in /proc/cpuinfo


def name() -> str:
    """The number of cores and the name of the processor, such as '2 cores of AMD EPYC (family 26, model 2)'."""
    values = _cpuinfo()
    result = '%d cores of %s' % (threads(), values.get('model name') or platform.processor() or platform.machine())
    if 'cpu family' in values and 'model' in values:  # in a virtual machine, the name often is that of a product line
        result += ' (family %s, model %s)' % (values['cpu family'], values['model'])
    return result


def threads() -> int:
    """The number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on Linux
        return os.cpu_count() or 1


def _cpuinfo() -> Dict[str, str]:
    """The lines about the first core in /proc/cpuinfo that identify it; {} where there is no such file."""
    values: Dict[str, str] = {}
    try:
        with open('/proc/cpuinfo', encoding='utf-8', errors='replace') as file:
            for line in file:
                key, _, value = (part.strip() for part in line.partition(':'))
                if not key and values:
                    break
                if key in _IDENTITY:
                    values[key] = value
    except OSError:
        pass
    return values
