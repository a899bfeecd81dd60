"""Full disks, read-only folders and deleted folders. Needs Linux, `unshare`, and the right to mount disks."""
import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
from typing import Any, Dict, Tuple

from dcgan_tf1.runs.checkpoints import saving as checkpoints
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings.fields import Settings
from scripts.robustness.baseline import FAULT_RECIPE, train_baseline
from scripts.robustness.comparison import differences, partial_files
from scripts.robustness.training_process import TrainingProcess

_CAN_MOUNT = 'DCGAN_TF1_CAN_MOUNT'  # environment variable: yes or no, once it is known
_MEBIBYTE = 2 ** 20


def restart_with_mounts(module: str) -> None:
    """Restarts this script in a mount namespace of its own, where it may mount disks, if this system allows that.

    Args:
      module: name of the script, for `python -m`.
    """
    enter_namespace = ['unshare', '--user', '--map-root-user', '--mount']
    if _CAN_MOUNT in os.environ:
        return
    os.environ[_CAN_MOUNT] = 'no'
    if shutil.which('unshare') and subprocess.call([*enter_namespace, 'mount', '-t', 'tmpfs', 'none', '/mnt'],
                                                   stderr=subprocess.DEVNULL) == 0:
        os.environ[_CAN_MOUNT] = 'yes'
        os.execvp(enter_namespace[0], [*enter_namespace, sys.executable, '-m', module, *sys.argv[1:]])
    print('This system does not allow mounting small disks: full and read-only disks are not tested.',
          file=sys.stderr)


def can_mount() -> bool:
    """Whether `restart_with_mounts` succeeded."""
    return os.environ.get(_CAN_MOUNT) == 'yes'


def _mount(*arguments):
    subprocess.check_call(['mount', *arguments])


class _Disks:
    """Small disks with a training on each."""

    def __init__(self, folder, stack, arguments):
        """`folder`: where the disks are mounted; `stack`: an ExitStack that unmounts them."""
        self._folder, self._stack = folder, stack
        self.half = arguments.steps // 2  # the step at which faults happen
        self._baseline = train_baseline(FAULT_RECIPE, folder, arguments)
        last = checkpoints.last_checkpoint(RunFolder(os.path.join(folder, FAULT_RECIPE)))
        self.checkpoint_size = sum(map(os.path.getsize, glob.glob(last + '*')))
        self.ample = 50 * self.checkpoint_size  # bytes, more than a run needs

    def new(self, name: str, size: int) -> Tuple[str, TrainingProcess]:
        """Mounts a disk of `size` bytes. Returns its path and a training whose run folder is on it."""
        path = os.path.join(self._folder, name)
        os.makedirs(path)
        _mount('-t', 'tmpfs', '-o', 'size=%d' % size, 'none', path)
        self._stack.callback(subprocess.check_call, ['umount', '--lazy', path])
        return path, TrainingProcess(self._folder, os.path.join(name, 'run'), FAULT_RECIPE, *self._baseline.flags)

    def resume_and_compare(self, training: TrainingProcess, status: int, error: str) -> Dict[str, Any]:
        """Runs the command again, without the fault, and compares the result with the undisturbed run."""
        faults = partial_files(training.folder)
        training.finish()
        return {'status': status, 'error': error.replace(self._folder + os.sep, ''), 'partial_files': faults,
                'differences': differences(training.folder, self._baseline.content)}


def _full_disk(disks):
    # With room for the two checkpoints that are kept, and for half of the third, which is written before the
    # oldest is removed.
    path, training = disks.new('full', int(2.5 * disks.checkpoint_size) + 2 * _MEBIBYTE)
    status, error = training.run()
    _mount('-o', 'remount,size=%d' % disks.ample, path)
    return disks.resume_and_compare(training, status, error)


def _filled_disk(disks):
    path, training = disks.new('filled', disks.ample)
    training.start()
    training.wait_for_step(disks.half)
    filler = os.path.join(path, 'filler')
    with contextlib.suppress(OSError), open(filler, 'wb', buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    status, _ = training.end()
    os.remove(filler)
    return disks.resume_and_compare(training, status, training.error())


def _read_only_folder(disks):
    path, training = disks.new('read_only', disks.ample)
    training.start()
    training.wait_for_step(disks.half)
    training.end(signal.SIGTERM)
    _mount('-o', 'remount,ro', path)
    status, error = training.run()
    _mount('-o', 'remount,rw', path)
    return disks.resume_and_compare(training, status, error)


def _deleted_folder(disks):
    _, training = disks.new('deleted', disks.ample)
    training.start()
    training.wait_for_step(disks.half)
    shutil.rmtree(training.folder.path, ignore_errors=True)
    status, _ = training.end()
    return disks.resume_and_compare(training, status, training.error())


_FAULTS = {'full disk': _full_disk, 'disk filled by another program': _filled_disk,
           'read-only folder': _read_only_folder, 'folder deleted during training': _deleted_folder}


def inject_faults(folder: str, arguments: Settings) -> Dict[str, Any]:
    """Trains on small disks that fail: {fault: measurements for the report}.

    Args:
      folder: an empty or missing folder; disks are mounted below it and unmounted at the end.
      arguments: with --steps.
    """
    with contextlib.ExitStack() as stack:
        disks = _Disks(folder, stack, arguments)
        return {name: inject(disks) for name, inject in _FAULTS.items()}
