"""The script that kills trainings: at a small size, and that it would notice what is lost."""
import json
import os
import shutil
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from dcgan_tf1 import checkpoints
from dcgan_tf1.run_folder import RunFolder

sys.path.append(os.path.join(os.path.dirname(__file__), '..', 'scripts'))

import check_reliability


def test_killed_and_interrupted_runs_come_out_as_undisturbed(tmp_path):
    """One `kill -9`, SIGTERM, Ctrl-C, two of them, each in the midst of a run."""
    arguments = ['--recipes=machinecurve', '--kills=1', '--steps=12', '--long_steps=20', '--output=%s' % tmp_path]
    assert check_reliability.main(arguments) == 0
    measured = json.loads((tmp_path / 'measurements.json').read_text())['measured']
    figures = measured['kills machinecurve']
    assert sum(figures['kills'].values()) == 1 and figures['differences'] == figures['halves'] == []
    assert {end: told['status'] for end, told in figures['signals'].items()} == {
        'SIGTERM': 143, 'Ctrl-C': 130, 'Ctrl-C twice': 130}
    assert figures['signals']['SIGTERM']['saved'] and figures['signals']['Ctrl-C']['saved']
    assert measured['long machinecurve']['step'] and min(measured['long machinecurve']['memory']) > 10 ** 7
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert '1 `kill -9`s of 1 recipes\' trainings: nothing was lost.' in text
    assert (tmp_path / 'memory.png').stat().st_size > 1000
    # What is measured is not measured again, and what was lost is told.
    measured['kills machinecurve']['differences'] = ['metrics.jsonl']
    content = json.loads((tmp_path / 'measurements.json').read_text())
    (tmp_path / 'measurements.json').write_text(json.dumps({**content, 'measured': measured}))
    assert check_reliability.main(arguments) == 1
    text = (tmp_path / 'README.md').read_text(encoding='utf-8')
    assert 'this was lost or went wrong:**\n\n- machinecurve, killed: other than undisturbed: metrics.jsonl' in text


def test_differences_are_found(trained, tmp_path):
    run = trained('--dataset=digits', '--batch_size=8', '--sample_size=4', '--network=graph_mode_dense',
                  '--loss=sigmoid', '--steps=2', '--log_every=1')
    undisturbed = check_reliability.content(run)
    folder = RunFolder(shutil.copytree(run.path, str(tmp_path / 'run')))
    assert check_reliability.differences(folder, undisturbed) == check_reliability.halves(folder) == []
    folder.write_metrics([*folder.read_metrics(), folder.read_metrics()[-1]])  # a step logged twice
    with open(folder.grid(2), 'r+b') as file:
        file.truncate(500)
    assert check_reliability.differences(folder, undisturbed) == ['metrics.jsonl', 'step_000002.png']
    assert [fault.split(':')[0] for fault in check_reliability.halves(folder)] == ['samples/step_000002.png']
    path = checkpoints.last_checkpoint(folder)
    with tf.Graph().as_default(), tf.Session() as session:
        reader = tf.train.load_checkpoint(path)
        values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        values['Discriminator/dense/bias'] = np.nextafter(values['Discriminator/dense/bias'], np.float32(1))
        for name, value in values.items():
            tf.get_variable(name, initializer=value)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, folder.checkpoint_prefix, global_step=2, write_meta_graph=False)
    assert check_reliability.differences(folder, undisturbed)[0] == 'checkpoints/model-2: Discriminator/dense/bias'
    with open(path + '.data-00000-of-00001', 'r+b') as file:
        file.truncate(1000)
    assert any(fault.startswith('checkpoints/model-2.index') for fault in check_reliability.halves(folder))
