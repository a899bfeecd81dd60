"""The parts of `scripts/benchmark.py`: contestants, each in a process of its own, and what is made of their times."""
