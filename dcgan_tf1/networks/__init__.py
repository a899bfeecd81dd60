"""One module a family of recipes; its name is the value of `--network`.

A module offers
  IMAGE_SHAPE: (height, width, channels) of the images;
  generator(noise, is_training): noise [batch, noise_dim] → images [batch, height, width, channels] in [−1, 1];
  discriminator(images, is_training): images → what the recipe's loss takes.
Networks know nothing of sessions, flags or files; the caller opens the variable scope.
"""
