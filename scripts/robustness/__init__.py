"""Kills, interrupts and starves trainings, and gives damaged files to every reader."""
