"""Terminal, files, images, plots and pages: what any program needs. Knows nothing of GANs."""
