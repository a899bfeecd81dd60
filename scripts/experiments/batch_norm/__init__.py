"""Which statistics should batch norm use when a GAN is sampled?"""
