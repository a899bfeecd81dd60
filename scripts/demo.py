"""Sets up an environment and trains on the handwritten digits that scikit-learn carries: no data to fetch.

  python scripts/demo.py            (further flags go to the training, as in: python scripts/demo.py --seed=1)
"""
import subprocess
import sys

import environment

if __name__ == '__main__':
    try:
        sys.exit(subprocess.call([environment.prepared(), '-m', 'dcgan_tf1.train', '--flagfile=flags/demo.flags',
                                  *sys.argv[1:]], cwd=environment.ROOT))
    except KeyboardInterrupt:
        sys.exit(130)
