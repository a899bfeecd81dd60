"""What a training refuses before it begins, because only the code of its dataset or its scores knows it."""
import logging

import pytest

from dcgan_tf1.train import training
from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.log import log


@pytest.mark.parametrize('flags,message', [
    (['--dataset=mnist_10k', '--data_dir=a'], '--data_dir cannot be used with this --dataset'),
    (['--dataset=mnist_10k', '--holdout=9999'], 'has only one training image here, and batch norm needs two'),
    (['--dataset=mnist_10k', '--holdout=9990'], '--batch_size=128 is more than the 10 training images'),
    (['--dataset=image_folder', '--data_dir=a', '--evaluate_every=5'], '--best_by must be sharpness_ratio')])
def test_refused_settings(flags, message, training_settings, tmp_path):
    with pytest.raises(UserError, match=message):
        train(training_settings(*flags, '--run_dir=%s' % (tmp_path / 'run')))
    assert not (tmp_path / 'run').exists()


def test_a_worker_that_is_not_the_chief_is_quiet_only_while_it_trains(training_settings, monkeypatch):
    levels = []

    def prepare(*_):
        levels.append(log.level)
        raise UserError('stop')
    monkeypatch.setattr(training, 'prepare', prepare)
    before = log.level
    for is_chief in (True, False):
        monkeypatch.setattr(training.Cluster, '__init__', lambda self, *_, is_chief=is_chief: self.__dict__.update(
            is_chief=is_chief, size=1, _peers=None, _addresses=['']))
        with pytest.raises(UserError, match='stop'):
            train(training_settings())
        assert log.level == before
    assert levels == [before, logging.WARNING]
