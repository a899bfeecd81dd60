"""PyTorch with the same networks, losses, schedules and initial distributions.

Gradients are taken with respect to the network that is updated, and no others; Adam is the fused one. With
`channels_last` images and weights are kept in that order; with `compiled`, every part that ends in gradients is one
compiled function. bfloat16 is autocast, with losses of float32 logits. Post 001's own loop (`as_printed`) is plain.

5×5 kernels of stride 2 are padded by 2 and 2, where TensorFlow's `same` takes 1 and 2: the same sizes and work.
"""
import contextlib

import torch
from torch import nn
from torch.nn import functional

from benchmarking.recipe import Worker, hyperparameters, pictures, processor


def _leaky():
    return nn.LeakyReLU(0.2, inplace=True)


def _graph_mode(how):
    size, channels = how.image_shape[0] // 4, how.image_shape[2]

    def normalized(layer, width):
        return [layer, nn.BatchNorm2d(width, eps=1e-3, momentum=0.01), _leaky()]
    generator = nn.Sequential(
        *normalized(nn.ConvTranspose2d(how.noise_dim, 256, size, bias=False), 256),
        *normalized(nn.ConvTranspose2d(256, 128, 5, 2, 2, 1, bias=False), 128),
        nn.ConvTranspose2d(128, channels, 5, 2, 2, 1), nn.Tanh())
    discriminator = nn.Sequential(
        *normalized(nn.Conv2d(channels, 128, 5, 2, 2, bias=False), 128),
        *normalized(nn.Conv2d(128, 256, 5, 2, 2, bias=False), 256),
        nn.Conv2d(256, 1, size), nn.Flatten())
    return generator, discriminator


def _sparse_softmax(how):
    size, channels = how.image_shape[0] // 4, how.image_shape[2]

    def normalized(layer, norm, width, activation):
        return [layer, norm(width, eps=1e-3, momentum=0.01), activation]
    generator = nn.Sequential(
        nn.Flatten(),  # the noise comes as [batch, noise_dim, 1, 1]
        *normalized(nn.Linear(how.noise_dim, size * size * 128), nn.BatchNorm1d, size * size * 128, nn.ReLU(True)),
        nn.Unflatten(1, (128, size, size)),
        *normalized(nn.ConvTranspose2d(128, 64, 5, 2, 2, 1), nn.BatchNorm2d, 64, nn.ReLU(True)),
        nn.ConvTranspose2d(64, channels, 5, 2, 2, 1), nn.Tanh())
    discriminator = nn.Sequential(
        *normalized(nn.Conv2d(channels, 64, 5, 2, 2), nn.BatchNorm2d, 64, _leaky()),
        *normalized(nn.Conv2d(64, 128, 5, 2, 2), nn.BatchNorm2d, 128, _leaky()),
        nn.Flatten(), *normalized(nn.Linear(size * size * 128, 1024), nn.BatchNorm1d, 1024, _leaky()),
        nn.Linear(1024, 2))
    return generator, discriminator


def _learnopencv_torch(how):
    size, channels = how.image_shape[0], how.image_shape[2]
    widths = [64 << layer for layer in range(size.bit_length() - 3)]  # 64, 128, 256, 512 of 64×64
    generator, before = [], how.noise_dim
    for width in reversed(widths):
        first = before == how.noise_dim
        generator += [nn.ConvTranspose2d(before, width, 4, 1 if first else 2, 0 if first else 1, bias=False),
                      nn.BatchNorm2d(width), nn.ReLU(True)]
        before = width
    generator += [nn.ConvTranspose2d(before, channels, 4, 2, 1, bias=False), nn.Tanh()]
    discriminator, before = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False), _leaky()], widths[0]
    for width in widths[1:]:
        discriminator += [nn.Conv2d(before, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), _leaky()]
        before = width
    return nn.Sequential(*generator), nn.Sequential(*discriminator, nn.Conv2d(before, 1, 4, bias=False), nn.Flatten())


def _initialize_as_tf_layers(layer):
    """Glorot uniform kernels, biases of 0."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _initialize_as_dcgan(layer):
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0., 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1., 0.02)


# Losses: logits → the scalar loss of saying anything but «real» (true) or «fake».

def _log_epsilon(logits, real):
    probability = torch.sigmoid(logits if real else -logits)
    return -(probability + 1e-12).log().mean()


def _cross_entropy(logits, real):
    return functional.cross_entropy(logits, torch.full((len(logits),), int(real), device=logits.device))


def _sigmoid(logits, real):
    return functional.softplus(-logits if real else logits).mean()


RECIPES = {'graph_mode': (_graph_mode, _log_epsilon, _initialize_as_tf_layers),
           'sparse_softmax': (_sparse_softmax, _cross_entropy, _initialize_as_tf_layers),
           'learnopencv_torch': (_learnopencv_torch, _sigmoid, _initialize_as_dcgan)}


class _Player:
    """A network with its optimizer."""

    def __init__(self, model, how, **adam):
        self.model = model
        self.parameters = list(model.parameters())
        self._optimizer = torch.optim.Adam(self.parameters, how.learning_rate, (how.beta1, how.beta2), how.epsilon,
                                           **adam)

    def update(self, gradients):
        for parameter, gradient in zip(self.parameters, gradients):
            # The fused optimizer walks both in the order of memory.
            if gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        self._optimizer.step()


class _Schedules:
    """Training steps by the names of our schedules: each a function () → (discriminator's loss, generator's)."""

    def __init__(self, generator, discriminator, loss, real_images, noise, autocast, compiled):
        """`real_images`, `noise`: functions that draw a batch; `autocast`: one that opens the context."""
        self._generator, self._discriminator = generator, discriminator
        self._loss, self._real_images, self._noise, self._autocast = loss, real_images, noise, autocast
        if compiled:
            for name in ('_generate', '_of_generator', '_of_discriminator', '_of_both', '_of_images'):
                setattr(self, name, torch.compile(getattr(self, name)))

    def _judged(self, images):
        return self._discriminator.model(images).float()

    # Gradients, of what is compiled in one piece.

    def _generate(self, noise):
        with self._autocast():
            return self._generator.model(noise)

    def _of_generator(self, noise):
        with self._autocast():
            loss = self._loss(self._judged(self._generator.model(noise)), True)
        return loss.detach(), torch.autograd.grad(loss, self._generator.parameters)

    def _of_discriminator(self, real, fake):
        with self._autocast():
            loss = self._loss(self._judged(real), True) + self._loss(self._judged(fake), False)
        return loss.detach(), torch.autograd.grad(loss, self._discriminator.parameters)

    def _of_both(self, real, noise):
        with self._autocast():
            fake = self._judged(self._generator.model(noise))
            losses = [self._loss(self._judged(real), True) + self._loss(fake, False), self._loss(fake, True)]
        of_generator = torch.autograd.grad(losses[1], self._generator.parameters, retain_graph=True)
        of_discriminator = torch.autograd.grad(losses[0], self._discriminator.parameters)
        return losses[0].detach(), losses[1].detach(), of_discriminator, of_generator

    def _of_images(self, fake):
        with self._autocast():
            loss = self._loss(self._judged(fake), True)
        return loss.detach(), torch.autograd.grad(loss, fake)[0]

    # Steps.

    def _update_discriminator(self, fake):
        loss, gradients = self._of_discriminator(self._real_images(), fake)
        self._discriminator.update(gradients)
        return loss

    def _update_generator(self, noise):
        loss, gradients = self._of_generator(noise)
        self._generator.update(gradients)
        return loss

    def _generated(self, noise):
        with torch.no_grad():
            return self._generate(noise)

    def generator_then_discriminator(self):
        noise = self._noise()
        generator_loss = self._update_generator(noise)
        return self._update_discriminator(self._generated(noise)), generator_loss

    def discriminator_then_generator(self):
        return self._update_discriminator(self._generated(self._noise())), self._update_generator(self._noise())

    def simultaneous(self):
        *losses, of_discriminator, of_generator = self._of_both(self._real_images(), self._noise())
        self._discriminator.update(of_discriminator)
        self._generator.update(of_generator)
        return losses

    def discriminator_then_generator_same_images(self):
        fake = self._generate(self._noise())
        discriminator_loss = self._update_discriminator(fake.detach())
        generator_loss, gradient = self._of_images(fake.detach().requires_grad_())
        self._generator.update(torch.autograd.grad(fake, self._generator.parameters, gradient))
        return discriminator_loss, generator_loss


def _as_printed(generator, discriminator, real_images, noise):
    """Post 001's step: cross-entropy of probabilities; three backward passes, the last through both networks."""
    optimizers = [torch.optim.Adam(model.parameters(), lr=0.0002, betas=(0.5, 0.999))
                  for model in (generator, discriminator)]
    cross_entropy = nn.BCELoss()

    def step():
        optimizers[1].zero_grad()
        real = real_images()
        ones, zeros = torch.ones(len(real), 1, device=real.device), torch.zeros(len(real), 1, device=real.device)
        real_loss = cross_entropy(discriminator(real), ones)
        real_loss.backward()
        fake = generator(noise())
        fake_loss = cross_entropy(discriminator(fake.detach()), zeros)
        fake_loss.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        generator_loss = cross_entropy(discriminator(fake), ones)
        generator_loss.backward()
        optimizers[0].step()
        return real_loss.detach() + fake_loss.detach(), generator_loss.detach()
    return step


def build(task):
    options, how = task['options'], hyperparameters(task)
    cuda = torch.cuda.is_available()
    device = torch.device('cuda' if cuda else 'cpu')
    bfloat16 = task['precision'] == 'bfloat16'
    if bfloat16 and cuda and not torch.cuda.is_bf16_supported():
        raise RuntimeError('this GPU has no bfloat16')
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision('high')  # TF32 on a GPU, TensorFlow's default there
    networks, loss, initialize = RECIPES[task['recipe']]
    order = torch.channels_last if options.get('channels_last') else torch.contiguous_format
    models = [model.apply(initialize).to(device, memory_format=order) for model in networks(how)]
    pixels = torch.from_numpy(pictures(how.image_shape).transpose(0, 3, 1, 2).copy()).to(device)

    def real_images():
        batch = pixels[torch.randint(len(pixels), (how.batch_size,), device=device)]
        return ((batch.float() - 127.5) / 127.5).contiguous(memory_format=order)

    def noise():
        shape = (how.batch_size, how.noise_dim, 1, 1)
        return torch.randn(shape, device=device) if how.noise_distribution == 'normal' else (
            torch.rand(shape, device=device) * 2 - 1)

    def autocast():
        return torch.autocast(device.type, torch.bfloat16) if bfloat16 else contextlib.nullcontext()
    if options.get('as_printed'):
        models[1].append(nn.Sigmoid())
        step = _as_printed(*models, real_images, noise)
    else:
        players = [_Player(model, how, fused=True) for model in models]
        step = getattr(_Schedules(*players, loss, real_images, noise, autocast, options.get('compiled')),
                       task['schedule'])

    def train(steps):
        for _ in range(steps):
            losses = step()
        return [float(loss) for loss in losses]  # waits for a GPU

    parameters = {name: sum(parameter.numel() for parameter in model.parameters())
                  for name, model in zip(('Generator', 'Discriminator'), models)}
    return Worker(train, parameters, 'PyTorch ' + torch.__version__,
                  torch.cuda.get_device_name() if cuda else processor(),
                  lambda: torch.cuda.max_memory_allocated() if cuda else None)
