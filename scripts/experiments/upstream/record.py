"""Runs a script with `python -m dcgan_tf1.legacy`, and records its training steps.

  python -m scripts.experiments.upstream.record OPTIONS WORDS…

OPTIONS is a JSON object: the arguments of `Recorder`, and "precision", which is float32 or float64. WORDS are those of
the command `legacy`.
"""
import contextlib
import json
import os
import re
import sys
from typing import Any, Dict, List, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1.legacy import __main__ as legacy
from dcgan_tf1.legacy import session_runs
from scripts.lib.double_precision import double_precision


class Recorder(session_runs.Listener):
    """Writes FOLDER/start.npz with the variables before the training, and FOLDER/N.npz for each of its runs.

    The file of a run has what was fed ('images', if they were fed, and 'noise'), the loss of the network that the run
    trains, and the variables after it, without those of Adam. Runs that train nothing are not recorded.
    """

    def __init__(self, folder: str, losses: Dict[str, str]) -> None:
        """See the class.

        Args:
            folder: where to write.
            losses: {network: name of the tensor with its loss}.
        """
        self._folder, self._losses = folder, losses
        self._count = 0
        self._fed: Optional[Dict[str, np.ndarray]] = None  # to the run in progress

    def before_run(self, session: Any, fetches: Any, feed_dict: Any) -> List[Any]:
        """Asks for the loss of the network that the run trains."""
        self._fed = None
        if not any(isinstance(fetch, tf.Operation) and fetch.name.startswith('Adam')
                   for fetch in tf.nest.flatten(fetches)):
            return []
        if self._count == 0:
            np.savez(os.path.join(self._folder, 'start.npz'), **_variables(session))
        arrays = [np.asarray(value) for value in feed_dict.values()]
        self._fed = {'images' if array.shape[1:] == (28, 28, 1) else 'noise': array
                     for array in arrays if array.ndim > 1}
        network = 'discriminator' if 'images' in self._fed else 'generator'
        return [session.graph.get_tensor_by_name(self._losses[network])]

    def after_run(self, session: Any, fetches: Any, feed_dict: Any, extra: List[Any]) -> None:
        """Writes the file of a run that trained."""
        if self._fed is not None:
            self._count += 1
            np.savez(os.path.join(self._folder, '%d.npz' % self._count), **self._fed, loss=extra[0],
                     **_variables(session))


def _variables(session: Any) -> Dict[str, np.ndarray]:
    return session.run({variable.op.name: variable for variable in session.graph.get_collection(
        tf.GraphKeys.GLOBAL_VARIABLES) if not re.search('/Adam(_1)?$|power(_1)?$', variable.op.name)})


def main() -> int:
    options = json.loads(sys.argv[1])
    precision = options.pop('precision')
    with double_precision() if precision == 'float64' else contextlib.nullcontext():
        with session_runs.listen(Recorder(**options)):
            return legacy.main(sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
