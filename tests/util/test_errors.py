"""Errors that the user can fix end with one line and status 1. Bugs end with a traceback."""
import ast
import glob
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT

from dcgan_tf1.settings.cli import exit_status
from dcgan_tf1.util.errors import UserError, short_reason


def exhaust_memory_of_numpy():
    np.ones([10 ** 6] * 2 + [10 ** 5])


def exhaust_memory_of_tensorflow():
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.random_uniform([10 ** 5, 10 ** 5, 10 ** 6]))


def exhaust_memory_of_a_gpu():
    raise tf.errors.ResourceExhaustedError(None, None, "Graph execution error:\n\nDetected at node 'MatMul'\nNode: "
                                           "'MatMul'\nOOM when allocating tensor\n\t [[{{node MatMul}}]]")


def open_a_missing_file():
    open('nowhere/file')


def refuse_a_flag():
    raise UserError('--a=1 is too small: use 2')


@pytest.mark.parametrize('command,line', [
    (exhaust_memory_of_numpy, 'use a smaller --batch_size'),
    # TensorFlow waits for ten seconds before it gives up.
    pytest.param(exhaust_memory_of_tensorflow, 'use a smaller --batch_size', marks=pytest.mark.slow),
    (exhaust_memory_of_a_gpu, 'error: out of memory (OOM when allocating tensor): use a smaller --batch_size'),
    (open_a_missing_file, 'error: nowhere/file: No such file or directory; fix that'),
    (refuse_a_flag, 'error: --a=1 is too small: use 2')])
def test_a_user_error_is_one_line(command, line, capsys):
    assert exit_status(command) == 1
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert last_line.startswith('error: ') and line in last_line


def test_other_exceptions_are_raised():
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 / 0)
    assert exit_status(lambda: 3) == 3


# A message that says what to do has one of these words.
ADVICE = ('change', 'choose', 'delete', 'fix', 'free', 'give', 'install', 'lists', 'look like', 'make', 'may help',
          'must', 'name', 'needs', 'put', 'remove', 'rescale', 'restore', 'run', 'set', 'skip', 'start', 'takes',
          'train', 'use', 'wait')


def user_errors():
    """(path, line number, text of the message) of every UserError that the package and the scripts raise."""
    for path in glob.glob(os.path.join(ROOT, '*', '**', '*.py'), recursive=True):
        if os.path.relpath(path, ROOT).split(os.sep)[0] in ('dcgan_tf1', 'scripts'):
            with open(path, encoding='utf-8') as file:
                tree = ast.parse(file.read())
            for node in ast.walk(tree):
                name = getattr(getattr(node, 'func', None), 'id', None)
                if isinstance(node, ast.Call) and name in ('UserError', 'CorruptCheckpointError'):
                    parts = [getattr(child, 'value', None) or getattr(child, 's', None)
                             for child in ast.walk(node.args[0])]
                    yield path, node.lineno, ' '.join(part for part in parts if isinstance(part, str))


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_every_message_names_something_and_says_what_to_do():
    """As far as a test can tell: there is a flag or a value that is filled in, and a word of advice."""
    messages = list(user_errors())
    for path, line, text in messages:
        is_prefix = text.strip(' ,\n').endswith('%s') or not text.strip()  # the rest is in a variable
        assert '%' in text or '--' in text or 'dcgan_tf1' in text or is_prefix, (path, line, text)
        assert re.search(r'\b(%s)\b' % '|'.join(ADVICE), text) or is_prefix, (path, line, text)
    assert len(messages) > 50


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('message', [
    'a.png; No space left on device\n\t [[node Save]]', 'a.png; No space left on device [[node Save]]',
    "Graph execution error:\n\nDetected at node 'Save'\nNode: 'Save'\na.png; No space left on device\n\t [[{{node",
    'From /job:worker/replica:0/task:0:\na.png; No space left on device\n\t [[node Save]]',
    "Graph execution error:\n\nDetected at node 'Save'\nNode: 'Save'\nDetected at node 'Save'\nNode: 'Save'\n"
    'From /job:worker/replica:0/task:0:\na.png; No space left on device\n\t [[{{node Save}}]]'])
def test_the_reason_of_an_error_of_tensorflow(message):
    """On TensorFlow 1.15 and 2, without and with several workers."""
    assert short_reason(ValueError(message)) == 'a.png; No space left on device'
