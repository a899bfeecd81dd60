"""What a training refuses before it begins, because only the code of its dataset or its scores knows it."""
import pytest

from dcgan_tf1.train.training import train
from dcgan_tf1.util.errors import UserError


@pytest.mark.parametrize('flags,message', [
    (['--dataset=mnist_10k', '--data_dir=a'], '--data_dir cannot be used with this --dataset'),
    (['--dataset=image_folder', '--data_dir=a', '--evaluate_every=5'], '--best_by must be sharpness_ratio')])
def test_refused_settings(flags, message, training_settings, tmp_path):
    with pytest.raises(UserError, match=message):
        train(training_settings(*flags, '--run_dir=%s' % (tmp_path / 'run')))
    assert not (tmp_path / 'run').exists()
