"""The DCGAN paper's own network (Radford, Metz, Chintala, arXiv 1511.06434, figure 1): 1024-512-256-128 filters.

The paper gives no batch norm constants; those of PyTorch's DCGANs are in general use with it.
"""
from dcgan_tf1.networks import _dcgan_backbone


def generator(noise, is_training, image_shape):
    """noise [batch, noise_dim] → images [batch, *image_shape] in (−1, 1)."""
    return _dcgan_backbone.generator(noise, image_shape, 5, 128, _dcgan_backbone.torch_batch_norm(is_training))


def discriminator(images, is_training):
    """images → logits [batch, 1, 1, 1]."""
    return _dcgan_backbone.discriminator(images, 5, 128, _dcgan_backbone.torch_batch_norm(is_training), one_score=True)
