"""Types of the scripts' arguments: what argparse checks, naming the argument, before anything else is done."""
import argparse
import math
import os


def at_least(lowest, kind=int):
    """Finite numbers of that kind, no smaller."""
    def number(text):
        value = kind(text)
        if not lowest <= value < math.inf:
            raise argparse.ArgumentTypeError('%s must be %s or more' % (text, lowest))
        return value
    return number


def list_of(kind):
    """Comma-separated."""
    def parts(text):
        return [kind(part.strip()) for part in text.split(',')]
    parts.__name__ = 'list'
    return parts


def one_of(names):
    """One of these names."""
    def name(text):
        if text not in names:
            raise argparse.ArgumentTypeError('there is no %s: choose among %s' % (text, ', '.join(names)))
        return text
    return name


def any_path(text):
    """The path of something, there or not."""
    if not text.strip():
        raise argparse.ArgumentTypeError('it must not be empty: name a file or folder')
    return text


def folder(path):
    """A folder that is there."""
    if not os.path.isdir(path):
        raise argparse.ArgumentTypeError('%s is not a folder: name one that is there' % path)
    return path
