"""Shared by the scripts: command-line arguments, trainings, stored measurements, and machine information."""
