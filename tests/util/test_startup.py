"""What happens in a process before it imports TensorFlow."""
import os
import subprocess
import sys
import tempfile

import pytest
from helpers import ROOT

from dcgan_tf1.util import startup

pytestmark = pytest.mark.any_tensorflow


@pytest.mark.parametrize('has_temporary_files', [True, False])
def test_notices_are_hidden_unless_nothing_can_be_written(has_temporary_files, monkeypatch, capfd):
    """Without a folder for temporary files, they are shown: TensorFlow can be imported in any case."""
    def fail(*_, **__):
        raise FileNotFoundError(2, 'No usable temporary directory found')
    if not has_temporary_files:
        monkeypatch.setattr(tempfile, 'TemporaryFile', fail)
    with startup._without_notices():
        os.write(2, b'I0000 00:00:1.2 3 port.cc:153] a notice\na message\n')
    printed = capfd.readouterr().err
    assert 'a message' in printed and ('a notice' in printed) != has_temporary_files


def test_keras_is_imported_when_it_is_first_used():
    """And TensorFlow knows it. What was changed for the import of TensorFlow is as before."""
    program = ('import gc, sys, dcgan_tf1\nimport tensorflow as tf\n'
               'assert "keras" not in sys.modules and gc.isenabled()\n'
               'assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("dcgan_tf1")]\n'
               'assert tf.keras.layers.Dense(2)(tf.ones([3, 4])).shape == (3, 2)\n'
               'assert tf.optimizers.Adam is sys.modules["keras"].optimizers.Adam\n'
               'from tensorflow.keras.layers import Dense; assert Dense is tf.keras.layers.Dense')
    environment = {name: value for name, value in os.environ.items() if name != 'TF_USE_LEGACY_KERAS'}
    subprocess.run([sys.executable, '-u', '-c', program], cwd=ROOT, env=environment, check=True)  # -u: it is no fork
