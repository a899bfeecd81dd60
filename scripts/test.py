"""Sets up the environments and runs the linter and all tests, on today's TensorFlow and on TensorFlow 1.15.

  python scripts/test.py            (further arguments go to pytest, as in: python scripts/test.py -k layers)

Today's TensorFlow is tested with the Python that runs this, TensorFlow 1.15 with a Python 3.7 where one is found.
"""
import subprocess
import sys

import environment


def main():
    pythons = [sys.executable]
    if environment.version_of(sys.executable) != (3, 7):
        original = environment.find((3, 7))
        if original:
            pythons.append(original)
        else:
            print('There is no Python 3.7 here: the tests do not run on TensorFlow 1.15.', flush=True)
    statuses = []
    for number, python in enumerate(pythons):
        python = environment.prepared(python, tests=True)
        if number == 0:
            statuses.append(subprocess.call([python, '-m', 'ruff', 'check', '.'], cwd=environment.ROOT))
        print('--- %s' % python, flush=True)
        statuses.append(subprocess.call([python, '-m', 'pytest', *sys.argv[1:]], cwd=environment.ROOT))
    return max(statuses)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
