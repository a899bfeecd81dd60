"""Experiments, benchmarks and robustness checks. See scripts/README.md."""
