"""The layers for networks of your own; see docs/your-own-network.md."""
from dcgan_tf1.model.layers import (
    batch_norm,
    conv2d,
    conv2d_transpose,
    dense,
    dropout,
    flatten,
    full_precision,
    glorot_uniform,
    normal,
)

__all__ = ['batch_norm', 'conv2d', 'conv2d_transpose', 'dense', 'dropout', 'flatten', 'full_precision',
           'glorot_uniform', 'normal']
