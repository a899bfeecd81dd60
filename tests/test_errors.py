"""Errors that a user can mend: one line, status 1; and what is none."""
import ast
import glob
import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.errors import UserError, exit_status


def too_much_for_numpy():
    np.ones([10 ** 6] * 2 + [10 ** 5])


def too_much_for_tensorflow():
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.random_uniform([10 ** 5, 10 ** 5, 10 ** 6]))


def no_file():
    open('nowhere/file')


def refused():
    raise UserError('--a=1 is not it: give 2')


@pytest.mark.parametrize('command,line', [
    (too_much_for_numpy, 'give a smaller --batch_size'), (too_much_for_tensorflow, 'give a smaller --batch_size'),
    (no_file, 'error: nowhere/file: No such file or directory; mend that'),
    (refused, 'error: --a=1 is not it: give 2')])
def test_one_line(command, line, capsys):
    assert exit_status(command) == 1
    told, = capsys.readouterr().err.splitlines()[-1:]
    assert told.startswith('error: ') and line in told


def test_what_is_no_user_error():
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 / 0)
    assert exit_status(lambda: 3) == 3


WAYS = ('name', 'give', 'choose', 'use', 'put', 'bring', 'begin', 'restore', 'mend', 'delete', 'remove', 'train',
        'wait', 'raise', 'leave', 'score', 'make', 'may help', 'lists them', 'needs', 'must hold', 'it takes')


def test_every_message_names_something_and_a_way_out():
    """As far as a test can tell: a flag or a value that is filled in, and a word that says what to do."""
    root, found = os.path.dirname(os.path.dirname(os.path.abspath(__file__))), []
    for path in glob.glob(os.path.join(root, '*', '**', '*.py'), recursive=True):
        with open(path, encoding='utf-8') as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree) if 'tests' not in path[len(root):].split(os.sep) else ():
            if isinstance(node, ast.Call) and getattr(node.func, 'id', None) in ('UserError', 'Damaged'):
                text = ' '.join(part for part in (getattr(child, 'value', None) or getattr(child, 's', None)
                                                  for child in ast.walk(node.args[0])) if isinstance(part, str))
                found.append(text)
                assert '%' in text or '--' in text or 'dcgan_tf1' in text, (path, node.lineno, text)
                assert re.search(r'\b(%s)\b' % '|'.join(WAYS), text), (path, node.lineno, text)
    assert len(found) > 50
