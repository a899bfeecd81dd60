"""Runs TensorFlow 1 scripts that this project did not write: `python -m dcgan_tf1.legacy SCRIPT.py`.

Nothing else in the package imports this subpackage. Modules, from the command to its parts:

- `__main__`, `script`: the command line, and the process in which the script runs
- `source`, `python2`: notebooks, and source code that Python 3 cannot run directly
- `importer`, `tensorflow1`, `contrib`, `old_names`, `images`, `input_data`: what is put back
- `record`: what was put back, and where the script uses it
- `session_runs`, `doctor`, `doctor_findings`, `doctor_graph`, `doctor_run`, `repair`: the doctor for batch norm. It is
  also for your own code: `from dcgan_tf1.legacy import doctor`.
"""
