"""Networks that combine the rows of a batch, which several devices refuse, and those that do not."""
import functools

import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import graph as graphs
from dcgan_tf1.model import layers
from dcgan_tf1.model.collectives import Replicas
from dcgan_tf1.model.network import Network
from dcgan_tf1.settings import recipes
from dcgan_tf1.util.errors import UserError


def variable(*shape):
    return tf.get_variable('v', shape)


def own_batch_norm(x):
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)


def fused_batch_norm(x):
    return tf.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]))[0]


def minibatch_stddev(x):  # Karras et al. 2018, arXiv 1710.10196
    groups = tf.reshape(x, [2, -1, 8, 8, 3])
    deviation = tf.sqrt(tf.reduce_mean(tf.square(groups - tf.reduce_mean(groups, 0, keepdims=True)), 0))
    mean = tf.reduce_mean(deviation, [1, 2, 3], keepdims=True)
    return tf.concat([x, tf.tile(mean, [2, 8, 8, 1])], 3)


def minibatch_discrimination(x):  # Salimans et al. 2016, arXiv 1606.03498
    m = tf.reshape(tf.matmul(layers.flatten(x), variable(192, 20)), [-1, 5, 4])
    distances = tf.reduce_sum(tf.abs(m[:, :, :, tf.newaxis] - tf.transpose(m, [1, 2, 0])[tf.newaxis]), 2)
    return tf.reduce_sum(tf.exp(-distances), 2)


def similarity(x):
    return tf.matmul(tf.matmul(layers.flatten(x), layers.flatten(x), transpose_b=True), layers.flatten(x))


COMBINING = {
    'own batch norm': (own_batch_norm, 'moments/mean'), 'fused batch norm': (fused_batch_norm, 'FusedBatchNorm'),
    'minibatch stddev': (minibatch_stddev, 'Mean'), 'discrimination': (minibatch_discrimination, 'transpose'),
    'similarity': (similarity, 'MatMul'), 'all axes': (lambda x: x / tf.reduce_max(tf.abs(x)), 'Max'),
    'a negative axis': (lambda x: x - tf.reduce_mean(x, [-4]), 'Mean'), 'norm': (lambda x: x * tf.nn.l2_loss(x), 'L2'),
    'beside batch norm': (lambda x: own_batch_norm(layers.batch_norm(x, True)), 'moments/mean')}


def normalized_weights(x):
    kernel = variable(192, 5)
    return tf.matmul(layers.flatten(x), kernel / tf.sqrt(tf.reduce_sum(tf.square(kernel))))


def group_norm(x):
    groups = tf.reshape(x, [-1, 8, 8, 3, 1])
    mean, variance = tf.nn.moments(groups, [1, 2, 4], keep_dims=True)
    return tf.reshape((groups - mean) * tf.rsqrt(variance + 1e-3), [-1, 8, 8, 3])


def attention(x):
    pixels = tf.reshape(x, [tf.shape(x)[0], 64, 3])
    return tf.matmul(tf.nn.softmax(tf.matmul(pixels, pixels, transpose_b=True)), pixels)


def with_noise(x):
    return x + tf.random_normal(tf.shape(x)) * tf.to_float(tf.reduce_prod(tf.shape(x)[1:]))


def with_regularizer(x):
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.reduce_mean(tf.square(x)))
    return x


def channels_first(x):
    return tf.transpose(tf.reduce_mean(tf.transpose(x, [0, 3, 1, 2]), [2, 3], keepdims=True), [0, 2, 3, 1])


BY_ROW = {
    'batch norm': lambda x: layers.batch_norm(layers.batch_norm(x, True), True), 'weights': normalized_weights,
    'batch norm of vectors': lambda x: layers.batch_norm(layers.dense(layers.flatten(x), 4), True),
    'mean of pixels': lambda x: tf.reduce_mean(x, axis=[1, 2]), 'pixel norm': lambda x: tf.nn.l2_normalize(x, -1),
    'instance norm': lambda x: x - tf.nn.moments(x, [1, 2], keep_dims=True)[0], 'group norm': group_norm,
    'attention': attention, 'noise': with_noise, 'regularizer': with_regularizer, 'transposed': channels_first,
    'loop': lambda x: tf.map_fn(lambda image: image - tf.reduce_mean(image), x),
    'convolutions': lambda x: layers.conv2d_transpose(layers.conv2d(x, 4, 3, 2), 3, 3, 2)}


def apply(network, shape, synchronized=True):
    """Applies a network to a share of a batch. `network` takes the replicas, and `shape` is that of a row."""
    with tf.device('/job:localhost'):
        replicas, x = Replicas(0, 2, synchronized), tf.placeholder(tf.float32, [None, *shape])
        replicas.mark(x, replicas.share(tf.shape(x)[0]))
        network(replicas=replicas)(x)


def apply_function(function, **options):
    apply(functools.partial(Network, 'N', lambda x, _: function(x), True), [8, 8, 3], **options)


@pytest.mark.parametrize('name', COMBINING)
def test_what_combines_rows_is_refused(name, graph):
    function, op = COMBINING[name]
    with pytest.raises(UserError, match=r'^the op N/\S*%s\S* combines the rows of a batch, of which each device has '
                                        'only a share: use dcgan_tf1.layers.batch_norm, or train with one' % op):
        apply_function(function)


@pytest.mark.parametrize('name', BY_ROW)
def test_what_does_not_is_accepted(name, graph):
    apply_function(BY_ROW[name])


def test_statistics_of_each_device_may_be_any(graph):
    apply_function(own_batch_norm, synchronized=False)


@pytest.mark.parametrize('recipe', recipes.names())
def test_the_recipes_are_accepted(recipe, graph, training_settings):
    settings = training_settings('--recipe=' + recipe, '--dataset=mnist_10k', '--batch_size=8')
    recipe_networks, is_training = graphs.Networks(settings), tf.placeholder_with_default(True, [])
    image_shape = [settings.image_size, settings.image_size, settings.channels]
    apply(functools.partial(recipe_networks.generator, is_training), [settings.noise_dim])
    apply(functools.partial(recipe_networks.discriminator, is_training), image_shape)
