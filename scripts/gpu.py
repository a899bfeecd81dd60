"""Measures everything that the project wants to know about a GPU, in about 25 minutes.

  python -m scripts.gpu --data_dir=my/mnist
  python -m scripts.gpu --rehearse --output=runs/rehearsal

The parts are:
  benchmark   the training benchmark: our loop, the posts' loops, Keras and PyTorch
  main        the main recipe to 10,000 steps, in both precisions, and its scores
  batch_norm  the batch norm experiment with graph_mode for all of its 20 epochs
  epoch       seconds per epoch of 63,632 images at 64×64, packed and from files

Each part is stopped when its time is over; the same command then goes on with it, and skips the parts that are done.
--rehearse measures nothing: it runs every part at a tiny size, also without a GPU. Writes README.md, measurements.json
and a folder per experiment to --output.
"""
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from dcgan_tf1.model import precision
from dcgan_tf1.settings import cli, cli_flags, fields
from dcgan_tf1.settings.train import PRECISIONS, TrainSettings
from dcgan_tf1.util import device, pages, processor
from dcgan_tf1.util.device import create_session
from scripts.lib import paths, trainings
from scripts.lib.arguments import existing_folder, names, output_folder
from scripts.lib.machine import write_image_files
from scripts.lib.measurements import Measurements, read_json, write_page

MAIN_RECIPE, ABLATION_RECIPE, FOLDER_RECIPE = 'sparse_softmax', 'graph_mode', 'learnopencv_torch'
PARTS = {'benchmark': 480, 'main': 240, 'batch_norm': 540, 'epoch': 240}  # seconds
_COMMAND = 'python -m scripts.gpu --data_dir=my/mnist'


class Sizes(NamedTuple):
    """How much is computed."""
    dataset: str
    steps: int  # of the main job
    ablation_steps: int
    ablation_seeds: int
    files: int  # images of an epoch
    flags: Tuple[str, ...]  # of every training
    folder_flags: Tuple[str, ...]  # of trainings on image files
    benchmark: Tuple[str, ...]  # arguments of the benchmark
    scores: Tuple[str, ...]  # how the experiment and `evaluate` score images


FULL = Sizes('mnist', 10000, 9380, 3, 63632, (), (),
             ('--recipes=sparse_softmax,learnopencv_torch,graph_mode', '--windows=5', '--steps=20', '--seconds=1'),
             ('--num_images=5000',))
TINY = Sizes('mnist_10k', 6, 6, 1, 64, ('--batch_size=8', '--sample_size=8', '--standing_batches=2'),
             ('--image_size=16',), ('--recipes=sparse_softmax', '--windows=1', '--steps=1', '--seconds=0',
                                    '--batch_size=8', '--implementations=dcgan_tf1'),
             ('--num_images=64', '--classifier_steps=20'))


@dataclasses.dataclass(frozen=True)
class GpuArguments(fields.Settings):
    """Arguments of this script."""

    data_dir: Optional[str] = existing_folder(None, 'folder of MNIST')
    parts: Tuple[str, ...] = names(tuple(PARTS), PARTS, 'what to measure')
    rehearse: bool = fields.boolean(False, 'run every part at a tiny size, on any device')
    runs: Optional[str] = fields.path(
        None, 'folder of all runs and image files; default: runs/gpu, in a rehearsal OUTPUT/runs')
    output: str = output_folder('gpu')

    RULES = (fields.Rule(lambda arguments: 'output' in arguments.given or not arguments.rehearse,
                         '--rehearse needs --output: a rehearsal is no result'),)

    @property
    def sizes(self) -> Sizes:
        """How much to compute."""
        return TINY if self.rehearse else FULL


def run_module(module: str, *arguments: str) -> None:
    """Runs a module in a process of its own. Passes Ctrl-C on to it. Raises: SystemExit if it fails."""
    process = subprocess.Popen([sys.executable, '-m', module, *arguments], cwd=paths.ROOT, start_new_session=True)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if status:
        sys.exit('error: %s ended with status %d: see its output above' % (module, status))


def measure_benchmark(arguments: GpuArguments) -> Dict[str, Any]:
    """Runs the training benchmark, which writes its own report."""
    run_module('scripts.benchmarks.training', *arguments.sizes.benchmark,
               '--output=' + os.path.abspath(os.path.join(arguments.output, 'training')))
    return {}


def measure_batch_norm(arguments: GpuArguments) -> Dict[str, Any]:
    """Runs the batch norm experiment, which writes its own report."""
    sizes = arguments.sizes
    run_module('scripts.experiments.batch_norm', *_data(arguments), '--recipes=' + ABLATION_RECIPE,
               '--last_step=%s=%d' % (ABLATION_RECIPE, sizes.ablation_steps), '--seeds=%d' % sizes.ablation_seeds,
               '--runs=' + os.path.abspath(os.path.join(arguments.runs, 'batch_norm')), *sizes.scores,
               *(flag for flag in sizes.flags if flag.startswith('--batch_size')),
               '--output=' + os.path.abspath(os.path.join(arguments.output, 'batch_norm')))
    return {}


def _precisions() -> List[str]:
    return list(filter(precision.works, PRECISIONS))


def measure_main(arguments: GpuArguments) -> Dict[str, Any]:
    """Trains the main recipe to its end and scores it. Returns {precision: figures}."""
    results = {}
    for name in _precisions():
        folder = os.path.abspath(os.path.join(arguments.runs, '%s-%s' % (MAIN_RECIPE, name)))
        trainings.train(MAIN_RECIPE, folder, *_data(arguments), '--precision=' + name,
                        '--steps=%d' % arguments.sizes.steps, *arguments.sizes.flags)
        scores = os.path.join(folder, 'gpu_scores.json')
        run_module('dcgan_tf1.evaluate', '--run_dir=' + folder, '--output=' + scores,
                   '--cache_dir=' + os.path.abspath(os.path.join(arguments.runs, 'classifiers')),
                   *arguments.sizes.scores)
        results[name] = {**trainings.speed(folder, 0), 'scores': read_json(scores)['scores']}
    return results


def measure_epoch(arguments: GpuArguments) -> Dict[str, Any]:
    """Trains two epochs on image files, and returns the speed of the second: {kind: figures}."""
    data_dir = os.path.abspath(os.path.join(arguments.runs, 'images'))
    if not os.path.isdir(data_dir):
        os.makedirs(data_dir + '.partial', exist_ok=True)
        write_image_files(data_dir + '.partial', arguments.sizes.files)
        os.replace(data_dir + '.partial', data_dir)
    common = (*arguments.sizes.flags, *arguments.sizes.folder_flags)
    batch_size = cli_flags.parse(TrainSettings, '--recipe=' + FOLDER_RECIPE, *common).batch_size
    steps = math.ceil(arguments.sizes.files / batch_size)
    results = {}
    for kind, *flags in (('packed', '--pack_dir=' + data_dir + '-packed'), ('files',)):
        for name in _precisions():
            folder = os.path.abspath(os.path.join(arguments.runs, '%s-%s' % (kind, name)))
            trainings.train(FOLDER_RECIPE, folder, '--data_dir=' + data_dir, '--precision=' + name, *flags,
                            *common, '--steps=%d' % (2 * steps), '--log_every=%d' % steps)
            results['%s, %s' % (kind, name)] = trainings.speed(folder, -1)
    return results


MEASURE = {'benchmark': measure_benchmark, 'main': measure_main, 'batch_norm': measure_batch_norm,
           'epoch': measure_epoch}


def _data(arguments: GpuArguments) -> List[str]:
    return ['--dataset=' + arguments.sizes.dataset, *trainings.flags_of(arguments, 'data_dir')]


def within_time(part: str, arguments: GpuArguments) -> Optional[Dict[str, Any]]:
    """Measures a part. Returns its figures; None if it failed, or was stopped because its time was over."""
    over = []

    def stop(*_):
        over.append(part)
        raise KeyboardInterrupt  # as Ctrl-C: a training saves its last step
    previous = [(number, signal.signal(number, handler)) for number, handler in (
        (signal.SIGALRM, stop), (signal.SIGINT, signal.default_int_handler))]  # nohup may ignore SIGINT
    signal.alarm(PARTS[part])
    try:
        return MEASURE[part](arguments)
    except (KeyboardInterrupt, SystemExit) as error:
        failure = error.code if isinstance(error, SystemExit) and isinstance(error.code, str) else None
        if not over and not failure:
            raise  # Ctrl-C
        print(failure or 'error: %s was stopped after %d seconds' % (part, PARTS[part]), file=sys.stderr, flush=True)
        return None
    finally:
        signal.alarm(0)
        for number, handler in previous:
            signal.signal(number, handler)


def readme(measurements: Measurements, arguments: GpuArguments) -> str:
    """The text of README.md."""
    settings, measured = measurements.content['settings'], measurements.content['measured']
    parts = ['# On a GPU\n\n']
    if arguments.rehearse:
        parts.append('**A rehearsal at a tiny size. These numbers mean nothing.**\n\n')
    parts.append('Measured on %s with TensorFlow %s:\n\n```\n%s\n```\n\n' % (
        settings['device'], settings['tensorflow'], _COMMAND))
    if 'main' in measured:
        rows = [[precision, figures['steps'], '%.0f' % figures['seconds'],
                 '{:,.0f}'.format(figures['images_per_second']),
                 '%.1f' % figures['scores']['frechet_distance']['value']]
                for precision, figures in measured['main']['figures'].items()]
        parts += ['## The main job\n\nThe recipe `%s`. Seconds are those of the training steps.\n\n' % MAIN_RECIPE,
                  pages.markdown_table(['precision', 'steps', 'seconds', 'images/s', 'Fréchet distance'], rows), '\n']
    if 'epoch' in measured:
        rows = [[kind, '%.1f' % figures['seconds'], '{:,.0f}'.format(figures['images_per_second'])]
                for kind, figures in measured['epoch']['figures'].items()]
        title = '## An epoch of {:,} images\n\n'.format(settings['sizes']['files'])
        parts += [title, 'The recipe `%s`, the second epoch, without what happens between steps.\n\n' % FOLDER_RECIPE,
                  pages.markdown_table(['images, precision', 'seconds', 'images/s'], rows), '\n']
    names = {'benchmark': '[training benchmark](training/README.md)', 'main': 'main job', 'epoch': 'epochs',
             'batch_norm': '[batch norm experiment, with all of its 20 epochs](batch_norm/tables.md)'}
    rows = [[names[part], '%.0f' % measured[part]['seconds'] if part in measured else 'not complete']
            for part in PARTS]
    return ''.join([*parts, '## All parts\n\n', pages.markdown_table(['part', 'seconds in all'], rows)])


def main(arguments: GpuArguments) -> int:
    """The script; returns the exit status."""
    arguments = arguments.replace(runs=arguments.runs or os.path.join(
        *([arguments.output, 'runs'] if arguments.rehearse else ['runs', 'gpu'])))
    with tf.Graph().as_default(), create_session() as session:
        described, has_gpu = device.describe(session), device.name(session) != processor.name()
        warning = device.warning(session)
    if not has_gpu and not arguments.rehearse:
        sys.exit('error: %s; --rehearse runs every part at a tiny size without one' % (
            warning or 'TensorFlow sees no GPU here'))
    os.makedirs(arguments.runs, exist_ok=True)
    measurements = Measurements(arguments.output, {'device': described, 'tensorflow': tf.__version__,
                                                'sizes': json.loads(json.dumps(arguments.sizes._asdict()))})
    for part in arguments.parts:
        if measurements.has(part):
            continue
        print('%s: at most %d seconds' % (part, PARTS[part]), file=sys.stderr, flush=True)
        began = time.monotonic()
        figures = within_time(part, arguments)
        if figures is not None:
            measurements.add((part,), {'figures': figures, 'seconds': time.monotonic() - began})
            write_page(arguments.output, readme(measurements, arguments))
    print(readme(measurements, arguments))
    missing = [part for part in arguments.parts if not measurements.has(part)]
    if missing:
        sys.exit('error: not complete: %s. Run the same command again to go on' % ', '.join(missing))
    return 0


if __name__ == '__main__':
    cli.main(main, GpuArguments)
