"""Sets up a virtual environment and trains on the handwritten digits of scikit-learn. Downloads no dataset.

  python scripts/demo.py
  python scripts/demo.py --seed=1

All flags are passed to the training.
"""
import subprocess
import sys

import environment

if __name__ == '__main__':
    try:
        command = [environment.prepared(), '-m', 'dcgan_tf1.train', '--recipe=demo', *sys.argv[1:]]
        sys.exit(subprocess.call(command, cwd=environment.ROOT))
    except KeyboardInterrupt:
        sys.exit(130)
