"""Exported SavedModels, loaded by TensorFlow 1's loader, and by TensorFlow 2's in a program without this package."""
import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, TENSORFLOW

from dcgan_tf1 import export
from dcgan_tf1.sample import command as sample
from dcgan_tf1.sample import converters
from dcgan_tf1.util import pixels
from dcgan_tf1.util.errors import UserError

NOISE = np.random.RandomState(0).uniform(-1, 1, (5, 100)).astype(np.float32)
LOAD_WITH_TENSORFLOW_2 = '''
import sys
import numpy as np
import tensorflow.compat.v2 as tf
tf.enable_v2_behavior()
images = tf.saved_model.load(sys.argv[1]).signatures['serving_default'](noise=tf.constant(np.load(sys.argv[2])))
np.save(sys.argv[3], images['images'].numpy())
'''
# Files have at most 100,000 bytes: the graph with its weights is larger.
EXPORT_SMALL_FILES = '''
import resource
from dcgan_tf1 import export
resource.setrlimit(resource.RLIMIT_FSIZE, (10 ** 5, 10 ** 5))
export.main()
'''


@pytest.fixture
def folder(batch_norm_run):
    """Path of a small run."""
    return batch_norm_run.path


@pytest.fixture
def sampled(folder, sampling_settings, tmp_path):
    """(flags…) → the images that `sample` generates from NOISE."""
    def call(*flags):
        np.save(str(tmp_path / 'noise.npy'), NOISE)
        assert sample.run(sampling_settings('--run_dir=' + folder, '--noise=%s/noise.npy' % tmp_path,
                                            '--output=%s/images.npy' % tmp_path, *flags)) == 0
        return np.load(str(tmp_path / 'images.npy'))
    return call


def load(path, noise):
    """The images of an exported generator, loaded with TensorFlow 1's loader."""
    with tf.Graph().as_default(), tf.Session() as session:
        signature = tf.saved_model.loader.load(session, ['serve'], path).signature_def['serving_default']
        assert not tf.global_variables()
        return session.run(signature.outputs['images'].name, {signature.inputs['noise'].name: noise})


@pytest.mark.slow
@pytest.mark.parametrize('bn_mode', ['moving', 'standing'])
def test_images_equal_those_of_sample(bn_mode, folder, sampled, export_settings, tmp_path):
    path, flag = str(tmp_path / 'exported'), '--bn_mode=' + bn_mode
    assert export.run(export_settings('--run_dir=' + folder, '--output=' + path, flag, '--standing_batches=3')) == 0
    expected = (sampled(flag, '--standing_batches=3') + 1) / 2
    np.testing.assert_allclose(load(path, NOISE), expected, atol=1e-5)
    np.testing.assert_allclose(load(path, NOISE[:1]), expected[:1], atol=1e-5)  # of any number
    result = str(tmp_path / 'loaded.npy')
    subprocess.run([sys.executable, '-c', LOAD_WITH_TENSORFLOW_2, path, str(tmp_path / 'noise.npy'), result],
                   cwd=str(tmp_path), check=True,
                   env={name: value for name, value in os.environ.items() if name != 'PYTHONPATH'})
    np.testing.assert_allclose(np.load(result), expected, atol=1e-5)


def programs_in_the_documentation():
    """The programs of docs/export-and-import.md, which load a generator."""
    with open(os.path.join(ROOT, 'docs', 'export-and-import.md'), encoding='utf-8') as file:
        return re.findall('```python\n(.*?)```', file.read(), re.S)


@pytest.mark.slow
def test_all_formats_give_the_same_images(folder, sampled, export_settings, tmp_path, monkeypatch):
    """Loads each with the program in the documentation."""
    if TENSORFLOW < (2, 16):
        pytest.skip('TensorFlow Lite needs TensorFlow 2, and the program for Keras needs Keras 3')
    monkeypatch.setattr(sys.modules[__name__], 'NOISE', np.random.RandomState(0).uniform(-1, 1, (16, 100)).astype(
        np.float32))
    expected = (sampled('--bn_mode=moving') + 1) / 2
    for name, suffix in (('saved_model', ''), ('tflite', 'digits.tflite'), ('onnx', 'digits.onnx')):
        if name != 'onnx' or importlib.util.find_spec('tf2onnx'):
            assert export.run(export_settings('--run_dir=' + folder, '--bn_mode=moving', '--format=' + name,
                                              '--output=%s/%s' % (tmp_path, suffix or 'exported'))) == 0
    programs = programs_in_the_documentation()
    assert len(programs) == 4
    for number, program in enumerate(programs):
        if 'onnx' not in program or importlib.util.find_spec('onnxruntime'):
            result = str(tmp_path / ('%d.npy' % number))
            subprocess.run([sys.executable, '-c', program + "np.save('%s', images)" % result], cwd=str(tmp_path),
                           check=True)
            np.testing.assert_allclose(np.load(result), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['tflite', 'onnx'])
def test_bytes_in_other_formats(name, folder, export_settings, tmp_path):
    if name == 'onnx':
        pytest.importorskip('tf2onnx')
    path = str(tmp_path / 'file')
    flags = ['--run_dir=' + folder, '--bn_mode=moving', '--pixels=uint8']
    if TENSORFLOW < (2,) and name == 'tflite':
        with pytest.raises(UserError, match='--format=tflite needs TensorFlow 2: use --format=saved_model'):
            export.run(export_settings(*flags, '--output=' + path, '--format=' + name))
        return
    assert export.run(export_settings(*flags, '--output=' + path, '--format=' + name)) == 0
    assert export.run(export_settings(*flags, '--output=%s/exported' % tmp_path)) == 0
    with open(path, 'rb') as file:
        images = converters.FORMATS[name].run(file.read(), NOISE)
    expected = load(str(tmp_path / 'exported'), NOISE)
    assert images.dtype == np.uint8
    np.testing.assert_allclose(images.astype(int), expected, atol=1)


@pytest.mark.parametrize('name', ['tflite', 'onnx'])
def test_refused_conversions(name, monkeypatch):
    """Of an op that other runtimes do not have, and of images that are not the same twice."""
    if name == 'onnx':
        pytest.importorskip('tf2onnx')
    elif TENSORFLOW < (2,):
        pytest.skip('TensorFlow Lite needs TensorFlow 2')

    def frozen(function):
        with tf.Graph().as_default() as graph:
            noise = tf.placeholder(tf.float32, [None, 4], 'noise')
            tf.identity(function(noise), 'images')
            return graph.as_graph_def()
    noise = np.ones([2, 4], np.float32)
    for function, message in ((tf.math.bessel_i0e, 'this generator cannot be converted .*: use --format=saved_model'),
                              (lambda x: x + tf.random.uniform(tf.shape(x)), "images differ by up to .* from")):
        with pytest.raises(UserError, match='--format=%s: %s' % (name, message)):
            converters.convert(name, frozen(function), noise)
    if name == 'onnx':
        monkeypatch.setitem(sys.modules, 'onnxruntime', None)
        with pytest.raises(UserError, match="--format=onnx needs onnxruntime: pip install 'onnxruntime'"):
            converters.convert(name, frozen(tf.identity), noise)


@pytest.mark.slow
def test_images_of_bytes(folder, sampled, export_settings, tmp_path, capsys):
    """Standing statistics are used by default, and where a flag file says that the grids have those of a batch."""
    (tmp_path / 'a.flags').write_text('--bn_mode=batch\n')
    expected = pixels.to_uint8(sampled('--bn_mode=standing', '--standing_batches=2'))
    for flags in ([], ['--flagfile=%s' % (tmp_path / 'a.flags')]):
        path = str(tmp_path / ('exported%d' % len(flags)))
        assert export.run(export_settings('--run_dir=' + folder, '--output=' + path, '--pixels=uint8', *flags,
                                          '--standing_batches=2')) == 0
        assert 'with standing statistics' in capsys.readouterr().err
        images = load(path, NOISE)
        assert images.dtype == np.uint8
        np.testing.assert_allclose(images.astype(int), expected, atol=1)


@pytest.mark.any_tensorflow
def test_batch_statistics_are_refused_only_if_the_user_names_them(export_settings, tmp_path):
    """In a flag file, they are those of the grids."""
    (tmp_path / 'train.flags').write_text('--bn_mode=batch\n')
    flags = ['--flagfile=%s' % (tmp_path / 'train.flags'), '--run_dir=r', '--output=x']
    assert export_settings(*flags).bn_mode == 'batch'
    with pytest.raises(UserError, match='must be moving or standing'):
        export_settings(*flags, '--bn_mode=batch')


def test_refused_exports(folder, export_settings, tmp_path):
    (tmp_path / 'existing').mkdir()
    (tmp_path / 'existing' / 'file').touch()
    with pytest.raises(UserError, match='--output=.*existing exists already'):
        export.run(export_settings('--run_dir=' + folder, '--output=%s/existing' % tmp_path))
    with pytest.raises(UserError, match='is a checkpoint of another network'):
        export.run(export_settings('--run_dir=' + folder, '--output=%s/new' % tmp_path).replace(
            run_dir=None, checkpoint=folder + '/checkpoints/model-6', network='graph_mode'))
    assert not os.path.exists(str(tmp_path / 'new'))
    with pytest.raises(UserError, match='--output=/proc/new cannot be written .* make that writable, or name another'):
        export.run(export_settings('--run_dir=' + folder, '--output=/proc/new', '--standing_batches=1'))


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_a_full_disk(folder, tmp_path):
    pytest.importorskip('resource')  # not on Windows
    process = subprocess.run(
        [sys.executable, '-c', EXPORT_SMALL_FILES, '--run_dir=' + folder, '--output=%s/exported' % tmp_path,
         '--bn_mode=moving'], cwd=ROOT, stderr=subprocess.PIPE)
    printed = process.stderr.decode()
    assert process.returncode == 1 and 'Traceback' not in printed, printed
    assert re.search('error: --output=.*exported cannot be written .*File too large', printed) and not os.listdir(
        str(tmp_path)), printed
