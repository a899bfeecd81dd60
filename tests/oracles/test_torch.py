"""Recipe `learnopencv_torch` against the same networks and training step in PyTorch."""
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from test_keras import our_steps

torch = pytest.importorskip('torch', reason='PyTorch is not installed')
nn = torch.nn

FLAGS = os.path.join(os.path.dirname(__file__), '..', '..', 'flags')


def generator(smooth):
    blocks, channels = [], 100
    for index, width in enumerate((512, 256, 128, 64)):
        blocks += [nn.ConvTranspose2d(channels, width, 4, 2 if index else 1, 1 if index else 0, bias=False),
                   nn.BatchNorm2d(width), nn.ELU() if smooth else nn.ReLU()]
        channels = width
    return nn.Sequential(*blocks, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(smooth):
    def activation():
        return nn.ELU() if smooth else nn.LeakyReLU(0.2)
    blocks, channels = [nn.Conv2d(3, 64, 4, 2, 1, bias=False), activation()], 64
    for width in (128, 256, 512):
        blocks += [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), activation()]
        channels = width
    return nn.Sequential(*blocks, nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten())


def tensors(model):
    """Parameters and running statistics in the order of our variables."""
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            yield from (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        elif hasattr(layer, 'weight'):
            yield layer.weight


def to_torch(value):
    """Kernels [height, width, a, b] are [b, a, height, width] there, for both kinds of convolution."""
    return torch.from_numpy(np.ascontiguousarray(value.transpose(3, 2, 0, 1) if value.ndim == 4 else value))


@pytest.mark.parametrize('smooth', [False, True])
def test_ten_steps(smooth, training_settings, make_smooth):
    """Images, losses and ten steps of training: batch norm's and Adam's conventions among it.

    With the recipe's own kinked activations the first step's, for some unit is always within rounding of a kink.
    """
    steps = 10 if smooth else 1
    if smooth:
        make_smooth()
    settings = training_settings('--flagfile=%s/learnopencv_torch.flags' % FLAGS, '--batch_size=4', '--epsilon=0.1')
    random = np.random.RandomState(0)
    feeds = [(random.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32), random.randn(4, 100).astype(np.float32))
             for _ in range(steps)]
    names, initial, made, our_losses, final = our_steps(settings, feeds)
    models = {'Generator': generator(smooth), 'Discriminator': discriminator(smooth)}
    for scope, model in models.items():
        with torch.no_grad():
            for tensor, value in zip(tensors(model), initial[scope]):
                assert tensor.shape == to_torch(value).shape
                tensor.copy_(to_torch(value))
    make, judge = models['Generator'], models['Discriminator']
    optimizers = [torch.optim.Adam(model.parameters(), lr=0.0002, betas=(0.5, 0.999), eps=0.1)
                  for model in (make, judge)]
    cross_entropy = nn.BCELoss()

    make.eval()
    with torch.no_grad():
        expected = make(torch.from_numpy(feeds[0][1])[:, :, None, None]).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(made[1], expected, atol=1e-5)
    make.train()
    for (real, noise), ours in zip(feeds, our_losses):
        real, noise = torch.from_numpy(real.transpose(0, 3, 1, 2)), torch.from_numpy(noise)[:, :, None, None]
        ones, zeros = torch.ones(4, 1), torch.zeros(4, 1)
        optimizers[1].zero_grad()
        fake = make(noise)
        losses = [cross_entropy(judge(real), ones), cross_entropy(judge(fake.detach()), zeros)]
        for loss in losses:
            loss.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        generator_loss = cross_entropy(judge(fake), ones)
        generator_loss.backward()
        optimizers[0].step()
        np.testing.assert_allclose(ours, [float(sum(losses)), float(generator_loss)], rtol=1e-5)
    for scope, model in models.items() if smooth else ():
        for name, tensor, ours, before in zip(names[scope], tensors(model), final[scope], initial[scope]):
            theirs, ours, before = tensor.detach().numpy(), to_torch(ours).numpy(), to_torch(before).numpy()
            error, change = np.abs(ours - theirs).max(), np.abs(theirs - before).max()
            assert change > 0 and error <= max(1e-5 * np.abs(theirs).max(), 1e-7), name
            assert error <= 1e-3 * change + 2 ** -22 * np.abs(theirs).max(), name


@pytest.mark.parametrize('corrected', [True, False])
def test_adams_epsilon(corrected, training_settings, random_images, graph):
    """With gradients as small as epsilon the two conventions part: only the corrected one is PyTorch's."""
    from dcgan_tf1.graph import _adam_epsilon
    settings = training_settings('--epsilon=0.01', *(['--corrected_epsilon'] if corrected else []))
    step = tf.train.get_or_create_global_step()
    x = tf.get_variable('x', [3], initializer=tf.zeros_initializer(), use_resource=True)
    adam = tf.train.AdamOptimizer(0.1, 0.5, 0.999, _adam_epsilon(settings, step))
    gradient = np.array([1., 0.01, -0.0001], np.float32)
    update = adam.apply_gradients([(tf.constant(gradient), x)], global_step=step)
    theirs = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], 0.1, (0.5, 0.999), 0.01)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(update)
            theirs.grad = torch.from_numpy(gradient.copy())
            optimizer.step()
        assert np.allclose(session.run(x), theirs.detach().numpy(), rtol=1e-5) == corrected
