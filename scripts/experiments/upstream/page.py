"""The page with the results."""
from typing import Any, Dict

from dcgan_tf1.util import pages

_TEXT = """# The posts' own scripts

Posts 002 and 004 were made from public scripts. These run here unmodified, with `python -m dcgan_tf1.legacy` on
TensorFlow 2.21, for %(steps)d steps, while the weights before the first step and everything that is fed are recorded.
The recipe then trains from the same weights on the same images and latent vectors, with its own settings, activations,
optimizers and kernels. Only its moving statistics, on which training does not depend, start each step from those of the
script.

%(summary)s
- *float64*: both programs compute in double precision. Neither is changed: TensorFlow is made to use float64 where they
  ask for float32. Rounding errors are then too small to matter, so this shows whether both compute the same.
- *float32*: both programs as they are. They soon part, because Adam turns gradients that are nothing but rounding
  errors into full-size updates, and because units close to 0 flip their ReLU.
- *one rounding error*: for comparison, the recipe in float32 against itself, after every first weight was moved to a
  neighboring float32 number.

Each number is the largest relative difference: of both losses, and of all weights, where it is relative to the largest
value of the tensor. For losses, 1e-7 is the precision of float32 itself.

%(tables)s## What is compared, and what is not

%(notes)s
## Sources

%(sources)s
## Regenerate

```
pip install '.[legacy]'
python -m %(module)s --code_dir=my/clones --clone --data_dir=my/mnist
```

Without a network, put the clones into `my/clones/OWNER/NAME`.
"""
_CANCELED = ('Biases right before a batch norm are left out: it cancels them, so that their gradients are rounding '
             'errors. In float64 they stay below %s in both programs.')
_ORDER = ('The moving statistics of the discriminator are a race in the script: it updates each of them three times in '
          'a step, once for real images and twice for generated ones, in no defined order, and an update may read the '
          'value before another has written it. The recipe begins with the real images, and waits. So each step is '
          'compared with the result of the order that fits best. In float64, %d of %d steps used another order than '
          'the recipe in some layer; %d had a layer that fits no order to 1e-6, and the others differ by at most %s. '
          '(`tf.layers` keeps the momentum as float32.) Moving statistics have no influence on training.')
_FITS = 1e-6
_PAIRS = (('float64', 'float64'), ('float32', 'float32'), ('sensitivity', 'one rounding error'))


def page(sources: Dict[str, Any], commits: Dict[str, str], results: Dict[str, Any], module: str) -> str:
    """README.md of the results."""
    tables, summary = '', []
    for recipe, result in results.items():
        source = sources[recipe]
        rows = [[step, *[_number(result[pair][kind][step - 1]) for pair, _ in _PAIRS for kind in ('losses', 'weights')]]
                for step in range(1, len(result['float64']['losses']) + 1)]
        header = ['step', *['%s, %s' % (name, kind) for _, name in _PAIRS for kind in ('losses', 'weights')]]
        tables += '## `%s` and %s\n\n%s\n' % (' '.join([recipe, *source.flags]), source.script.rsplit('/', 1)[-1],
                                              pages.markdown_table(header, rows))
        summary.append([recipe, '%s of post %s' % (source.script.rsplit('/', 1)[-1], source.post), *[
            _number(max(result['float64'][kind])) for kind in ('losses', 'weights', 'moving')]])
    return _TEXT % {
        'steps': max(len(result['float64']['losses']) for result in results.values()), 'module': module,
        'summary': 'The largest differences in %s steps, in float64:\n\n' % len(rows) + pages.markdown_table(
            ['recipe', 'script', 'losses', 'weights', 'moving statistics, without races'], summary),
        'tables': tables, 'notes': _notes(sources, results),
        'sources': pages.markdown_table(['recipe', 'repository', 'commit', 'script'], [
            [recipe, '[%s](https://github.com/%s)' % (source.repository, source.repository),
             commits[source.repository][:10], source.script] for recipe, source in sources.items()])}


def _notes(sources: Dict[str, Any], results: Dict[str, Any]) -> str:
    lines = []
    for recipe, result in results.items():
        exact = result['float64']
        sentences = ['script and recipe train the %s first, and use %s latent vectors for the two networks.' % (
            ('generator', 'the same') if exact['same_noise'] else ('discriminator', 'different'))]
        if sources[recipe].post == '002':
            sentences.append('The script prints the losses before both updates; compared are the losses that the '
                             'updates start from.')
        if '--update_ops=false' in sources[recipe].flags:
            sentences.append('Its moving statistics stay at 0 and 1.')
        if sources[recipe].canceled:
            sentences += [_CANCELED % _number(max(exact['canceled'])), _order(exact)]
        lines.append('- `%s`: %s\n' % (recipe, ' '.join(sentences)))
    return ''.join(lines)


def _order(exact: Dict[str, Any]) -> str:
    fitting = [difference for difference in exact['raced'] if difference <= _FITS]
    return _ORDER % (sum(order > 0 for order in exact['order']), len(exact['order']),
                     len(exact['raced']) - len(fitting), _number(max(fitting, default=0.)))


def _number(value: float) -> str:
    return '0' if value == 0 else '%.0e' % value
