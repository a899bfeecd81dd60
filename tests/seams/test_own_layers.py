"""Networks of the user that are written with dcgan_tf1.layers behave as those of the package."""
import os

import numpy as np
import pytest
from helpers import FEW_FILTERS, MAIN_RUN, ROOT

from dcgan_tf1 import api

DROPOUT = '''
import tensorflow.compat.v1 as tf
from dcgan_tf1.layers import dense, dropout, flatten

def generator(noise, is_training, image_shape):
    return tf.nn.tanh(dense(dropout(tf.nn.relu(dense(noise, 8)), 0.5, is_training), 28 * 28))

def discriminator(images, is_training):
    return dense(flatten(images), 2)
'''


@pytest.mark.slow
def test_statistics_of_batch_norm(trained):
    """The standing statistics are not the moving averages, and are those of the same network in the package."""
    run = trained(*MAIN_RUN, FEW_FILTERS, '--steps=3')
    own = os.path.join(ROOT, 'tests', 'few_filters.py')
    with api.open_run(run.path) as built_in, api.open_checkpoint(
            run.checkpoint_prefix + '-3', network=own, batch_size=8) as same:
        z = built_in.latent_vectors(6)
        expected, images = ({mode: generator.images(z, mode, standing_batches=4).astype(int) for mode in (
            'batch', 'moving', 'standing')} for generator in (built_in, same))
    for mode, pixels in images.items():
        np.testing.assert_allclose(pixels, expected[mode], atol=1, err_msg=mode)
    assert abs(images['moving'] - images['standing']).max() > 9


@pytest.mark.slow
def test_dropout_in_a_generator(train_run, tmp_path):
    """It is trained and sampled."""
    (tmp_path / 'gan.py').write_text(DROPOUT)
    run = train_run('run', '--network=%s' % (tmp_path / 'gan.py'), '--loss=sparse_softmax', '--steps=2')
    with api.open_run(run.path) as generator:
        z = generator.latent_vectors(3)
        moving, again = (generator.images(z, 'moving') for _ in range(2))
        np.testing.assert_array_equal(moving, again)
        assert (generator.images(z, 'batch') != moving).any()  # some units are dropped
