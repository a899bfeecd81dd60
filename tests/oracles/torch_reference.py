"""The PyTorch side of test_torch.py: a program of its own, because PyTorch and TensorFlow can crash in one process.

  python torch_reference.py training INPUT.npz OUTPUT.npz
  python torch_reference.py adam INPUT.npz OUTPUT.npz

All arrays have the layout of TensorFlow: images are NHWC, and kernels are [height, width, in, out], or [height, width,
out, in] for transposed convolutions.
"""
import sys

import numpy as np
import torch
from torch import nn


def build_generator(smooth):
    layers, channels = [], 100
    for index, width in enumerate((512, 256, 128, 64)):
        layers += [nn.ConvTranspose2d(channels, width, 4, 2 if index else 1, 1 if index else 0, bias=False),
                   nn.BatchNorm2d(width), nn.ELU() if smooth else nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def build_discriminator(smooth):
    def activation():
        return nn.ELU() if smooth else nn.LeakyReLU(0.2)
    layers, channels = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), activation()], 64
    for width in (128, 256, 512):
        layers += [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), activation()]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten())


def model_tensors(model):
    """Parameters and running statistics, in the order of our variables."""
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            yield from (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        elif hasattr(layer, 'weight'):
            yield layer.weight


def to_torch_layout(array):
    """[height, width, a, b] → [b, a, height, width], for the kernels of both kinds of convolution."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1)) if array.ndim == 4 else array


def to_tensorflow_layout(array):
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def load_weights(model, arrays):
    tensors = list(model_tensors(model))
    assert len(tensors) == len(arrays)
    with torch.no_grad():
        for tensor, array in zip(tensors, arrays):
            value = torch.from_numpy(to_torch_layout(array))
            assert tensor.shape == value.shape
            tensor.copy_(value)


def train(inputs):
    """Trains the two networks on given weights and batches.

    Args:
      inputs: smooth (bool), images [steps, batch, 64, 64, 3], noise [steps, batch, 100], and the initial values
        Generator/0, Generator/1, … and Discriminator/0, ….
    Returns: the generated images of the initial weights in inference mode, losses [steps, 2] of discriminator and
      generator, and the final values under the same names as the initial ones.
    """
    smooth, results = bool(inputs['smooth']), {}
    generator, discriminator = build_generator(smooth), build_discriminator(smooth)
    models = {'Generator': generator, 'Discriminator': discriminator}
    for scope, model in models.items():
        count = sum(name.startswith(scope + '/') for name in inputs)
        load_weights(model, [inputs['%s/%d' % (scope, index)] for index in range(count)])
    noise = torch.from_numpy(inputs['noise'])[..., None, None]
    generator.eval()
    with torch.no_grad():
        results['inference_images'] = generator(noise[0]).numpy().transpose(0, 2, 3, 1)
    generator.train()
    images = torch.from_numpy(np.ascontiguousarray(inputs['images'].transpose(0, 1, 4, 2, 3)))
    results['losses'] = np.array(list(training_steps(generator, discriminator, images, noise)))
    for scope, model in models.items():
        for index, tensor in enumerate(model_tensors(model)):
            results['%s/%d' % (scope, index)] = to_tensorflow_layout(tensor.detach().numpy())
    return results


def training_steps(generator, discriminator, images, noise):
    """The training step of post 001, once per batch; yields (discriminator loss, generator loss)."""
    generator_optimizer, discriminator_optimizer = [
        torch.optim.Adam(model.parameters(), lr=0.0002, betas=(0.5, 0.999), eps=0.1)
        for model in (generator, discriminator)]
    cross_entropy = nn.BCELoss()
    ones, zeros = torch.ones(images.shape[1], 1), torch.zeros(images.shape[1], 1)
    for real_batch, noise_batch in zip(images, noise):
        discriminator_optimizer.zero_grad()
        fake_batch = generator(noise_batch)
        real_loss = cross_entropy(discriminator(real_batch), ones)
        fake_loss = cross_entropy(discriminator(fake_batch.detach()), zeros)
        real_loss.backward()
        fake_loss.backward()
        discriminator_optimizer.step()
        generator_optimizer.zero_grad()
        generator_loss = cross_entropy(discriminator(fake_batch), ones)
        generator_loss.backward()
        generator_optimizer.step()
        yield float(real_loss + fake_loss), float(generator_loss)


def adam(inputs):
    """Five steps of Adam from 0 with a constant gradient; returns the variable."""
    variable = torch.zeros(len(inputs['gradient']), requires_grad=True)
    optimizer = torch.optim.Adam([variable], 0.1, (0.5, 0.999), float(inputs['epsilon']))
    for _ in range(5):
        variable.grad = torch.from_numpy(inputs['gradient'].copy())
        optimizer.step()
    return {'variable': variable.detach().numpy()}


if __name__ == '__main__':
    torch.set_num_threads(1)  # more would wait actively, and slow down the tests that run at the same time
    task, input_path, output_path = sys.argv[1:]
    np.savez(output_path, **{'training': train, 'adam': adam}[task](dict(np.load(input_path))))
