"""What newer versions of TensorFlow, NumPy, SciPy and Pillow no longer have, put back for old scripts."""
