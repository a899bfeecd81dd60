"""The recipes' networks and losses in Keras 3, with the same initial distributions.

The losses take logits and return the mean cross-entropy against the label "real" (`real` is true) or "fake".
"""
import keras
import tensorflow as tf
from keras import layers

from scripts.benchmarks.training.implementations import Hyperparameters


def _leaky_relu():
    return layers.LeakyReLU(negative_slope=0.2)


def _graph_mode(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0] // 4, hyper.image_shape[2]

    def normalized(layer):
        return [layer, layers.BatchNormalization(), _leaky_relu()]

    def strided(layer_type, filters, **options):
        return layer_type(filters, 5, strides=2, padding='same', **options)
    generator = keras.Sequential([
        keras.Input((hyper.noise_dim,)), layers.Reshape((1, 1, hyper.noise_dim)),
        *normalized(layers.Conv2DTranspose(256, size, use_bias=False)),
        *normalized(strided(layers.Conv2DTranspose, 128, use_bias=False)),
        strided(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')])
    discriminator = keras.Sequential([
        keras.Input(hyper.image_shape),
        *normalized(strided(layers.Conv2D, 128, use_bias=False)),
        *normalized(strided(layers.Conv2D, 256, use_bias=False)),
        layers.Conv2D(1, size), layers.Flatten(dtype='float32')])
    return generator, discriminator


def _sparse_softmax(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0] // 4, hyper.image_shape[2]

    def strided(layer_type, filters):
        return layer_type(filters, 5, strides=2, padding='same')
    generator = keras.Sequential([
        keras.Input((hyper.noise_dim,)),
        layers.Dense(size * size * 128), layers.BatchNormalization(), layers.ReLU(),
        layers.Reshape((size, size, 128)),
        strided(layers.Conv2DTranspose, 64), layers.BatchNormalization(), layers.ReLU(),
        strided(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')])
    discriminator = keras.Sequential([
        keras.Input(hyper.image_shape),
        strided(layers.Conv2D, 64), layers.BatchNormalization(), _leaky_relu(),
        strided(layers.Conv2D, 128), layers.BatchNormalization(), _leaky_relu(),
        layers.Flatten(), layers.Dense(1024), layers.BatchNormalization(), _leaky_relu(),
        layers.Dense(2, dtype='float32')])
    return generator, discriminator


def _learnopencv_torch(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0], hyper.image_shape[2]
    all_filters = [64 << layer for layer in range(size.bit_length() - 3)]  # 64, 128, 256, 512 for 64×64 images

    def convolution(layer_type, filters, strides=2, padding='same'):
        return layer_type(filters, 4, strides=strides, padding=padding, use_bias=False,
                          kernel_initializer=keras.initializers.RandomNormal(0., 0.02))

    def batch_norm():
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5,
                                         gamma_initializer=keras.initializers.RandomNormal(1., 0.02))
    generator = [keras.Input((hyper.noise_dim,)), layers.Reshape((1, 1, hyper.noise_dim))]
    for number, filters in enumerate(reversed(all_filters)):
        geometry = () if number else (1, 'valid')
        generator += [convolution(layers.Conv2DTranspose, filters, *geometry), batch_norm(), layers.ReLU()]
    generator += [convolution(layers.Conv2DTranspose, channels), layers.Activation('tanh', dtype='float32')]
    discriminator = [keras.Input(hyper.image_shape), convolution(layers.Conv2D, all_filters[0]), _leaky_relu()]
    for filters in all_filters[1:]:
        discriminator += [convolution(layers.Conv2D, filters), batch_norm(), _leaky_relu()]
    discriminator += [convolution(layers.Conv2D, 1, 1, 'valid'), layers.Flatten(dtype='float32')]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def _log_epsilon(logits, real):
    return -tf.reduce_mean(tf.math.log(tf.sigmoid(logits if real else -logits) + 1e-12))


def _sparse_cross_entropy(logits, real):
    labels = tf.fill([tf.shape(logits)[0]], int(real))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def _sigmoid_cross_entropy(logits, real):
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


# {recipe: (function that builds the generator and the discriminator, loss)}
RECIPES = {'graph_mode': (_graph_mode, _log_epsilon), 'sparse_softmax': (_sparse_softmax, _sparse_cross_entropy),
           'learnopencv_torch': (_learnopencv_torch, _sigmoid_cross_entropy)}
