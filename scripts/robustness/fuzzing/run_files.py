"""The small files of a run folder."""
import json
import os
import shutil
import zlib
from typing import Any, Dict, List, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
from hypothesis import strategies as st
from PIL import Image

from dcgan_tf1 import report
from dcgan_tf1.evaluate.preparation import for_run_and_data
from dcgan_tf1.evaluate.settings import EvaluateSettings
from dcgan_tf1.runs import saved_settings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.sample.preparation import for_run
from dcgan_tf1.sample.settings import SampleSettings
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.train import preparation
from dcgan_tf1.train.reporter import write_animation
from scripts.robustness.fuzzing.image_files import encode, png_with_header
from scripts.robustness.fuzzing.strategies import altered_json, damaged
from scripts.robustness.fuzzing.target import REJECTED, Target, outcome

_STEPS = (1, 5, 9)
_EVALUATED_STEPS = (5, 9)
_SCORES = (('frechet_distance', 3.5), ('classifier_score', 2.5), ('precision', .5), ('recall', 1.),
           ('histogram', [.5, .5]), ('sharpness_ratio', 1.25), ('nearest_median', 2.))


def _train_settings(path: str) -> TrainSettings:
    settings = cli_flags.parse(TrainSettings, '--dataset=mnist_10k', '--steps=9', '--run_dir=' + path)
    return preparation.resolve(settings, 10000)


def _config(settings: TrainSettings) -> Dict[str, Any]:
    return {'flags': settings.as_dict(), 'versions': {'tensorflow': tf.__version__, 'python': '3'},
            'data': {'checksum': 'c', 'images': 9, 'trained_on': 9}}


def _records() -> List[Dict[str, Any]]:
    return [{'step': step, 'epoch': step / 9, 'discriminator_loss': 0.5, 'generator_loss': 1.5,
             'real_accuracy': 0.5, 'fake_accuracy': 1.0, 'images_per_second': 31.5} for step in _STEPS]


def _evaluations() -> List[Dict[str, Any]]:
    scores = {name: {'value': value, 'real': value, 'samples_needed': 2048, 'enough': False}
              for name, value in _SCORES}
    return [{'checkpoint': 'model-%d' % step, 'bn_mode': 'standing', 'bn_momentum': None, 'seed': 0,
             'standing_batches': 9, 'num_images': 30, 'dataset': 'mnist_10k', 'real_images': 9, 'test_images': 8,
             'classifier_accuracy': 0.9, 'scores': scores} for step in _EVALUATED_STEPS]


def _new_run(path: str) -> RunFolder:
    """A run folder with a config.json and empty checkpoints."""
    run = RunFolder(path)
    run.create()
    run.write_config(_config(_train_settings(path)))
    for step in _EVALUATED_STEPS:
        with open('%s-%d.index' % (run.checkpoint_prefix, step), 'wb'):
            pass
    return run


class Config(Target):
    """config.json, as `sample`, `evaluate`, `report` and a resumed training read it."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._run = _new_run(self.path('run'))
        self._settings = _train_settings(self._run.path)
        sampling = cli_flags.parse(SampleSettings, '--run_dir=' + self._run.path, '--output=x.npy')
        evaluation = cli_flags.parse(EvaluateSettings, '--run_dir=' + self._run.path)
        self._readers = [lambda: for_run(sampling),
                         lambda: for_run_and_data(evaluation)]
        self.inputs = altered_json(_config(self._settings))

    def read(self, drawn: bytes) -> bool:
        self.write(drawn, 'run', 'config.json')
        config = self._run.config
        results = [outcome(reader, config) for reader in self._readers]
        for settings in results:
            if settings is not REJECTED:
                self._assert_valid(settings)
        run = outcome(lambda: saved_settings.read(self._run), config)
        page = outcome(lambda: report.page([self._run]), config)
        assert page is REJECTED or '--noise_dim' in page
        if run is not REJECTED:
            assert isinstance(preparation.changes(self._settings, run), list)
        accepted = {result is not REJECTED for result in (*results, run)}
        assert len(accepted) == 1
        return accepted.pop()

    def _assert_valid(self, settings):
        """What was read must be what the command line can set."""
        values = {name: value for name, value in settings.as_dict().items() if name in TrainSettings.names()}
        expected = self._settings.replace(**values)
        flags = cli_flags.to_flags(expected)
        assert cli_flags.parse(TrainSettings, *flags) == expected


class MetricsAndScores(Target):
    """metrics.jsonl and scores.json, as `report` reads them."""
    share = .5  # drawing figures takes time

    def __init__(self, folder: str):
        super().__init__(folder)
        self._run = _new_run(self.path('run'))
        self._run.write_metrics(_records())
        with open(self._run.metrics, 'rb') as file:
            self._metrics = file.read()
        self._scores = json.dumps(_evaluations()).encode()
        lines = st.lists(altered_json(_records()[0]), min_size=1, max_size=3).map(b'\n'.join)
        metrics = st.one_of(damaged([self._metrics]), lines, lines.map(lambda text: text + b'\n' + self._metrics))
        self.inputs = st.one_of(st.tuples(st.just('metrics.jsonl'), metrics),
                                st.tuples(st.just('scores.json'), altered_json(_evaluations())))

    def read(self, drawn: Tuple[str, bytes]) -> bool:
        name, content = drawn
        self.write(self._metrics, 'run', 'metrics.jsonl')
        self.write(self._scores, 'run', 'scores.json')
        path = self.write(content, 'run', name)
        page = outcome(lambda: report.page([self._run]), path)
        assert page is REJECTED or page.count('<img') >= 1
        return page is not REJECTED


class Samples(Target):
    """The pictures of a run, which become its animation and parts of the report."""

    def __init__(self, folder: str):
        super().__init__(folder)
        self._run = _new_run(self.path('run'))
        self._valid = encode(Image.fromarray(np.zeros((8, 8, 3), np.uint8)), 'PNG')
        names = st.sampled_from([*['step_000003.png'] * 9, 'step_.png', 'step_x.png', 'step_²3.png',
                                 'step_-1.png'])
        bomb = png_with_header(20000, 20000, 1, body=zlib.compress(bytes(2 ** 26)))
        self.inputs = st.tuples(names, st.one_of(damaged([self._valid]), st.just(self._valid), st.just(bomb)))

    def read(self, drawn: Tuple[str, bytes]) -> bool:
        name, content = drawn
        shutil.rmtree(self._run.samples)
        os.makedirs(self._run.samples)
        self.write(self._valid, 'run', 'samples', 'step_000001.png')
        path = self.write(content, 'run', 'samples', name)

        def use():
            write_animation(self._run, self._run.animation)
            return report.page([self._run])
        return outcome(use, path) is not REJECTED
