"""What does the discriminator of a GAN learn?"""
