"""Sets up the environments and runs the linter and all tests, on today's TensorFlow and on TensorFlow 1.15.

  python scripts/test.py            (further arguments go to pytest, as in: python scripts/test.py -k layers)

Today's TensorFlow is tested with the Python that runs this, TensorFlow 1.15 with a Python 3.7 where one is found. Both
run at the same time, for either leaves most of a second core idle; what 1.15 says is shown when today's has ended.
"""
import subprocess
import sys
import tempfile

import environment


def main():
    pythons = [sys.executable]
    if environment.version_of(sys.executable) != (3, 7):
        original = environment.find((3, 7))
        if original:
            pythons.append(original)
        else:
            print('There is no Python 3.7 here: the tests do not run on TensorFlow 1.15.', flush=True)
    pythons = [environment.prepared(python, tests=True) for python in pythons]
    statuses = [subprocess.call([pythons[0], '-m', 'ruff', 'check', '.'], cwd=environment.ROOT)]
    with tempfile.TemporaryFile() as output:
        later = [subprocess.Popen(_pytest(python), cwd=environment.ROOT, stdout=output, stderr=output)
                 for python in pythons[1:]]
        print('--- ' + pythons[0], flush=True)
        statuses.append(subprocess.call(_pytest(pythons[0]), cwd=environment.ROOT))
        for python, process in zip(pythons[1:], later):
            statuses.append(process.wait())
            print('--- ' + python, flush=True)
            output.seek(0)
            sys.stdout.buffer.write(output.read())
    return max(statuses)


def _pytest(python):
    return [python, '-m', 'pytest', *sys.argv[1:]]


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
