"""The network of recipe `learnopencv_torch`: the PyTorch half of a post that shows one DCGAN in two frameworks.

PyTorch's padding of 1 on a 4×4 kernel of stride 2 is TensorFlow's `same` on even sizes.
"""
from dcgan_tf1.networks import _dcgan_backbone


def generator(noise, is_training, image_shape):
    """noise [batch, noise_dim] → images [batch, *image_shape] in (−1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 4, 64, _dcgan_backbone.torch_batch_norm(is_training))


def discriminator(images, is_training):
    """images → logits [batch, 1, 1, 1]."""
    return _dcgan_backbone.discriminator(images, 4, 64, _dcgan_backbone.torch_batch_norm(is_training), one_score=True)
