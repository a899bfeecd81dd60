"""Checkpoints as people name them, and as other programs write them."""
import os
import re
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import FEW_FILTERS, MAIN_RUN, assert_same_variables, final_variables, load_variables, read_variables

from dcgan_tf1 import api, export
from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.model.layers import extra_average_name
from dcgan_tf1.runs.checkpoints import loading, variable_names
from dcgan_tf1.runs.checkpoints.loading import GivenCheckpoint
from dcgan_tf1.sample import command as sample
from dcgan_tf1.train import training_data
from dcgan_tf1.train.training import train
from dcgan_tf1.train.warm_start import WarmStart
from dcgan_tf1.util import renames as checkpoint_renames
from dcgan_tf1.util.errors import UserError

SMALL = {'dataset': 'mnist_10k', 'batch_size': 8, 'network': 'few_filters'}
FLAGS = ['--%s=%s' % item for item in SMALL.items()]
RUN = (*MAIN_RUN, FEW_FILTERS)


@pytest.fixture
def run(trained):
    """A small run with checkpoints of the steps 3 and 6. It has dense and convolutional layers."""
    return trained(*RUN, '--steps=6')


@pytest.fixture
def images_of(sampling_settings, tmp_path):
    """(path, flags…) → the images that `sample` generates with the checkpoint of this path."""
    def call(path, *flags):
        output = str(tmp_path / 'images.npy')
        assert sample.run(sampling_settings(*FLAGS, '--checkpoint=' + path, '--num_images=3', '--bn_mode=moving',
                                            '--output=' + output, *flags)) == 0
        return np.load(output)
    return call


@pytest.fixture
def warm_start(run):
    """(path, renames) → {name: value} of the variables of both networks, loaded as for a training."""
    def call(path, renames=None):
        shapes = {name: value.shape for name, value in network_values(run).items()}
        with tf.Graph().as_default(), tf.Session() as session:
            variables = {name: tf.get_variable(name, shape, use_resource=True) for name, shape in shapes.items()}
            WarmStart(GivenCheckpoint(loading.find(path), renames)).restore(session)
            return session.run(variables)
    return call


def network_values(run):
    """{name: value} of the networks of the run, without the state of Adam."""
    values = read_variables(run.checkpoint_prefix + '-6')
    return {name: values[name] for name in sorted(values) if not variable_names.is_of_training(name)}


@pytest.fixture
def expected_images(run, images_of):
    return images_of(run.checkpoint_prefix + '-6')


def save(path, values, version=2):
    """Writes a checkpoint of {name: value}; returns its path."""
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: tf.Variable(value, dtype=tf.as_dtype(value.dtype)) for name, value in values.items()}
        session.run(tf.global_variables_initializer())
        return tf.train.Saver(variables, write_version=version).save(session, str(path))


@pytest.fixture
def saved_as(run, tmp_path):
    """(function) → path of a checkpoint of the run whose variables have the names that the function returns.

    It also has the state of Adam, in a training that could not restore it.
    """
    def call(rename, change=lambda value: value):
        values = read_variables(run.checkpoint_prefix + '-6')
        return save(tmp_path / 'other' / 'model.ckpt', {
            rename(name): change(value) for name, value in values.items() if 'step' not in name})
    return call


def copy_checkpoint(run, step, folder, name):
    os.makedirs(str(folder), exist_ok=True)
    for suffix in ('.index', '.data-00000-of-00001'):
        shutil.copy('%s-%d%s' % (run.checkpoint_prefix, step, suffix), str(folder / (name + suffix)))


@pytest.mark.parametrize('name', ['model[1]', 'model[', r'mo\del', 'mo*d?el', 'caf\udce9 {0}'], ids=ascii)
def test_a_checkpoint_of_any_name(name, run, tmp_path, images_of, expected_images):
    copy_checkpoint(run, 6, tmp_path, name)
    np.testing.assert_array_equal(images_of(str(tmp_path / name)), expected_images)


@pytest.mark.parametrize('suffix', ['-6', '-6.index', '-6.data-00000-of-00001', '-6.meta', ''])
def test_a_checkpoint_by_one_of_its_files(suffix, run):
    assert loading.find(run.checkpoint_prefix + suffix) == run.checkpoint_prefix + '-6'


def test_a_checkpoint_by_its_folder(run, tmp_path, capsys):
    """TensorFlow's state file decides, then the step. A line says which checkpoint it is."""
    for path in (run.path, run.checkpoints, run.checkpoints + '/checkpoint'):
        assert loading.find(path) == run.checkpoint_prefix + '-6'
    assert '--run_dir=%s would' % run.path in capsys.readouterr().err
    for name in ('model.ckpt-900', 'model.ckpt-1000'):
        copy_checkpoint(run, 3, tmp_path, name)
    assert loading.find(str(tmp_path)) == str(tmp_path / 'model.ckpt-1000')
    assert 'using the checkpoint %s' % (tmp_path / 'model.ckpt-1000') in capsys.readouterr().err
    for state in ('model_checkpoint_path: "model.ckpt-900"\n', 'model_checkpoint_path: "/moved/from/model.ckpt-900"\n'):
        (tmp_path / 'checkpoint').write_text(state)
        assert loading.find(str(tmp_path)) == str(tmp_path / 'model.ckpt-900')
    for state in (b'', b'model_checkpoint_path: "gone"\n', b'{"json": 1}', b'\xff\xfe'):
        (tmp_path / 'checkpoint').write_bytes(state)
        assert loading.find(str(tmp_path)) == str(tmp_path / 'model.ckpt-1000')
    copy_checkpoint(run, 3, tmp_path, 'final')
    with pytest.raises(UserError, match='contains several checkpoints: name one of .*/final, .*/model.ckpt-1000'):
        loading.find(str(tmp_path))


def test_a_folder_without_a_checkpoint(run, tmp_path):
    with pytest.raises(UserError, match='contains no checkpoint, only nothing: name a checkpoint'):
        loading.find(str(tmp_path))
    with pytest.raises(UserError, match='contains no checkpoint, only reals.png, step_0'):
        loading.find(run.samples)


def write_zip(path, *names):
    with zipfile.ZipFile(str(path), 'w') as archive:
        for name in names:
            archive.writestr(name, b'x')


def test_files_of_other_programs(tmp_path):
    """The error says what they are."""
    (tmp_path / 'w.h5').write_bytes(b'\x89HDF\r\n\x1a\n' + bytes(50))
    (tmp_path / 'old.pt').write_bytes(b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.')
    (tmp_path / 'w.safetensors').write_bytes((10).to_bytes(8, 'little') + b'{"a": 1}  ')
    write_zip(tmp_path / 'w.pt', 'archive/data.pkl')
    write_zip(tmp_path / 'w.keras', 'config.json', 'model.weights.h5')
    for name, kind in {'w.h5': 'an HDF5 file', 'old.pt': 'a Python pickle', 'w.safetensors': 'a safetensors file',
                       'w.pt': 'a PyTorch file', 'w.keras': 'a Keras model'}.items():
        with pytest.raises(UserError, match='%s is %s.*: name a checkpoint that tf.train.Saver wrote' % (name, kind)):
            loading.find(str(tmp_path / name))


@pytest.mark.slow
def test_a_saved_model(run, export_settings, tmp_path):
    path = str(tmp_path / 'exported')
    assert export.run(export_settings('--run_dir=' + run.path, '--standing_batches=1', '--output=' + path)) == 0
    with pytest.raises(UserError, match='exported is a SavedModel.*: name the checkpoint that it was made from'):
        loading.find(path)


@pytest.mark.slow
def test_every_command_accepts_a_folder(run, images_of, expected_images, sampling_settings, training_settings,
                                        warm_start, tmp_path):
    np.testing.assert_array_equal(images_of(run.path), expected_images)
    np.testing.assert_array_equal(images_of(run.checkpoint_prefix + '-6.index'), expected_images)
    assert_same_variables(warm_start(run.path), network_values(run))
    assert train(training_settings(*RUN, '--steps=1', '--init_checkpoint=' + run.path,
                                   '--run_dir=%s' % (tmp_path / 'warm'))) == 0
    assert 'the weights of %s-6, with the state of Adam' % run.checkpoint_prefix in (
        tmp_path / 'warm' / 'train.log').read_text()
    with api.open_checkpoint(run.checkpoints, **SMALL) as generator:
        assert generator.settings.checkpoint == run.checkpoint_prefix + '-6'
    with api.open_run(run.path, checkpoint='model-3') as generator:
        assert generator.settings.checkpoint == run.checkpoint_prefix + '-3'
    assert sample.run(sampling_settings('--run_dir=' + run.path, '--checkpoint=%s-3.index' % run.checkpoint_prefix,
                                        '--output=%s' % (tmp_path / 'a.npy'))) == 0


def test_an_absent_init_checkpoint_is_refused_before_the_images_are_loaded(training_settings, monkeypatch, tmp_path):
    monkeypatch.setattr(training_data, 'load', None)
    with pytest.raises(UserError, match='model-3 is not a readable checkpoint .*: name an intact one'):
        train(training_settings(*RUN, '--steps=1', '--init_checkpoint=%s/model-3' % tmp_path,
                                '--run_dir=%s/run' % tmp_path))
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize('saved,new', [([], [0.9]), ([0.9], []), ([0.9], [0.9, 0.5])])
def test_averages_with_extra_momentums(saved, new, tmp_path):
    """A warm start takes those that the checkpoint has. The others begin as in any training."""
    def build(momentums):
        names = ['Generator/bn/moving_mean', 'Generator/bn/gamma']
        names += [extra_average_name(names[0], momentum) for momentum in momentums]
        return {name: tf.get_variable(name, [2], initializer=tf.zeros_initializer(), use_resource=True)
                for name in names}
    with tf.Graph().as_default(), tf.Session() as session:
        written = build(saved)
        load_variables(session, [(variable, [7, 7]) for variable in written.values()])
        path = tf.train.Saver().save(session, str(tmp_path / 'model'))
    with tf.Graph().as_default(), tf.Session() as session:
        variables = build(new)
        session.run(tf.global_variables_initializer())
        WarmStart(GivenCheckpoint(path)).restore(session)
        for name, value in session.run(variables).items():
            assert list(value) == [7 if name in written else 0] * 2, name


def contrib(name):
    """The names of tf.contrib.layers."""
    for old, new in (('kernel', 'weights'), ('bias', 'biases'), ('conv2d_transpose', 'Conv2d_transpose'),
                     ('conv2d', 'Conv'), ('dense', 'fully_connected'), ('batch_normalization', 'BatchNorm')):
        name = re.sub(r'(?<=/)%s(?=_\d+/|/|$)' % old, new, name)
    return name


def carpedm20(name):
    """Names in the manner of a well-known DCGAN, whose layers are numbered in the order of the network."""
    scope, layer, variable, *slot = name.split('/')
    kind, _, number = re.match(r'(.*?)(_(\d+))?$', layer).groups()
    prefix = scope[0].lower()
    pattern = {'batch_normalization': '%s_bn%d', 'dense': '%s_h%d_lin'}.get(kind, '%s_conv%d')
    variable = {'kernel': 'Matrix'}.get(variable, variable)
    return '/'.join([scope.lower(), pattern % (prefix, int(number or 0)), variable, *slot])


OTHER_NAMES = {
    'scope': (lambda name: 'GAN/' + name, 'GAN='),
    'lower case': (lambda name: name.lower().replace('adam', 'Adam'),
                   'generator=Generator,discriminator=Discriminator'),
    'contrib': (contrib, 'fully_connected=dense,BatchNorm=batch_normalization,Conv2d_transpose=conv2d_transpose,'
                'Conv=conv2d,weights=kernel,biases=bias'),
    'contrib in a scope': (lambda name: 'a/b/' + contrib(name).replace('Discriminator', 'd'), None),
    'carpedm20': (carpedm20, None)}


@pytest.mark.slow
@pytest.mark.parametrize('kind', [
    kind if kind == 'contrib' else pytest.param(kind, marks=pytest.mark.any_tensorflow) for kind in OTHER_NAMES])
def test_other_names(kind, run, saved_as, images_of, expected_images, warm_start):
    """The error has a flag ready to paste, with which the same checkpoint loads: to sample, and to train."""
    rename, flag = OTHER_NAMES[kind]
    path = saved_as(rename)
    with pytest.raises(UserError, match='under other names .*: load it with --checkpoint_names=') as error:
        images_of(path)
    np.testing.assert_array_equal(images_of(path, str(error.value).split()[-1]), expected_images)
    with pytest.raises(UserError, match='--checkpoint_names=') as error:
        warm_start(path)
    suggested = str(error.value).split('--checkpoint_names=')[1]
    assert flag is None or set(suggested.split(',')) == set(flag.split(','))
    assert_same_variables(warm_start(path, suggested), network_values(run))


@pytest.mark.slow
def test_a_checkpoint_of_tensorflow_2(run, images_of, expected_images, tmp_path):
    """tf.train.Checkpoint and Keras name variables after objects. Here, numbers show the order of the layers."""
    values = {name: value for name, value in network_values(run).items() if name.startswith('Generator/')}
    order = ['dense', 'batch_normalization', 'conv2d_transpose', 'batch_normalization_1', 'conv2d_transpose_1']
    with tf.Graph().as_default(), tf.Session() as session:
        tracked = {}
        for name, value in values.items():
            tracked.setdefault(name.split('/')[1], {})[name.split('/')[2]] = tf.Variable(value, use_resource=True)
        layers = {'layer_with_weights-%d' % number: tf.train.Checkpoint(**tracked[layer])
                  for number, layer in enumerate(order)}
        checkpoint = tf.train.Checkpoint(model=tf.train.Checkpoint(**layers))
        session.run(tf.global_variables_initializer())
        path = checkpoint.save(str(tmp_path / 'ckpt'), session=session)
    with pytest.raises(UserError, match='--checkpoint_names=model=Generator,layer_with_weights-0=') as error:
        images_of(path)
    np.testing.assert_array_equal(images_of(path, str(error.value).split()[-1]), expected_images)
    with pytest.raises(UserError, match='Keras of TensorFlow 2 wrote it; it contains model/layer'):
        images_of(path, '--noise_dim=7')


@pytest.mark.slow
def test_all_commands_take_the_names(run, saved_as, expected_images, evaluation_settings, export_settings, few_digits,
                                tmp_path):
    path = saved_as(lambda name: 'GAN/' + name)
    names = '--checkpoint_names=GAN/='
    assert export.run(export_settings(*FLAGS, '--checkpoint=' + path, names, '--bn_mode=moving',
                                      '--output=%s' % (tmp_path / 'exported'))) == 0
    assert evaluate.run(evaluation_settings(
        *FLAGS, '--checkpoint=' + path, names, '--bn_mode=standing', '--standing_batches=2', '--num_images=8',
        '--cache_dir=%s' % tmp_path, '--classifier_steps=1', '--output=%s' % (tmp_path / 'scores.json'))) == 0
    with api.open_checkpoint(path, checkpoint_names='GAN=', **SMALL) as generator:
        images = generator.images(generator.latent_vectors(3), 'moving')
    np.testing.assert_allclose(images, (expected_images + 1) * 127.5, atol=0.51)


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_names_of_an_init_checkpoint_do_not_apply_to_the_run(uninterrupted_run, train_run, sampling_settings, tmp_path):
    def exchange(name):
        return re.sub('dense(_1)?/', lambda match: 'dense/' if match.group(1) else 'dense_1/', name)
    path = save(tmp_path / 'model.ckpt', {
        exchange(name): value for name, value in final_variables(uninterrupted_run).items() if 'step' not in name})
    flags = ['--init_checkpoint=' + path, '--checkpoint_names=dense=dense_1,dense_1=dense']
    run = train_run('run', '--steps=1', *flags)
    assert train_run('run', '--steps=2', *flags)
    assert sample.run(sampling_settings('--flagfile=' + run.flags, '--output=%s' % (tmp_path / 'a.png'))) == 0


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_renames_that_do_not_fit(run, saved_as, images_of):
    path = saved_as(lambda name: 'GAN/' + name)
    with pytest.raises(UserError, match='load it with --checkpoint_names=GAN=$'):
        images_of(path, '--checkpoint_names=generator=Generator')
    with pytest.raises(UserError, match='remove --checkpoint_names'):
        images_of(run.path, '--checkpoint_names=Generator=G')
    with pytest.raises(UserError, match='gives .* and .* the same name, .*: change it'):
        images_of(path, '--checkpoint_names=gamma=beta')
    with pytest.raises(UserError, match='another network.*missing: Generator/.*; it contains GAN/'):
        images_of(path, '--noise_dim=7')
    with pytest.raises(UserError, match='names are those after --checkpoint_names=GAN=x'):
        images_of(path, '--noise_dim=7', '--checkpoint_names=GAN=x')


NEUTRAL = {'gamma': 1, 'beta': 0, 'bias': 0}


@pytest.fixture
def saved_without(run, tmp_path):
    """(last parts of names, function) → paths of two checkpoints. In the first, these variables have no effect. The
    second lacks them, and its names are those that the function returns.
    """
    def call(absent, rename=lambda name: name):
        values = network_values(run)
        lacked = {name: name.split('/')[2] for name in values if name.split('/')[2] in absent}
        whole = {**values, **{name: np.full_like(values[name], NEUTRAL.get(last, 0)) for name, last in lacked.items()}}
        return (save(tmp_path / 'whole' / 'model.ckpt', whole),
                save(tmp_path / 'part' / 'model.ckpt', {rename(name): values[name] for name in values
                                                        if name not in lacked}))
    return call


@pytest.mark.slow
@pytest.mark.parametrize('absent,kind', [
    (('gamma',), 'contrib'), pytest.param(('bias', 'beta'), 'carpedm20', marks=pytest.mark.any_tensorflow)])
def test_layers_without_some_variables(absent, kind, saved_without, images_of, warm_start, capsys):
    """tf.contrib.layers has no gamma by default, and layers with batch norm need no bias."""
    whole, part = saved_without(absent, OTHER_NAMES[kind][0])
    with pytest.raises(UserError, match='under other names .*: load it with --checkpoint_names=') as error:
        images_of(part)
    capsys.readouterr()
    np.testing.assert_array_equal(images_of(part, str(error.value).split()[-1]), images_of(whole))
    lines = capsys.readouterr().err
    for name in absent:
        assert '%s has no %s in %d layers: it becomes %d, which has no effect\n' % (
            part, name, 3 if name == 'bias' else 2, NEUTRAL[name]) in lines
    with pytest.raises(UserError, match='--checkpoint_names=') as error:
        warm_start(part)
    assert_same_variables(warm_start(part, str(error.value).split('--checkpoint_names=')[1]), warm_start(whole))


@pytest.mark.slow
def test_only_trainable_variables(saved_without, images_of, warm_start, capsys):
    """Without moving averages, images can be generated with all other statistics, and a training can start."""
    whole, part = saved_without(('moving_mean', 'moving_variance'))
    for flags in (['--bn_mode=batch'], ['--bn_mode=standing', '--standing_batches=2']):
        np.testing.assert_array_equal(images_of(part, *flags), images_of(whole, *flags))
    assert capsys.readouterr().err.count('has no moving averages of batch norm: they become 0 (mean) and 1') == 2
    with pytest.raises(UserError, match='no moving averages of batch norm: use --bn_mode=standing or --bn_mode=batch'):
        images_of(part)
    values = warm_start(part)
    assert values['Generator/batch_normalization/moving_mean'].max() == 0
    assert values['Generator/batch_normalization/moving_variance'].min() == 1
    assert_same_variables({name: value for name, value in values.items() if 'moving' not in name},
                          {name: value for name, value in warm_start(whole).items() if 'moving' not in name})


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_what_has_another_name_is_not_missing(run, saved_as, images_of, tmp_path):
    """If renames forget a variable, or a variable has no place, no value is made up."""
    path = saved_as(contrib)
    renames = OTHER_NAMES['contrib'][1].split(',')
    assert 'biases=bias' in renames
    with pytest.raises(UserError, match='load it with --checkpoint_names='):
        images_of(path, '--checkpoint_names=' + ','.join(set(renames) - {'biases=bias'}))
    values = {'b' if name == 'Generator/dense/bias' else name: value for name, value in network_values(run).items()}
    with pytest.raises(UserError, match='missing: Generator/dense/bias; it contains .*b'):
        images_of(save(tmp_path / 'model.ckpt', values))


@pytest.mark.slow
@pytest.mark.parametrize('dtype, tolerance', [
    ('float64', 0), *(pytest.param(*case, marks=pytest.mark.any_tensorflow)
                      for case in (('float16', 2e-3), ('bfloat16', 2e-2)))])
def test_other_number_types(dtype, tolerance, saved_as, images_of, expected_images, warm_start, capsys, logged):
    """They are rounded, which a line says."""
    path = saved_as(lambda name: name, lambda value: value.astype(tf.as_dtype(dtype).as_numpy_dtype))
    np.testing.assert_allclose(images_of(path), expected_images, atol=tolerance)
    assert 'has variables of type %s, which become float32' % dtype in capsys.readouterr().err
    warm_start(path)
    assert '%s has variables of type %s, which become float32' % (path, dtype) in logged


def test_variables_that_are_no_floats(saved_as, images_of):
    path = saved_as(lambda name: name, lambda value: value.astype(np.int32))
    with pytest.raises(UserError, match='has int32 in Generator/.*, not float32: name another checkpoint'):
        images_of(path)


@pytest.mark.slow
def test_the_oldest_format(run, images_of, expected_images, tmp_path):
    """One file without a suffix, next to a file with the graph, which also stands for it."""
    values = read_variables(run.checkpoint_prefix + '-6')
    (tmp_path / 'v1').mkdir()
    path = save(tmp_path / 'v1' / 'model.ckpt', values, version=1)
    for given in (path, path + '.meta', str(tmp_path / 'v1')):
        np.testing.assert_array_equal(images_of(given), expected_images)


@pytest.mark.slow
def test_variables_of_other_parts_of_a_script(run, warm_start, tmp_path):
    """An encoder, counters and the state of another optimizer do not keep a training from starting; a layer does."""
    values = network_values(run)
    extra = {name: np.zeros(3, np.float32) for name in (
        'Encoder/dense/kernel', 'learning_rate', 'Generator/dense/kernel/RMSProp', 'Generator/dense/kernel/Momentum',
        'Generator/dense/kernel/ExponentialMovingAverage', 'beta1_power_1')}
    other_layer = save(tmp_path / 'b', {**values, 'Generator/dense_9/kernel': np.zeros(3, np.float32)})
    with pytest.raises(UserError, match='unexpected: Generator/dense_9/kernel'):
        warm_start(other_layer)
    assert_same_variables(warm_start(save(tmp_path / 'a', {**values, **extra})), values)


def test_values_are_loaded_without_new_ops(run):
    with tf.Graph().as_default() as graph, tf.Session() as session:
        values = read_variables(run.checkpoint_prefix + '-6')
        names = [name for name in values if name.startswith('Generator/')]
        variables = [tf.get_variable(name, values[name].shape, use_resource=True) for name in names]
        graph.finalize()
        GivenCheckpoint(run.checkpoint_prefix + '-6').load(session, variables)
        loaded = session.run({variable.op.name: variable for variable in variables})
    assert_same_variables(loaded, {name: values[name] for name in names})


def test_a_layer_with_more_variables_than_that_of_the_network(run):
    """Without its bias, it would compute something else."""
    with tf.Graph().as_default(), tf.Session() as session:
        kernel = tf.get_variable('Generator/dense/kernel', [100, 392], use_resource=True)
        with pytest.raises(UserError, match='unexpected: Generator/dense/bias$'):
            GivenCheckpoint(run.checkpoint_prefix + '-6').load(session, [kernel])


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_cached_statistics_belong_to_the_names(run, saved_as, images_of):
    """Other renames give other layers their weights, so their statistics are others, too."""
    path = saved_as(lambda name: name.replace('Generator', 'x'))
    flags = ['--checkpoint_names=x=Generator', '--bn_mode=standing', '--standing_batches=2']
    first = images_of(path, *flags)
    (cache,) = [name for name in os.listdir(os.path.dirname(path)) if 'standing' in name]
    before = os.stat(os.path.join(os.path.dirname(path), cache)).st_mtime_ns
    np.testing.assert_array_equal(images_of(path, *flags), first)
    assert os.stat(os.path.join(os.path.dirname(path), cache)).st_mtime_ns == before
    images_of(path, '--checkpoint_names=x=Generator,y=z', *flags[1:])
    assert os.stat(os.path.join(os.path.dirname(path), cache)).st_mtime_ns > before


@pytest.mark.parametrize('renames, name, translated', [
    ('GAN=', 'GAN/Generator/GAN_1/w', 'Generator/GAN_1/w'), ('Conv=conv2d', 'Conv_1/weights', 'conv2d_1/weights'),
    ('Conv=conv2d', 'Conv2d/Conv_a/Conv', 'Conv2d/Conv_a/conv2d'), ('a/b=c', 'x/a/b_2/d', 'x/c_2/d'),
    ('a=b,b=a', 'a/b/a_1', 'b/a/b_1'), ('a=x,a_1=y', 'a_1/a_2', 'y/x_2'), ('a.b=\\1', 'a.b/aXb', '\\1/aXb')])
def test_renames(renames, name, translated):
    assert variable_names.translate(name, checkpoint_renames.parse(renames)) == translated


def layers(*scopes, size=4):
    names = ('beta', 'gamma', 'moving_mean', 'moving_variance')
    return {'%s/%s' % (scope, name): [size] for scope in scopes for name in names}


def test_no_suggestion_where_the_order_is_not_clear():
    expected = layers('Generator/batch_normalization', 'Generator/batch_normalization_1')
    assert variable_names.suggest(layers('g/bn_9', 'g/bn_10'), expected)
    assert variable_names.suggest(layers('g/first', 'g/second'), expected) is None
    assert variable_names.suggest(layers('g/bn', 'g/bn_1', 'g/bn_2'), expected) is None
    assert variable_names.suggest(layers('g/bn', 'g/bn_1', size=5), expected) is None
    assert variable_names.suggest(layers('g/bn', 'g/bn_1', 'copy/bn', 'copy/bn_1'), expected) is None
    assert variable_names.suggest(layers('generator/bn', 'generator/bn_1', 'copy/bn', 'copy/bn_1'), expected) == (
        'generator=Generator,bn=batch_normalization')


def test_batch_norm_inside_of_layers():
    """As tf.contrib.layers names a normalizer."""
    expected = {'Generator/dense/kernel': [2, 4], **layers('Generator/batch_normalization'),
                'Generator/conv2d_transpose/kernel': [5, 5, 4, 4], **layers('Generator/batch_normalization_1')}
    theirs = {'G/fully_connected/weights': [2, 4], 'G/Conv2d_transpose/weights': [5, 5, 4, 4],
              **layers('G/Conv2d_transpose/BatchNorm', 'G/fully_connected/BatchNorm')}
    renames = checkpoint_renames.parse(variable_names.suggest(theirs, expected))
    assert {variable_names.translate(name, renames): shape for name, shape in theirs.items()} == expected
    assert variable_names.translate('G/Conv2d_transpose/BatchNorm/beta', renames).startswith(
        'Generator/batch_normalization_1/')
