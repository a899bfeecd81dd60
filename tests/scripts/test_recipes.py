"""The experiment that trains recipes to their ends, at a small size."""
import json
import os
import re

import numpy as np
import pytest
from helpers import run_script, with_few_digits
from PIL import Image

from scripts.experiments.recipes import __main__ as script
from scripts.experiments.recipes import measure, page
from scripts.lib import trainings
from scripts.lib.measurements import Measurements

pytestmark = pytest.mark.any_tensorflow


@pytest.fixture(scope='module')
def arguments(tmp_path_factory):
    folder = tmp_path_factory.mktemp('recipes')
    (folder / 'dots').mkdir()
    random = np.random.RandomState(0)
    for number in range(30):
        Image.fromarray(random.randint(0, 256, (64, 64, 3)).astype(np.uint8)).save(
            str(folder / 'dots' / ('%d.png' % number)))
    return ['--recipes=graph_mode_dense,learnopencv_torch', '--dataset=mnist_10k', '--image_dir=%s/dots' % folder,
            '--steps=graph_mode_dense=5,learnopencv_torch=2', '--batch_size=4', '--num_images=30',
            '--classifier_steps=5', '--runs=%s/runs' % folder, '--output=%s/results' % folder]


@pytest.fixture(scope='module')
def output(arguments, trainings_in_process):
    """The results folder after two calls, one per recipe."""
    flags_of = trainings.training_flags

    def flags_with_a_small_network(recipe, *flags):
        return [*flags_of(recipe, *flags), *(['--network=machinecurve'] if recipe == 'learnopencv_torch' else [])]
    with trainings_in_process(), with_few_digits(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainings, 'training_flags', flags_with_a_small_network)
        for recipe, length in (('graph_mode_dense', 5), ('learnopencv_torch', 2)):
            run_script(script, '--recipes=' + recipe, arguments[1], arguments[2], '--steps=%s=%d' % (recipe, length),
                       *arguments[4:])
    return arguments[-1].split('=')[1]


@pytest.mark.slow
def test_measurements(output):
    with open(output + '/measurements.json') as file:
        measured = json.load(file)['measured']
    digits, dots = measured['graph_mode_dense 0'], measured['learnopencv_torch 0']
    assert (digits['steps'], digits['dataset'], digits['images'], digits['batch_size']) == (5, 'mnist_10k', 2000, 4)
    assert digits['full_length'] == 100 * 500  # 100 epochs in batches of 4
    assert (dots['steps'], dots['dataset'], dots['images'], dots['full_length']) == (2, 'dots', 30, 100 * 8)
    assert set(digits['scores']) == set(dots['scores']) == {'batch', 'moving', 'standing'}
    assert digits['scores']['batch'] == digits['scores']['moving']  # has no batch norm
    assert dots['scores']['batch']['sharpness'] != dots['scores']['moving']['sharpness']
    assert 'frechet_distance' in digits['scores']['batch'] and 'frechet_distance' not in dots['scores']['batch']
    assert digits['real']['modes'] and not dots['real']
    assert digits['seconds'] > 0 and digits['seconds_at_median_rate'] > 0


@pytest.mark.slow
def test_page(output):
    with open(output + '/README.md', encoding='utf-8') as file:
        text = file.read()
    assert '| graph_mode_dense | mnist_10k | 2,000 | 4 | 5 | 0.01 of 100 | float32 | ' in text
    assert '| learnopencv_torch | dots | 30 | 4 | 2 | 0.25 of 100 | float32 | ' in text
    assert ('\n%s --recipes=learnopencv_torch --image_dir=my/dots --steps=learnopencv_torch=2 --batch_size=4\n'
            % page.COMMAND) in text
    assert text.count('| real test images |') == 1
    for link in re.findall(r'\]\(([^)]+)\)', text):
        assert os.path.getsize(os.path.join(output, link)), link


@pytest.mark.slow
def test_pictures(output):
    for recipe, size in (('graph_mode_dense', 28), ('learnopencv_torch', 64)):
        width, height = (count * (size + 2) + 2 for count in (measure.COLUMNS, measure.NUM_PICTURES // measure.COLUMNS))
        with Image.open('%s/%s/generated.png' % (output, recipe)) as picture:
            assert picture.size == (width, height)
        with Image.open('%s/%s/real_and_generated.png' % (output, recipe)) as picture:
            assert picture.size[0] == 2 * width + measure.GAP and picture.size[1] > height
        with Image.open('%s/%s/training.gif' % (output, recipe)) as picture:
            assert picture.n_frames == {'graph_mode_dense': 6, 'learnopencv_torch': 3}[recipe]


@pytest.mark.slow
def test_nothing_is_measured_twice(output, arguments, few_digits, monkeypatch, capsys):
    monkeypatch.setattr(trainings, 'train', None)
    run_script(script, *arguments)
    assert '## learnopencv_torch' in capsys.readouterr().out


@pytest.mark.slow
def test_several_seeds(output, tmp_path):
    """A row per seed and kind of statistics; the command names their number."""
    measurements = Measurements(str(tmp_path), {'num_images': 30})
    with open(output + '/measurements.json') as file:
        values = json.load(file)['measured']['graph_mode_dense 0']
    values.update(steps=values['full_length'], precision='bfloat16')
    for seed in (0, 1):
        measurements.add(('graph_mode_dense', seed), values)
    text = page.readme(measurements)
    assert text.count('| 50,000 | 100 of 100 | bfloat16 |') == 2 and '| standing, seed 1 |' in text
    assert text.endswith('--recipes=graph_mode_dense --data_dir=my/mnist_10k --dataset=mnist_10k --seeds=2 '
                         '--precision=bfloat16 --batch_size=4\n```\n')
