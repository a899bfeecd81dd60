"""Fuzz targets: every reader of files, to be given damaged, absurd and malicious ones.

`python -m scripts.robustness.fuzz` runs them at length; tests run them briefly. Hypothesis draws the files. A
reader must either reject a file, with a one-line error that names the file or the flag, or return what the
file says.
"""
from scripts.robustness.fuzzing.caches import CachedClassifier, CachedStatistics
from scripts.robustness.fuzzing.checkpoints import Checkpoints, InitCheckpoint, NewestCheckpoint
from scripts.robustness.fuzzing.command_inputs import Flagfiles, Noise, ScoredImages
from scripts.robustness.fuzzing.idx_files import Idx, KerasNpz
from scripts.robustness.fuzzing.image_files import ImageFiles, Links
from scripts.robustness.fuzzing.run_files import Config, MetricsAndScores, Samples

TARGETS = {
    'IDX and gzip files': Idx, "Keras's mnist.npz": KerasNpz, 'image files': ImageFiles, 'links and names': Links,
    '--noise': Noise, '--images': ScoredImages, '--flagfile': Flagfiles, 'config.json': Config,
    'metrics.jsonl and scores.json': MetricsAndScores, 'samples/': Samples, 'checkpoints': Checkpoints,
    '--init_checkpoint': InitCheckpoint, 'newest checkpoints': NewestCheckpoint,
    'standing statistics': CachedStatistics, 'cached classifiers': CachedClassifier}
