"""The recipes' networks, losses and initial distributions in PyTorch.

The losses take logits and return the mean cross-entropy against the label "real" (`real` is true) or "fake".

5×5 kernels with stride 2 are padded by 2 pixels on both sides, where TensorFlow's `same` pads by 1 and 2.
Sizes and work are the same.
"""
import torch
from torch import nn
from torch.nn import functional

from scripts.benchmarks.training.implementations import Hyperparameters


def _leaky_relu():
    return nn.LeakyReLU(0.2, inplace=True)


def _graph_mode(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0] // 4, hyper.image_shape[2]

    def normalized(layer, filters):
        return [layer, nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01), _leaky_relu()]
    generator = nn.Sequential(
        *normalized(nn.ConvTranspose2d(hyper.noise_dim, 256, size, bias=False), 256),
        *normalized(nn.ConvTranspose2d(256, 128, 5, 2, 2, 1, bias=False), 128),
        nn.ConvTranspose2d(128, channels, 5, 2, 2, 1), nn.Tanh())
    discriminator = nn.Sequential(
        *normalized(nn.Conv2d(channels, 128, 5, 2, 2, bias=False), 128),
        *normalized(nn.Conv2d(128, 256, 5, 2, 2, bias=False), 256),
        nn.Conv2d(256, 1, size), nn.Flatten())
    return generator, discriminator


def _sparse_softmax(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0] // 4, hyper.image_shape[2]

    def normalized(layer, norm, features, activation):
        return [layer, norm(features, eps=1e-3, momentum=0.01), activation]
    generator = nn.Sequential(
        nn.Flatten(),  # of noise [batch, noise_dim, 1, 1]
        *normalized(nn.Linear(hyper.noise_dim, size * size * 128), nn.BatchNorm1d, size * size * 128,
                    nn.ReLU(True)),
        nn.Unflatten(1, (128, size, size)),
        *normalized(nn.ConvTranspose2d(128, 64, 5, 2, 2, 1), nn.BatchNorm2d, 64, nn.ReLU(True)),
        nn.ConvTranspose2d(64, channels, 5, 2, 2, 1), nn.Tanh())
    discriminator = nn.Sequential(
        *normalized(nn.Conv2d(channels, 64, 5, 2, 2), nn.BatchNorm2d, 64, _leaky_relu()),
        *normalized(nn.Conv2d(64, 128, 5, 2, 2), nn.BatchNorm2d, 128, _leaky_relu()),
        nn.Flatten(), *normalized(nn.Linear(size * size * 128, 1024), nn.BatchNorm1d, 1024, _leaky_relu()),
        nn.Linear(1024, 2))
    return generator, discriminator


def _learnopencv_torch(hyper: Hyperparameters):
    size, channels = hyper.image_shape[0], hyper.image_shape[2]
    all_filters = [64 << layer for layer in range(size.bit_length() - 3)]  # 64, 128, 256, 512 for 64×64 images
    generator, inputs = [], hyper.noise_dim
    for number, filters in enumerate(reversed(all_filters)):
        stride, padding = (2, 1) if number else (1, 0)
        generator += [nn.ConvTranspose2d(inputs, filters, 4, stride, padding, bias=False),
                      nn.BatchNorm2d(filters), nn.ReLU(True)]
        inputs = filters
    generator += [nn.ConvTranspose2d(inputs, channels, 4, 2, 1, bias=False), nn.Tanh()]
    inputs = all_filters[0]
    discriminator = [nn.Conv2d(channels, inputs, 4, 2, 1, bias=False), _leaky_relu()]
    for filters in all_filters[1:]:
        discriminator += [nn.Conv2d(inputs, filters, 4, 2, 1, bias=False), nn.BatchNorm2d(filters), _leaky_relu()]
        inputs = filters
    discriminator += [nn.Conv2d(inputs, 1, 4, bias=False), nn.Flatten()]
    return nn.Sequential(*generator), nn.Sequential(*discriminator)


def _initialize_like_tf_layers(layer):
    """Glorot uniform kernels, zero biases."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _initialize_like_dcgan(layer):
    """Normally distributed kernels and scales, as in the DCGAN paper."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0., 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1., 0.02)


def _log_epsilon(logits, real):
    probability = torch.sigmoid(logits if real else -logits)
    return -(probability + 1e-12).log().mean()


def _cross_entropy(logits, real):
    return functional.cross_entropy(logits, torch.full((len(logits),), int(real), device=logits.device))


def _sigmoid_cross_entropy(logits, real):
    return functional.softplus(-logits if real else logits).mean()


# {recipe: (function that builds the generator and the discriminator, loss, function that initializes a layer)}
RECIPES = {'graph_mode': (_graph_mode, _log_epsilon, _initialize_like_tf_layers),
           'sparse_softmax': (_sparse_softmax, _cross_entropy, _initialize_like_tf_layers),
           'learnopencv_torch': (_learnopencv_torch, _sigmoid_cross_entropy, _initialize_like_dcgan)}
