"""Benchmarks: whole trainings against other implementations, and single parts of a training."""
