"""What the PyTorch loops share: networks, inputs, and the description of the process."""
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import torch
from torch import nn

from dcgan_tf1.util import processor
from scripts.benchmarks.training.implementations import (
    Hyperparameters,
    TrainingProgram,
    hyperparameters,
    torch_networks,
)
from scripts.lib.machine import digit_images


class Setup(NamedTuple):
    """What a training step works with."""
    hyper: Hyperparameters
    models: List[nn.Module]  # generator, discriminator
    loss: Callable[[torch.Tensor, bool], torch.Tensor]  # see `torch_networks`
    device: torch.device
    real_images: Callable[[], torch.Tensor]  # draws a batch, float32 in [-1, 1]
    noise: Callable[[], torch.Tensor]  # draws a batch [batch_size, noise_dim, 1, 1]


def setup(task: Dict[str, Any], memory_format: torch.memory_format = torch.contiguous_format) -> Setup:
    """Builds the networks of a task on a GPU, or on the processor if there is none."""
    hyper = hyperparameters(task)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision('high')  # TF32 on a GPU, like TensorFlow's default
    build_networks, loss, initialize = torch_networks.RECIPES[task['recipe']]
    models = [model.apply(initialize).to(device, memory_format=memory_format) for model in build_networks(hyper)]
    pixels = torch.from_numpy(digit_images(hyper.image_shape).transpose(0, 3, 1, 2).copy()).to(device)

    def real_images():
        batch = pixels[torch.randint(len(pixels), (hyper.batch_size,), device=device)]
        return ((batch.float() - 127.5) / 127.5).contiguous(memory_format=memory_format)

    def noise():
        shape = (hyper.batch_size, hyper.noise_dim, 1, 1)
        if hyper.noise_distribution == 'normal':
            return torch.randn(shape, device=device)
        return torch.rand(shape, device=device) * 2 - 1
    return Setup(hyper, models, loss, device, real_images, noise)


def program(parts: Setup, step: Callable[[], Tuple[torch.Tensor, torch.Tensor]]) -> TrainingProgram:
    """A `TrainingProgram` of a step, a function () → (discriminator loss, generator loss)."""
    def train(steps):
        for _ in range(steps):
            losses = step()
        return [float(loss) for loss in losses]  # reading the values waits for a GPU

    cuda = parts.device.type == 'cuda'
    parameters = {name: sum(parameter.numel() for parameter in model.parameters())
                  for name, model in zip(('Generator', 'Discriminator'), parts.models)}
    return TrainingProgram(train, parameters, 'PyTorch ' + torch.__version__,
                           torch.cuda.get_device_name() if cuda else processor.name(),
                           lambda: torch.cuda.max_memory_allocated() if cuda else None)
