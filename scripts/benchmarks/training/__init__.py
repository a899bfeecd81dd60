"""Times the package's training loop against the blog posts' own loops, Keras 3, PyTorch and a bound.

`catalog` lists what is compared, `implementations` holds the training loops, `race` runs them in turns.
"""
