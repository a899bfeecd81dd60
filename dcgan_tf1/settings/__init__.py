"""What can be set: fields, flags, flag files and recipes. Imports no TensorFlow."""
