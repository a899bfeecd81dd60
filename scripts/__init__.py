"""Experiments, benchmarks and robustness checks. See scripts/README.md."""
import dcgan_tf1  # noqa: F401  (before any script imports TensorFlow, whose notices it hides)
