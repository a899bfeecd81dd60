"""The features of trainings and of what is done with them, and combinations of these that are drawn."""
import itertools
import random
from typing import Any, Dict, List

from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import BN_MODES, DISTRIBUTIONS, LOSSES, SCHEDULES, SHUFFLES, TrainSettings
from dcgan_tf1.util.errors import UserError

Combination = Dict[str, Any]  # {feature: the value that was drawn}

RAM_DISK = '/dev/shm'
OWN = ('dcgan_tf1.layers', 'tf.layers')
# Features that are flags of a training of the same name. What is listed twice is drawn more often.
_FLAGS = {
    'schedule': SCHEDULES, 'd_steps_per_g_step': (1, 2), 'precision': ('float32', 'bfloat16'),
    'kernels': ('native', 'alternative', 'auto'), 'epsilon_mode': ('tensorflow', 'pytorch'), 'xla': ('false', 'true'),
    'update_ops': ('true', 'true', 'false'), 'extra_bn_momentums': ('', '0.5', '0.5,0.99'), 'bn_mode': BN_MODES,
    'loss': LOSSES, 'shuffle': SHUFFLES, 'noise_batch': ('full', 'match'), 'noise_distribution': DISTRIBUTIONS,
    'batch_size': (4, 6), 'num_gpus': (1, 2)}
TABLE = {
    **_FLAGS,
    'network': ('graph_mode_dense', 'machinecurve', *OWN, *OWN),
    'batch_norm': (True, True, False), 'dropout': ('', 'generator', 'discriminator'),  # these are of an own network
    'extra_update_op': ('', 'Generator', 'Discriminator'),
    'data': ('mnist_10k', 'image_folder', 'tfrecords', 'image_folder packed', 'tfrecords packed'),
    'evaluated': (False, True), 'warm_start': (False, True),
    'ending': ('SIGKILL', 'SIGTERM', 'SIGINT', 'fewer steps'), 'end_after': (1, 2, 3, 4),
    'together': (False, True),  # whether commands start at the same time
    'folder': ('run', 'a run [1] {b} %d é', RAM_DISK),
    'opened_as': ('run', 'checkpoint'), 'cached': ('nothing', 'of another generator', 'damaged'),
    'failure': ('changed setting', 'no checkpoint', 'no run', 'edited network', 'no data', 'damaged checkpoint',
                'other noise', 'wrong value', 'unknown flag', 'unwritable run', 'no such average', 'taken output')}
# Values with which a combination takes little time.
CHEAP = {'network': ('graph_mode_dense', *OWN), 'evaluated': (False,), 'warm_start': (False,), 'kernels': ('native',)}


def draw(seed: int, **features: Any) -> Combination:
    """The combination of a seed. `features` are {feature: values} to draw from instead of those in the table."""
    for attempt in itertools.count():
        drawn = {}
        for name, values in TABLE.items():  # a new feature does not change what is drawn for the others
            drawn[name] = random.Random('%d %d %s' % (seed, attempt, name)).choice(features.get(name, values))
        try:
            _adapt(drawn)
            cli_flags.parse(TrainSettings, *flags(drawn), '--steps=1')
            return drawn
        except UserError:
            pass  # flags that exclude each other
    raise AssertionError


def _adapt(drawn: Combination) -> None:
    """Replaces values that exclude others, as the documents say."""
    if drawn['network'] not in OWN:
        drawn.update(batch_norm=drawn['network'] != 'graph_mode_dense', dropout='', extra_update_op='', loss='sigmoid')
        if drawn['failure'] == 'edited network':
            drawn['failure'] = 'no checkpoint'
    if drawn['network'] == 'tf.layers':
        # Dropout of tf.layers starts from the beginning when a run is resumed.
        drawn.update(precision='float32', dropout='')
        if drawn['bn_mode'] == 'standing':
            drawn['bn_mode'] = 'moving'
    if drawn['network'] == 'tf.layers' or drawn['extra_update_op']:
        drawn['num_gpus'] = 1
    if drawn['extra_update_op'] == 'Generator' and drawn['bn_mode'] == 'standing':
        drawn['bn_mode'] = 'batch'
    if drawn['together']:
        drawn['kernels'] = 'native'  # each of two trainings would choose its own
    if not drawn['batch_norm']:
        drawn['extra_bn_momentums'] = ''


def flags(drawn: Combination) -> List[str]:
    """The flags of the training that say what is trained, without those about files."""
    values = {name: drawn[name] for name in _FLAGS}
    dataset = drawn['data'].split()[0]
    sizes = {'dataset': dataset, 'image_size': 28, 'channels': 1, 'noise_dim': 8, 'sample_size': 4,
             'standing_batches': 3, 'log_every': 1, 'sample_every': 2, 'checkpoint_every': 2}
    if drawn['evaluated']:
        best_by = 'frechet_distance' if dataset == 'mnist_10k' else 'sharpness_ratio'
        sizes.update(evaluate_every=2, evaluation_images=20, best_by=best_by, classifier_steps=2)
    return ['--%s=%s' % item for item in {**values, **sizes}.items()]


_OWN_NETWORK = '''
import tensorflow.compat.v1 as tf
{imports}


def generator(noise, is_training):
    x = dense(noise, 7 * 7 * 4)
    x = tf.reshape(tf.nn.relu({batch_norm}), [-1, 7, 7, 4])
    x = conv2d_transpose(x, 4, 5, 2, padding='same')
    x = tf.nn.relu({batch_norm})
    {of_generator}
    return tf.nn.tanh(conv2d_transpose(x, 1, 5, 2, padding='same'))


def discriminator(images, is_training):
    x = conv2d(images, 4, 5, 2, padding='same')
    x = tf.nn.leaky_relu({batch_norm})
    {of_discriminator}
    return dense(flatten(x), {num_logits})
'''
_IMPORTS = {'dcgan_tf1.layers': 'from dcgan_tf1.layers import *', 'tf.layers': '''
conv2d, conv2d_transpose, dense, flatten = (
    tf.layers.conv2d, tf.layers.conv2d_transpose, tf.layers.dense, tf.layers.flatten)


def batch_norm(x, is_training):
    return tf.layers.batch_normalization(x, training=is_training)
'''}
_UPDATE_OP = '''counter = tf.get_variable('counter', [], initializer=tf.zeros_initializer(), trainable=False)
    if is_training:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(counter, tf.reduce_mean(tf.cast(x, tf.float32))))'''


def own_network(drawn: Combination) -> str:
    """The content of the file with the network of a combination, if the network is an own one."""
    def features(name: str) -> str:
        lines = ['x = dropout(x, 0.3, is_training)'] * (drawn['dropout'] == name.lower())
        return '\n    '.join(lines + [_UPDATE_OP] * (drawn['extra_update_op'] == name))
    return _OWN_NETWORK.format(
        imports=_IMPORTS[drawn['network']], batch_norm='batch_norm(x, is_training)' if drawn['batch_norm'] else 'x',
        num_logits=2 if drawn['loss'] == 'sparse_softmax' else 1, of_generator=features('Generator'),
        of_discriminator=features('Discriminator'))
