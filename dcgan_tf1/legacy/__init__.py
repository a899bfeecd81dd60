"""Runs TensorFlow 1 scripts that this project did not write: `python -m dcgan_tf1.legacy SCRIPT.py`.

From the command to its parts:

- `__main__`, `script`: the command line, and the process in which the script runs
- `source`, `python2`: notebooks, and source code that Python 3 cannot run directly
- `put_back/`: what newer libraries no longer have, and a record of what the script used of it
- `migrate/`: writes the script so that it runs without this package, instead of running it
- `session_runs`: listens to every `Session.run` of the script
- `doctor/`: finds and repairs what is wrong with its batch norm. It is also for your own code:
  `from dcgan_tf1.legacy import doctor`.
"""
