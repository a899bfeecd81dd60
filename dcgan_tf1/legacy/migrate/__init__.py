"""Rewrites a script so that it runs without this package: `python -m dcgan_tf1.legacy --migrate=FOLDER SCRIPT.py`.

Nothing is run: what a name means is decided from the source code.

- `project`: the command; finds the modules of the script, and writes the results
- `rewrite`: one module, from its old text to its new text
- `scopes`: which names of old libraries the names in a module mean
- `targets`: where these names are today, from the tables of `put_back/`
- `calls`: calls whose arguments have changed
- `batch_norm`: training steps that should run its update ops, for `--fix_batch_norm`
- `edits`: changes of a text that leave the rest as it is
- `compat`: the module that is written beside the script, with what it uses of `put_back/`
"""
