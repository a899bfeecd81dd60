"""The PyTorch loop of post 001 as printed: binary cross-entropy of probabilities, three backward passes."""
from typing import Any, Dict

import torch
from torch import nn

from scripts.benchmarks.training.implementations import TrainingProgram, torch_process


def _step(generator, discriminator, real_images, noise):
    """A function () → (discriminator loss, generator loss). The last backward pass goes through both networks."""
    generator_optimizer, discriminator_optimizer = (
        torch.optim.Adam(model.parameters(), lr=0.0002, betas=(0.5, 0.999))
        for model in (generator, discriminator))
    cross_entropy = nn.BCELoss()

    def step():
        discriminator_optimizer.zero_grad()
        real = real_images()
        ones, zeros = torch.ones(len(real), 1, device=real.device), torch.zeros(len(real), 1, device=real.device)
        real_loss = cross_entropy(discriminator(real), ones)
        real_loss.backward()
        fake = generator(noise())
        fake_loss = cross_entropy(discriminator(fake.detach()), zeros)
        fake_loss.backward()
        discriminator_optimizer.step()
        generator_optimizer.zero_grad()
        generator_loss = cross_entropy(discriminator(fake), ones)
        generator_loss.backward()
        generator_optimizer.step()
        return real_loss.detach() + fake_loss.detach(), generator_loss.detach()
    return step


def build(task: Dict[str, Any]) -> TrainingProgram:
    """See `implementations`."""
    parts = torch_process.setup(task)
    parts.models[1].append(nn.Sigmoid())
    return torch_process.program(parts, _step(*parts.models, parts.real_images, parts.noise))
