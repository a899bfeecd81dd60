"""Reference implementations of two recipes with `tf.layers`. The benchmark times them; tests compare with them."""
