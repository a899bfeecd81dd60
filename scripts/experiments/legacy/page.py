"""The page with the results."""
from typing import Any, Dict, List, Tuple

from dcgan_tf1.util import pages

_TEXT = """# Public TensorFlow 1 GANs

%(good)d of %(all)d scripts from %(repositories)d repositories run on TensorFlow 2.21 with `python -m dcgan_tf1.legacy`;
%(plain)d run without. "Run" means: unmodified, for %(max_runs)d calls of `Session.run`, or to the end of the script if
that comes first. All scripts train on MNIST or on a folder of photographs (CIFAR-10 images, resized), on two CPU
cores. Scripts that need other data (CelebA with its list of attributes, SVHN, LSUN) were left out, and so were those
that need PyTorch, Theano or a GPU. We picked these scripts while we wrote the command, and fixed what they showed to be
missing. [Scripts that nobody had tried](#unseen-scripts) tell how it does on others.

- *Plain*: what `python SCRIPT.py` does; "no error" if it still ran without an error after a minute or more.
- *With the command*: the number of calls of `Session.run`, or why it ends earlier.
- *Migrated*, *tf_upgrade_v2*: [below](#migrated).
- *Batch norm*: what [the doctor](../../../docs/batch-norm-doctor.md) found, with the number of layers. After so short
  a training, averages with a momentum above 0.95 have not warmed up.

%(failures)s
## Scripts

%(table)s
*2*: with `--python2`.

## Migrated

`python -m dcgan_tf1.legacy --migrate=FOLDER` rewrites a script so that it runs without this package. Of the
%(compared)d scripts of both tables that were tried and run with the command, **%(migrated)d run plainly** when
migrated, in a process in which this package cannot be imported, and what their calls of `Session.run` fetch is **equal
bit for bit in %(equal)d**: all float numbers, arrays and summaries, until 20 single numbers, 100 calls or the end.
If 100 calls fetch none of these, the trainable variables are compared. For comparison, `tf_upgrade_v2`, which
TensorFlow ships for this purpose, was run on the same files of %(upgrades)d scripts: %(upgraded)d of its results run.

Both run with the same seeds, in one thread, and with a fixed order of operations: some scripts update the same
variables twice in one `Session.run`, in an order that otherwise changes from run to run. (103 of the scripts were
compared before the order was fixed. They equaled one of up to five runs with the command.) "Numbers vary" means that
they nevertheless differ between two runs with the command: threads of an input queue read the images. Data are where
the script expects them; MNIST is not downloaded.

%(not_migrated)s
## Unseen scripts

%(unseen)s
## Repositories

%(commits)s
## Regenerate

```
pip install '.[legacy]' opencv-python-headless scikit-image imageio seaborn progressbar2
python -m %(module)s --code_dir=my/clones --clone --data_dir=my/mnist --image_dir=my/photographs
python -m %(module)s.migrated --code_dir=my/clones --data_dir=my/mnist --image_dir=my/photographs
```

The last packages are those that the scripts import. Without a network, put the clones into `my/clones/OWNER/NAME`.
"""
_UNSEEN = """We chose %(all)d further scripts from %(repositories)d repositories by what they are: GANs first, then
autoencoders and classifiers, that train on MNIST or on a folder of photographs (for pix2pix, pairs of them; for
StarGAN, with random attributes). This list, with the arguments of each, was committed before any of them had run; to
one of them, an argument that it asks for was added later. Left out were scripts that need rare packages,
or data that must be converted first.

- **%(first)d of %(fair)d** ran at first, as the command was then. Not counted are %(unfair)d more, which fail for
  reasons of their own. Five of them were run on TensorFlow 1.15.5 with Python 3.7, and fail there, too. Six were judged
  by their code; two of these only need a display.
- **%(now)d of %(fair)d** run now, after what the failures showed was mended; and %(more)d of the other %(unfair)d. Only
  those that had failed were run again.

"Run" means: without an error for %(max_runs)d calls of `Session.run`, to the end, or for 2 to 4 minutes. They ran on
two cores that other programs used at the same time.

%(table)s
*2*: with `--python2`.
"""
# Why an unseen script did not run at first: (whether the command is at fault, the cause).
_CAUSES: Dict[str, Tuple[bool, str]] = {
    'JonathanRaiman/tensorflow-infogan/train.py':
        (False, 'creates moving averages in a scope with `reuse`, as before TensorFlow 1.0'),
    'gtoubassi/mnist-gan/main.py --train-digits=1':
        (False, 'uses `tf.contrib.learn.python`; now, takes an array for a number, which NumPy 2.4 refuses'),
    'zhangqianhui/Conditional-GAN/main.py --op 0':
        (False, 'defines the flag `log_dir`, which absl defines, too'),
    'chaiyujin/tensorflow-gan/dcgan/dcgan.py': (False, 'its own fault: the module `ops` is in another folder'),
    'chaiyujin/tensorflow-gan/cgan/cgan.py': (False, 'shows a window with OpenCV, which needs a display'),
    'chaiyujin/tensorflow-gan/wgan/wgan_v2.py': (False, 'shows a window with OpenCV, which needs a display'),
    'hardmaru/cppn-gan-vae-tensorflow/train.py':
        (False, 'pickles into a text file; now, takes an array for a number of bytes, which NumPy refuses'),
    **{'LynnHo/VAE-Tensorflow/train.py --dataset=mnist --model=' + model:
       (True, '`tf.contrib.data.batch_and_drop_remainder` was missing') for model in ('mlp_mnist', 'conv_mnist')},
    'pkmital/tensorflow_tutorials/python/06_modern_convnet.py':
        (False, 'its own fault: uses moving averages before it creates them'),
    'hwalsuklee/tensorflow-mnist-cnn/mnist_cnn_train.py':
        (False, 'rotates by an angle in an array, which SciPy refuses; `tf.train.SummaryWriter` is older than 1.0'),
    'carpedm20/BEGAN-tensorflow/main.py --dataset=photographs --use_gpu=False':
        (False, 'its own fault: without a GPU, it feeds images whose channels come first'),
    'chiphuyen/stanford-tensorflow-tutorials/2017/examples/autoencoder/train.py':
        (False, 'its own fault: an exercise whose functions are empty'),
}
# Why a script does not run, if it is not for something that this project could put back.
_REASONS = {
    'jiamings/wgan/wgan_v2.py --data mnist --model mlp':
        'its own fault: writes images into a folder that it does not create',
    'znxlwm/tensorflow-MNIST-GAN-DCGAN/tensorflow_MNIST_GAN.py':
        'its own fault: a bias has 1024 elements, but the layer 256; fails on TensorFlow 1.15, too',
    'carpedm20/DCGAN-tensorflow/main.py --dataset celebA --input_height=108 --crop --train':
        'its own fault: passes an array of floats to `Image.fromarray`; fails on TensorFlow 1.15, too',
    'kvfrans/generative-adversial/main.py':
        'its own fault: writes images into a folder that it does not create',
}
_KINDS = {'optimized': 'optimized', 'initial_statistics': 'inference with 0 and 1', 'never_updated': 'never updated',
          'not_in_step': 'not in the step', 'other_step': 'updated in the other step', 'warm_up': 'not warmed up'}


def page(repositories: List[Dict[str, Any]], results: Dict[str, Any], module: str, max_runs: int) -> str:
    """README.md of the results."""
    rows, failures, used = [], [], []
    commits = [['[{0}](https://github.com/{0})'.format(repository['repository']), repository['commit'][:10]]
               for repository in repositories]
    unseen = _unseen([repository for repository in repositories if repository.get('unseen')], results, max_runs)
    repositories = [repository for repository in repositories if not repository.get('unseen')]
    for repository in repositories:
        for entry in repository['scripts']:
            name = name_of(repository, entry)
            result = results.get(name)
            if result:
                used.append(result)
                if not result['good']:
                    reason = _REASONS.get(name, 'not looked into')
                    failures.append('- `%s`: %s. (%s)' % (name, reason, result['outcome']))
                rows.append([repository['repository'], _words(entry),
                             'no error' if result['plain'] == 'ran' else _short(result['plain']),
                             result['outcome'] if result['good'] else '**no**',
                             _migrated(result), _upgraded(result),
                             ', '.join(map(_short, result['put_back'])),
                             _batch_norm(result['batch_norm'])])
    return _TEXT % {
        'good': sum(result['good'] for result in used), 'all': len(used), 'repositories': len(repositories),
        'plain': sum(result['plain'] == 'ran' for result in used), 'max_runs': max_runs, 'module': module,
        **_of_migrated(list(results.values())),
        'failures': 'Those that do not run:\n\n%s\n' % '\n'.join(failures) if failures else '',
        'table': pages.markdown_table(
            ['repository', 'script', 'plain', 'with the command', 'migrated', 'tf_upgrade_v2', 'put back',
             'batch norm'], rows),
        'unseen': unseen, 'commits': pages.markdown_table(['repository', 'commit'], commits)}


def name_of(repository: Dict[str, Any], entry: Dict[str, Any]) -> str:
    """The name of a script in the measurements."""
    return ' '.join([repository['repository'] + '/' + entry['script'], *entry.get('arguments', [])])


def _words(entry: Dict[str, Any]) -> str:
    """The command line of a script."""
    words = ' '.join([entry['script'].rsplit('/', 1)[-1], *entry.get('arguments', [])])
    return words + (' *2*' if entry.get('python2') else '')


def unseen_counts(results: Dict[str, Any]) -> Dict[str, int]:
    """How many unseen scripts run, of those that can, which are fair, and of the others."""
    fair = {name for name in results if _CAUSES.get(name, (True, ''))[0]}
    return {'first': sum(result.get('first', result)['good'] for name, result in results.items() if name in fair),
            'now': sum(result['good'] for name, result in results.items() if name in fair), 'fair': len(fair),
            'more': sum(result['good'] for name, result in results.items() if name not in fair),
            'unfair': len(results) - len(fair), 'all': len(results)}


def _unseen(repositories: List[Dict[str, Any]], results: Dict[str, Any], max_runs: int) -> str:
    """The section about scripts that were listed before they were tried."""
    rows, used = [], {}
    for repository in repositories:
        for entry in repository['scripts']:
            name = name_of(repository, entry)
            if name in results:
                used[name] = result = results[name]
                first = result.get('first', result)
                rows.append([repository['repository'], _words(entry), *(
                    attempt['outcome'] if attempt['good'] else '**no**' for attempt in (first, result)),
                    _migrated(result) if result['good'] else '', _upgraded(result),
                    '' if first['good'] else _CAUSES.get(name, (True, 'not looked into'))[1]])
    return _UNSEEN % {
        **unseen_counts(used), 'repositories': len({row[0] for row in rows}), 'max_runs': max_runs,
        'table': pages.markdown_table([
            'repository', 'script', 'at first', 'now', 'migrated', 'tf_upgrade_v2', 'why not at first'], rows)}


def ran(outcome: str) -> bool:
    """Whether a rewritten script ran, as its numbers were compared."""
    return outcome == 'equal' or 'numbers' in outcome


def _migrated(result: Dict[str, Any]) -> str:
    return _short(result.get('migrated', 'not tried'))


def _upgraded(result: Dict[str, Any]) -> str:
    outcome = result.get('upgraded', '')
    return '' if not outcome else 'ran' if ran(outcome) else '**no**'


def _of_migrated(results: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The counts of the section about migrated scripts, and why others do not run."""
    tried = [result for result in results if result['good'] and 'migrated' in result]
    failures = [result['migrated'] for result in tried if not ran(result['migrated'])]
    causes = ['- %d: %s' % (failures.count(cause), cause) for cause in sorted(set(failures))]
    return {'compared': len(tried), 'migrated': sum(ran(result['migrated']) for result in tried),
            'equal': sum(result['migrated'] == 'equal' for result in tried),
            'upgrades': sum('upgraded' in result for result in tried),
            'upgraded': sum(ran(result.get('upgraded', '')) for result in tried),
            'not_migrated': 'Migrated scripts that do not run:\n\n%s\n' % '\n'.join(causes) if causes else ''}


def _batch_norm(findings: List[Dict[str, Any]]) -> str:
    layers: Dict[str, int] = {}
    for finding in findings:
        layers[finding['kind']] = layers.get(finding['kind'], 0) + finding['layers']
    return ', '.join('%s (%d)' % (_KINDS[kind], count) for kind, count in layers.items())


def _short(text: str) -> str:
    for long, short in (('tensorflow.examples.tutorials.mnist.input_data', 'input_data'), ('tf.contrib.', 'contrib.'),
                        ('import tensorflow as tf', 'tf'), ('numpy.', 'np.'), ('ModuleNotFoundError: ', '')):
        text = text.replace(long, short)
    return text if len(text) < 80 else text[:77] + '…'
