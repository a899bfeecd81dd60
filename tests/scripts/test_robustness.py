"""The script that kills trainings: a small run, and whether it would notice what is lost."""
import json
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SMALL_RUN, run_script, stored_measurements

from dcgan_tf1.runs.checkpoints import saving as checkpoints
from dcgan_tf1.runs.folder import RunFolder
from scripts.robustness import __main__ as robustness
from scripts.robustness import baseline, report, training_process
from scripts.robustness.comparison import content, differences, partial_files


@pytest.mark.any_tensorflow
@pytest.mark.slow
def test_killed_and_interrupted_runs_end_like_undisturbed_ones(tmp_path, monkeypatch):
    """One `kill -9`, one SIGTERM, one Ctrl-C and two Ctrl-C, each in the middle of a run."""
    monkeypatch.setitem(baseline.RECIPES, 'machinecurve', (
        *baseline.RECIPES['machinecurve'], '--network=graph_mode_dense'))  # is built faster
    monkeypatch.setattr(training_process, '_POLL_SECONDS', 0.01)
    arguments = ['--recipes=machinecurve', '--kills=1', '--steps=80', '--long_steps=200', '--output=%s' % tmp_path]
    assert run_script(robustness, *arguments) == 0
    measured = json.loads((tmp_path / 'measurements.json').read_text())['measured']
    values = measured['kills machinecurve']
    assert sum(values['kills'].values()) == 1 and values['differences'] == values['partial_files'] == []
    assert {name: outcome['status'] for name, outcome in values['signals'].items()} == {
        'SIGTERM': 143, 'Ctrl-C': 130, 'Ctrl-C twice': 130}
    assert values['signals']['SIGTERM']['saved'] and values['signals']['Ctrl-C']['saved']
    assert measured['long machinecurve']['step'] and min(measured['long machinecurve']['memory']) > 10 ** 7
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert '**1 times `kill -9` in trainings of 1 recipes: nothing was lost.' in text
    assert (tmp_path / 'memory.png').stat().st_size > 1000
    # Stored measurements are not repeated, and losses are reported.
    measured['kills machinecurve']['differences'] = ['metrics.jsonl']
    stored = json.loads((tmp_path / 'measurements.json').read_text())
    (tmp_path / 'measurements.json').write_text(json.dumps({**stored, 'measured': measured}))
    assert run_script(robustness, *arguments) == 1
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert 'this was lost or went wrong:**\n\n- machinecurve, killed: differs from the undisturbed run: metrics' in text


@pytest.fixture
def stored():
    return stored_measurements('robustness')


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('part,change,problem', [
    ('kills sparse_softmax', {'partial_files': ['a.png: b']},
     'sparse_softmax: unreadable file after a kill: a.png: b'),
    ('kills sparse_softmax', {'leftovers': ['x.tmp']}, 'sparse_softmax: x.tmp was left in checkpoints/'),
    ('faults full disk', {'status': 0}, 'full disk: status 0, and not one line: error: step 12'),
    ('faults full disk', {'error': 'a\nb'}, 'full disk: status 1, and not one line: a'),
    ('faults full disk', {'differences': ['metrics.jsonl']},
     'full disk: differs from the undisturbed run: metrics')])
def test_problems_are_reported(stored, part, change, problem):
    assert report.problems(stored) == []
    measured = stored.content['measured']
    kind, name = part.split(' ', 1)
    (measured[part] if kind == 'kills' else measured['faults machinecurve'][name]).update(change)
    found, = report.problems(stored)
    assert found.startswith(problem)


@pytest.mark.any_tensorflow
@pytest.mark.parametrize('signal,change', [
    ('SIGTERM', {'saved': False}), ('SIGTERM', {'status': 0}), ('Ctrl-C', {'traceback': True}),
    ('Ctrl-C twice', {'status': 0})])
def test_signals_that_end_badly_are_reported(stored, signal, change):
    outcome = stored.content['measured']['kills sparse_softmax']['signals'][signal]
    outcome.update(change)
    assert report.problems(stored) == ['sparse_softmax, %s: status %d' % (signal, outcome['status'])]


@pytest.mark.slow
def test_differences_are_found(trained, tmp_path):
    run = trained(*SMALL_RUN, '--steps=8')
    undisturbed = content(run)
    folder = RunFolder(shutil.copytree(run.path, str(tmp_path / 'run')))
    assert differences(folder, undisturbed) == partial_files(folder) == []
    folder.write_metrics([*folder.read_metrics(), folder.read_metrics()[-1]])  # one step twice
    with open(folder.grid(8), 'r+b') as file:
        file.truncate(500)
    assert differences(folder, undisturbed) == ['metrics.jsonl', 'step_000008.png']
    assert [fault.split(':')[0] for fault in partial_files(folder)] == ['samples/step_000008.png']
    path = checkpoints.last_checkpoint(folder)
    with tf.Graph().as_default(), tf.Session() as session:
        reader = tf.train.load_checkpoint(path)
        values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        values['Discriminator/dense/bias'] = np.nextafter(values['Discriminator/dense/bias'], np.float32(1))
        for name, value in values.items():
            tf.get_variable(name, initializer=value)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, folder.checkpoint_prefix, global_step=8, write_meta_graph=False)
    assert differences(folder, undisturbed)[0] == 'checkpoints/model-8: Discriminator/dense/bias'
    with open(path + '.data-00000-of-00001', 'r+b') as file:
        file.truncate(1000)
    assert any(fault.startswith('checkpoints/model-8.index') for fault in partial_files(folder))
