"""Networks, layers, losses and schedules, and the TensorFlow graph of a training step that they make."""
