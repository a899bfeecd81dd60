"""What happens in a process before it imports TensorFlow."""
import os
import tempfile

import pytest

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
