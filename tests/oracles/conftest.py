"""Comparisons with other implementations are made with the sessions that users have."""
import pytest
from tensorflow.python.client.session import BaseSession


@pytest.fixture(scope='module', autouse=True)
def use_original_sessions(original_sessions):
    """All tests of this folder use them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseSession, '__init__', original_sessions)
        yield
