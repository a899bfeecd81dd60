"""Reference implementations of recipes with `tf.layers`, for the benchmark and as a comparison in tests."""
