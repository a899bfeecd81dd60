"""The processor: its name, and what the speed of a computation on it depends on. Needs no TensorFlow."""
import hashlib
import os
import platform
from typing import Dict

# What identifies a processor in /proc/cpuinfo, on x86 and on ARM. (The rest are clock rates and numbers of cores.)
_IDENTITY = ('vendor_id', 'cpu family', 'model', 'model name', 'stepping', 'flags', 'CPU implementer',
             'CPU architecture', 'CPU variant', 'CPU part', 'CPU revision', 'Features')
# Environment variables with which TensorFlow uses other kernels, or other numbers of threads.
_VARIABLES = ('TF_ENABLE_ONEDNN_OPTS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS',
              'ONEDNN_MAX_CPU_ISA', 'ONEDNN_DEFAULT_FPMATH_MODE')


def name() -> str:
    """The number of cores and the name of the processor, such as '2 cores of AMD EPYC (family 26, model 2)'."""
    values = _cpuinfo()
    result = '%d cores of %s' % (threads(), values.get('model name') or platform.processor() or platform.machine())
    if 'cpu family' in values and 'model' in values:  # in a virtual machine, the name often is that of a product line
        result += ' (family %s, model %s)' % (values['cpu family'], values['model'])
    return result


def fingerprint() -> str:
    """`name`, with a checksum of all that the speed of TensorFlow's kernels depends on."""
    values = [_cpuinfo(), {variable: os.environ.get(variable) for variable in _VARIABLES}]
    return '%s, %s' % (name(), hashlib.md5(repr(values).encode()).hexdigest()[:8])


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
