"""PyTorch with the same networks, losses, schedules and initial distributions.

Gradients are computed only for the network that is updated. Adam is the fused implementation. bfloat16 is
autocast, with losses of float32 logits.
"""
import contextlib
from typing import Any, Dict

import torch

from scripts.benchmarks.training.implementations import TrainingProgram, torch_process


class _Network:
    """A model with its optimizer."""

    def __init__(self, model, hyper):
        self.model = model
        self.parameters = list(model.parameters())
        self._optimizer = torch.optim.Adam(self.parameters, hyper.learning_rate, (hyper.beta1, hyper.beta2),
                                           hyper.epsilon, fused=True)

    def update(self, gradients):
        for parameter, gradient in zip(self.parameters, gradients):
            # The fused optimizer walks through both in memory order.
            if gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        self._optimizer.step()


class _Schedules:
    """Training steps, named like the package's schedules: functions () → (discriminator loss, generator loss)."""

    def __init__(self, parts, autocast, compiled):
        """`parts`: see `torch_process.setup`; `autocast`: a function that opens the context of forward passes."""
        self._generator, self._discriminator = (_Network(model, parts.hyper) for model in parts.models)
        self._loss, self._real_images, self._noise = parts.loss, parts.real_images, parts.noise
        self._autocast = autocast
        if compiled:
            for name in ('_generate', '_generator_gradients', '_discriminator_gradients', '_both_gradients',
                         '_image_gradient'):
                setattr(self, name, torch.compile(getattr(self, name)))

    def _logits(self, images):
        return self._discriminator.model(images).float()

    # Gradients: each of these functions is compiled as a whole.

    def _generate(self, noise):
        with self._autocast():
            return self._generator.model(noise)

    def _generator_gradients(self, noise):
        with self._autocast():
            loss = self._loss(self._logits(self._generator.model(noise)), True)
        return loss.detach(), torch.autograd.grad(loss, self._generator.parameters)

    def _discriminator_gradients(self, real, fake):
        with self._autocast():
            loss = self._loss(self._logits(real), True) + self._loss(self._logits(fake), False)
        return loss.detach(), torch.autograd.grad(loss, self._discriminator.parameters)

    def _both_gradients(self, real, noise):
        with self._autocast():
            fake = self._logits(self._generator.model(noise))
            losses = [self._loss(self._logits(real), True) + self._loss(fake, False), self._loss(fake, True)]
        generator_gradients = torch.autograd.grad(losses[1], self._generator.parameters, retain_graph=True)
        discriminator_gradients = torch.autograd.grad(losses[0], self._discriminator.parameters)
        return losses[0].detach(), losses[1].detach(), discriminator_gradients, generator_gradients

    def _image_gradient(self, fake):
        with self._autocast():
            loss = self._loss(self._logits(fake), True)
        return loss.detach(), torch.autograd.grad(loss, fake)[0]

    # Steps.

    def _update_discriminator(self, fake):
        loss, gradients = self._discriminator_gradients(self._real_images(), fake)
        self._discriminator.update(gradients)
        return loss

    def _update_generator(self, noise):
        loss, gradients = self._generator_gradients(noise)
        self._generator.update(gradients)
        return loss

    def _generate_without_gradients(self, noise):
        with torch.no_grad():
            return self._generate(noise)

    def generator_then_discriminator(self):
        noise = self._noise()
        generator_loss = self._update_generator(noise)
        return self._update_discriminator(self._generate_without_gradients(noise)), generator_loss

    def discriminator_then_generator(self):
        discriminator_loss = self._update_discriminator(self._generate_without_gradients(self._noise()))
        return discriminator_loss, self._update_generator(self._noise())

    def simultaneous(self):
        *losses, discriminator_gradients, generator_gradients = self._both_gradients(
            self._real_images(), self._noise())
        self._discriminator.update(discriminator_gradients)
        self._generator.update(generator_gradients)
        return losses

    def discriminator_then_generator_same_images(self):
        fake = self._generate(self._noise())
        discriminator_loss = self._update_discriminator(fake.detach())
        generator_loss, gradient = self._image_gradient(fake.detach().requires_grad_())
        self._generator.update(torch.autograd.grad(fake, self._generator.parameters, gradient))
        return discriminator_loss, generator_loss


def build(task: Dict[str, Any]) -> TrainingProgram:
    """See `implementations`.

    Options: `channels_last`, keep images and weights in that memory format; `compiled`, use `torch.compile`.
    Raises RuntimeError if the GPU does not support bfloat16.
    """
    options = task['options']
    bfloat16 = task['precision'] == 'bfloat16'
    if bfloat16 and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        raise RuntimeError('this GPU does not support bfloat16')
    parts = torch_process.setup(
        task, torch.channels_last if options.get('channels_last') else torch.contiguous_format)

    def autocast():
        return torch.autocast(parts.device.type, torch.bfloat16) if bfloat16 else contextlib.nullcontext()
    schedules = _Schedules(parts, autocast, options.get('compiled'))
    return torch_process.program(parts, getattr(schedules, task['schedule']))
