"""The documents: links, pictures, commands, quoted error messages, and the Python examples."""
import ast
import glob
import importlib
import os
import re
import shlex
import textwrap

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import script_arguments

from dcgan_tf1 import api
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings import train as settings
from scripts import flags_page
from scripts.flags_page import SETTINGS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def documents(pattern):
    """The files that match a pattern, relative to the root of the repository."""
    paths = glob.glob(os.path.join(ROOT, *pattern.split('/')), recursive=True)
    return sorted(os.path.relpath(path, ROOT).replace(os.sep, '/') for path in paths)


GUIDES = ['README.md', *documents('docs/*.md')]
WITH_COMMANDS = [*GUIDES, 'CONTRIBUTING.md', 'scripts/README.md']
LINKED = [*WITH_COMMANDS, *documents('results/**/README.md')]
MAX_README_LINES = 150


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


def code_blocks(name):
    """(language, content) of each code block."""
    return [(language, re.sub('^' + indent, '', content, flags=re.M)) for indent, language, content in re.findall(
        r'^( *)```(\w*)\n(.*?)^ *```$', read(name), re.M | re.S)]


def commands(name):
    """The lines of all code blocks without a language, with continued lines joined."""
    text = '\n'.join(content for language, content in code_blocks(name) if language in ('', 'bash'))
    return [line.strip() for line in re.sub(r' *\\\n *', ' ', text).split('\n') if line.strip()]


def without_code(text):
    return re.sub(r'`[^`\n]*`', '', re.sub(r'^ *```.*?^ *```$', '', text, flags=re.M | re.S))


def anchors(name):
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r'^#+ (.*)$', re.sub(r'^ *```.*?^ *```$', '', read(name), flags=re.M | re.S), re.M)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.any_tensorflow
def test_the_readme_is_short():
    assert len(read('README.md').splitlines()) <= MAX_README_LINES


@pytest.mark.any_tensorflow
def test_the_beginning_of_the_readme_is_enough_to_run_it():
    beginning = '\n'.join(read('README.md').splitlines()[:40])
    for command in ('python3 scripts/demo.py', 'dcgan_tf1.train', 'dcgan_tf1.sample', 'dcgan_tf1.evaluate'):
        assert command in beginning


@pytest.mark.any_tensorflow
def test_the_readme_links_every_guide():
    missing = [name for name in GUIDES[1:] if '(%s' % name not in read('README.md')]
    assert not missing


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name', LINKED)
def test_links_and_pictures_exist(name):
    text = without_code(read(name))
    targets = re.findall(r'\]\(([^)\s]+)\)', text) + re.findall(r'<img [^>]*src="([^"]+)"', text)
    for target in targets:
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = target.partition('#')
        path = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        assert os.path.exists(os.path.join(ROOT, path)), '%s links to %s' % (name, target)
        if anchor and path.endswith('.md'):
            assert anchor in anchors(path), '%s links to %s' % (name, target)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name', GUIDES)
def test_every_picture_has_a_description(name):
    text = without_code(read(name))
    assert not re.findall(r'!\[\]\(', text)
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r'<img [^>]*>', text))


def parse_command(module, arguments):
    """Parses the arguments of `python -m MODULE` without running it. Raises an exception if they are not valid."""
    if module == 'dcgan_tf1':
        assert not arguments or arguments[0] in [*SETTINGS, 'legacy'], arguments
        module, arguments = 'dcgan_tf1.' + (arguments[:1] or ['help'])[0], arguments[1:]
    package, _, command = module.partition('.')
    if module == 'dcgan_tf1.help' or arguments == ['--help']:
        return
    if package == 'dcgan_tf1':
        if command == 'legacy':
            importlib.import_module('dcgan_tf1.legacy.__main__').parse(arguments)
            return
        if command in ('report', 'explore'):
            arguments = [argument for argument in arguments if argument.startswith('-')]
        cli_flags.parse(SETTINGS[command], *arguments)
    elif module == 'scripts.benchmarks.startup':
        cli_flags.parse(settings.TrainSettings, *arguments)
    elif package == 'scripts':
        script = importlib.import_module(module)
        script = script if hasattr(script, 'main') else importlib.import_module(module + '.__main__')
        if module == 'scripts.versions':
            script.parse(arguments)
        else:
            script_arguments(script, *arguments)
    else:
        assert module in ('pip', 'venv', 'pytest', 'mypy'), module


@pytest.fixture
def folders_exist(monkeypatch):
    """Commands in the documents name folders of the reader's machine."""
    isdir = os.path.isdir
    monkeypatch.setattr(os.path, 'isdir', lambda path: str(path).startswith(('my/', 'runs/')) or isdir(path))


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('name', WITH_COMMANDS)
def test_commands_parse(name, folders_exist):
    text = read(name)
    inline = re.findall(r'`(python -m [^\s`]+ [^`\n]*)`', text)  # with arguments
    for line in [*commands(name), *(command for command in inline if '…' not in command)]:
        match = re.match(r'python3? -m ([\w.]+)(.*)$', line)
        if not match:
            continue
        arguments = shlex.split(match.group(2))
        if any(re.search(r'\b[A-Z_]{3,}\b', argument) for argument in arguments):
            continue  # a pattern, such as --run_dir=RUN_DIR
        arguments = [argument for argument in arguments if not argument.startswith('--flagfile=runs/')]
        try:
            parse_command(match.group(1), arguments)
        except (SystemExit, Exception) as error:
            raise AssertionError('%s: %s\n%s' % (name, line, error)) from error


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_error_messages_are_quoted_exactly():
    constants = set()
    for path in glob.glob(os.path.join(ROOT, 'dcgan_tf1', '**', '*.py'), recursive=True) + glob.glob(
            os.path.join(ROOT, 'scripts', '*.py')):
        with open(path, encoding='utf-8') as file:
            for node in ast.walk(ast.parse(file.read())):
                value = getattr(node, 'value', None) if type(node).__name__ == 'Constant' else getattr(node, 's', None)
                value = value.decode(errors='replace') if isinstance(value, bytes) else value
                if isinstance(value, str):
                    constants.add(re.sub(r'%(\.\d)?[sdgf]', '…', value).replace('%%', '%'))
    others = {  # of absl, Python and TensorFlow
        "Unknown command line flag '…'", *("No module named '%s'" % name for name in (
            'dcgan_tf1', 'tensorflow.contrib', 'tensorflow.examples')),
        "module 'tensorflow' has no attribute 'contrib'", '… is not available with Keras 3',
        'Variable …/Adam/ does not exist, or was not created with tf.get_variable()',
        'tf.control_dependencies(tf.GraphKeys.UPDATE_OPS)', 'should not be used',
        "The flag 'log_dir' is defined twice."}
    quoted = [message for line in read('docs/troubleshooting.md').splitlines() if line.startswith('| `')
              for message in re.findall(r'`([^`]*)`', line.split(' | ')[0])]
    assert len(quoted) > 50
    wrong = [message for message in quoted if message not in others
             and not any(message in constant for constant in constants)]
    assert not wrong


@pytest.mark.any_tensorflow
def test_the_page_of_flags_is_up_to_date():
    assert read('docs/flags.md') == flags_page.page(), 'run python -m scripts.flags_page'


@pytest.mark.any_tensorflow
def test_the_python_example_is_that_of_the_api():
    """A test of the API runs it."""
    (_, example), = [block for block in code_blocks('docs/python-api.md') if block[0] == 'python']
    assert textwrap.indent(example, '  ') in api.__doc__


@pytest.mark.slow
def test_fix_for_scripts_without_update_ops(graph, tf_layers, tmp_path, capsys):
    """The code of docs/gray-or-blurry-samples.md, in a script like that of post 002."""
    check, fix, repair = [content for language, content in code_blocks('docs/gray-or-blurry-samples.md')
                          if language == 'python']
    noise, is_training = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.bool, [])
    images = tf.placeholder(tf.float32, [None, 3])

    def generator(x):
        with tf.variable_scope('Generator'):
            return tf_layers.dense(tf_layers.batch_normalization(tf_layers.dense(x, 8), training=is_training), 3)

    def discriminator(x, reuse=False):
        with tf.variable_scope('Discriminator', reuse=reuse):
            return tf_layers.dense(tf_layers.batch_normalization(tf_layers.dense(x, 8), training=is_training), 1)

    def sample_noise(count):
        return np.random.RandomState(0).uniform(-1, 1, [count, 4])
    generated = generator(noise)
    g_loss = -tf.reduce_mean(discriminator(generated))
    d_loss = -tf.reduce_mean(discriminator(images, reuse=True)) - g_loss
    names = {'tf': tf, 'noise': noise, 'is_training': is_training, 'g_loss': g_loss, 'd_loss': d_loss,
             'optimizer_g': tf.train.AdamOptimizer(), 'optimizer_d': tf.train.AdamOptimizer(),
             'g_vars': tf.trainable_variables('Generator'), 'd_vars': tf.trainable_variables('Discriminator'),
             'sample_noise': sample_noise}
    exec(fix, names)
    with tf.Session() as session:
        names.update(sess=session, saver=tf.train.Saver())
        session.run(tf.global_variables_initializer())
        exec(check, names)
        before = capsys.readouterr().out
        assert 'Generator/batch_normalization/moving_mean:0 0.0 0.0' in before
        session.run(names['train_g'], {noise: sample_noise(8), is_training: True})
        session.run(names['train_d'], {noise: sample_noise(8), images: np.ones([8, 3]), is_training: True})
        exec(check, names)
        after = capsys.readouterr().out
        assert not set(before.splitlines()) & set(after.splitlines())  # every statistic has changed
        exec(repair.replace('1000', '1500').replace("'repaired", repr(str(tmp_path))[:-1]), names)
        batch = sample_noise(128)
        expected, result = (session.run(generated, {noise: batch, is_training: mode}) for mode in (True, False))
        np.testing.assert_allclose(result, expected, rtol=0, atol=0.05 * abs(expected).max())


@pytest.mark.slow
@pytest.mark.any_tensorflow
def test_short_commands_run(few_labeled_digits, tmp_path, monkeypatch):
    """The commands of the README, in an empty folder, on a built-in dataset and with few steps."""
    monkeypatch.chdir(tmp_path)
    lines = [line for line in commands('README.md') if line.startswith('python -m dcgan_tf1')]
    assert [re.match(r'python -m dcgan_tf1\.(\w+)', line).group(1) for line in lines] == ['train', 'sample', 'evaluate']
    for line in lines:
        _, _, module, *arguments = shlex.split(re.sub(r'\bmnist\b', 'mnist_10k', line))
        command = module.split('.')[1]
        run = importlib.import_module(module + '.__main__').run
        arguments += {'train': ['--steps=1', '--batch_size=8', '--sample_size=4'], 'sample': [],
                      'evaluate': ['--num_images=16', '--classifier_steps=2']}[command]
        assert run(cli_flags.parse(SETTINGS[command], *arguments)) == 0
    assert (tmp_path / 'digits.png').exists()
