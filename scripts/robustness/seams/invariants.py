"""What must hold for every combination."""
import base64
import io
import json
import os
import re
import shutil
import signal
from typing import Callable, Dict, List

import numpy as np
from PIL import Image

from dcgan_tf1.runs.folder import RunFolder
from scripts.robustness.comparison import content, differences
from scripts.robustness.seams.combinations import Combination
from scripts.robustness.seams.scene import STEPS, Scene

_STATUSES = {'SIGKILL': -9, 'SIGTERM': 143, 'SIGINT': 130}  # of a training that gets this signal


def resumed_equals_uninterrupted(scene: Scene) -> None:
    """A run that was ended and resumed equals an uninterrupted one bit for bit."""
    drawn, first = scene.drawn, [scene.training('uninterrupted'), scene.training('run')]
    scene.strew('cache', *['data'] * (drawn['data'] != 'mnist_10k'))
    if drawn['warm_start']:
        scene.call(*scene.training('start', '--seed=9', '--steps=2', '--evaluate_every=0', '--extra_bn_momentums='))
        first = [[*words, '--init_checkpoint=' + scene.path('start', 'checkpoints')] for words in first]
    resume = first[1]
    if drawn['ending'] == 'fewer steps':
        first[1] = [*resume, '--steps=%d' % drawn['end_after']]
    if drawn['together']:
        uninterrupted, run = (scene.start(*words) for words in first)  # one of them fills the caches
        uninterrupted_output = uninterrupted.finish
    else:
        scene.call(*first[0])
        run = scene.start(*first[1])
        uninterrupted_output = str
    if drawn['ending'] == 'fewer steps':
        run.finish()
    else:
        run.end(getattr(signal, drawn['ending']), drawn['end_after'])
        run.finish((0, _STATUSES[drawn['ending']]))
    uninterrupted_output()
    scene.strew('run', *['pack'] * drawn['data'].endswith('packed'))
    if drawn['together']:
        both = [scene.start(*resume) for _ in range(2)]
        outputs = [command.finish((0, 1)) for command in both]
        errors = [output for output in outputs if output.startswith('error: ')]
        assert len(errors) < 2 and re.search('being trained|changed by another|^$', ''.join(errors)), errors
    else:
        scene.call(*resume)
    different = differences(scene.run, content(RunFolder(scene.path('uninterrupted'))))
    if drawn['ending'] == 'fewer steps':  # it ended with a grid
        different = [name for name in different if not name.endswith(('.png', '.gif'))]
    assert not different, 'these differ: %s' % ', '.join(different)


def all_ways_give_the_same_images(scene: Scene) -> None:
    """The command, the API, SavedModels and explore pages give the same images for the same latent vectors."""
    images = _images(scene)
    for mode in scene.modes():
        scene.call(*scene.sampling(mode, mode))
        _assert_close(scene.sampled(mode), images[mode], 0, 'the command, ' + mode)
        if 'exported, ' + mode in images:
            tolerance = 1 if scene.drawn['precision'] == 'float32' else 4
            _assert_close(images['exported, ' + mode], images[mode], tolerance, 'the SavedModel, ' + mode)
    if 'standing' in scene.modes():
        page = scene.path('explore.html')
        scene.call('explore', scene.run.path, '--points=2', '--interpolation=linear', '--standing_batches=3',
                   '--output=' + page)
        for name, tiles in _tiles(page).items():
            mode = {'no batch norm': 'standing'}.get(name, name)
            if mode in scene.modes():
                _assert_close(tiles, images['corners, ' + mode], 0, 'the explore page, ' + name)


def _images(scene: Scene) -> Dict[str, np.ndarray]:
    """{name: images} by the API and by a SavedModel, which is written first."""
    if os.path.exists(scene.path('probe.npz')):
        return scene.probed()
    mode = 'moving' if scene.drawn['bn_mode'] == 'moving' else scene.modes()[-1]
    model = scene.path('exported')
    scene.call('export', *scene.generator(), '--bn_mode=' + mode, '--standing_batches=3', '--pixels=uint8',
               '--output=' + model)
    settings = dict(flag[2:].split('=', 1) for flag in scene.flags)
    values = {name: type(default)(settings[name]) for name, default in (
        ('network', ''), ('batch_size', 1), ('noise_dim', 1), ('noise_distribution', ''), ('precision', ''),
        ('image_size', 1), ('channels', 1))}
    momentums = [float(text) for text in scene.drawn['extra_bn_momentums'].split(',') if text]
    scene.probe(
        run_dir=scene.run.path if scene.drawn['opened_as'] == 'run' else '', models={mode: model}, momentums=momentums,
        settings={**values, 'checkpoint': scene.checkpoint})
    return scene.probed()


def _tiles(page: str) -> Dict[str, np.ndarray]:
    """{kind of statistics: uint8 [4, 28, 28, 1]} of the slices with 2 rows and columns on an explore page."""
    with open(page, encoding='utf-8') as file:
        names_and_images = re.findall(r'"image": "data:image/png;base64,([^"]+)", "name": "([^"]+)"', file.read())
    return {name: np.asarray(Image.open(io.BytesIO(base64.b64decode(image)))).reshape(2, 28, 2, 28, 1).transpose(
        0, 2, 1, 3, 4).reshape(4, 28, 28, 1) for image, name in names_and_images}


def _assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: int, about: str) -> None:
    largest = abs(actual.astype(int) - expected.astype(int)).max()
    assert largest <= tolerance, '%s: %d gray levels' % (about, largest)


def statistics_differ_where_they_must(scene: Scene) -> None:
    """Standing statistics over one batch are those of the batch; averages of one momentum agree; others differ."""
    drawn, images = scene.drawn, _images(scene)
    if drawn['dropout'] != 'generator':
        if 'standing' in scene.modes():
            tolerance = 1 if drawn['precision'] == 'float32' else 8
            _assert_close(images['one batch, standing'], images['one batch, batch'], tolerance, 'over one batch')
        if not drawn['batch_norm']:
            for mode in scene.modes():
                _assert_close(images[mode], images['batch'], 1, mode + ' without batch norm')
    if 'momentum 0.99' in images:
        _assert_close(images['momentum 0.99'], images['moving'], 1, 'averages of the momentum of the layers')
    if drawn['batch_norm']:
        different = [(mode, 'moving') for mode in scene.modes() if mode != 'moving']
        different += [('momentum 0.5', 'moving')] * ('momentum 0.5' in images)
        for one, other in different:
            assert abs(images[one] - images[other]).max() > 1, '%s and %s are the same' % (one, other)


def cached_answers_equal_fresh_ones(scene: Scene) -> None:
    """What was cached, by whomever, changes no answer."""
    results = []

    def sample(name: str, *more: str) -> None:
        scene.call(*scene.sampling('standing', name, *more))
        results.append(scene.sampled(name))
    if 'standing' in scene.modes():
        scene.forget_statistics()
        sample('fresh')
        if scene.drawn['cached'] == 'damaged':
            for path in scene.cached_statistics():
                with open(path, 'r+b') as file:
                    file.truncate(99)
        elif scene.drawn['cached'] == 'of another generator':
            scene.forget_statistics()
            other = {'uniform': 'normal', 'normal': 'uniform'}[scene.drawn['noise_distribution']]
            scene.call('sample', *scene.flags, '--checkpoint=' + scene.checkpoint, '--noise_distribution=' + other,
                       '--bn_mode=standing', '--standing_batches=3', '--output=' + scene.path('other.npy'))
        sample('cached')
        _assert_close(results[1], results[0], 0, 'with cached statistics')
    if scene.drawn['evaluated']:
        scores = [_evaluate(scene, 'cache'), _evaluate(scene, 'empty')]
        of_training = [entry for entry in scene.run.read_scores() if entry['checkpoint'] == 'model-%d' % STEPS]
        assert scores[0] == scores[1], 'with another cached classifier: %s' % scores
        for entry in of_training:
            assert entry['scores'] == scores[0], 'in the training: %s, later: %s' % (entry['scores'], scores[0])


def _evaluate(scene: Scene, cache: str) -> Dict[str, object]:
    """The scores of the run, with this folder of classifiers."""
    output = scene.path('scores.json')
    scene.call('evaluate', '--run_dir=' + scene.run.path, '--num_images=20', '--classifier_steps=2',
               '--standing_batches=3', '--cache_dir=' + scene.path(cache), '--output=' + output)
    with open(output, encoding='utf-8') as file:
        return json.load(file)['scores']


def commands_at_once(scene: Scene) -> None:
    """Two commands at once give what they give one after the other."""
    if not scene.drawn['together']:
        return
    mode = scene.modes()[-1]
    scene.call(*scene.sampling(mode, 'alone'))
    scene.forget_statistics()
    for command in [scene.start(*scene.sampling(mode, name)) for name in ('one', 'other')]:
        command.finish()
    for name in ('one', 'other'):
        _assert_close(scene.sampled(name), scene.sampled('alone'), 0, 'at once')


def failures_are_explained(scene: Scene) -> None:
    """A command that cannot work says why in one line that names the flag, file or value."""
    failure, run = scene.drawn['failure'], '--run_dir=' + scene.run.path
    copy = scene.path('copy')
    shutil.copytree(scene.run.path, copy)
    words, named = {
        'changed setting': ([*scene.training('run'), '--seed=7'], '--seed'),
        'no checkpoint': (['sample', run, '--checkpoint=99', '--output=a.npy'], '--checkpoint=99'),
        'no run': (['sample', '--run_dir=' + scene.path('nothing'), '--output=a.npy'], scene.path('nothing')),
        'edited network': (['sample', run, '--output=a.npy'], '--network=' + scene.network),
        'no data': ([*scene.training('new'), '--dataset=image_folder', '--data_dir=' + scene.path('nothing')],
                    '--data_dir=' + scene.path('nothing')),
        'damaged checkpoint': (['sample', '--run_dir=' + copy, '--output=a.npy'], 'model-%d' % STEPS),
        'other noise': (['sample', run, '--noise=' + scene.path('fresh.npy'), '--output=a.npy'], '--noise='),
        'wrong value': ([*scene.training('new'), '--bn_mode=none'], '--bn_mode'),
        'unknown flag': (['sample', run, '--output=a.npy', '--colour=1'], 'colour'),
        'unwritable run': ([*scene.training('new'), '--run_dir=/dev/null/run'], '/dev/null/run'),
        'no such average': (['sample', run, '--output=a.npy', '--bn_mode=moving', '--bn_momentum=0.123'],
                            '--bn_momentum=0.123' if scene.drawn['batch_norm'] else None),
        'taken output': (['export', run, '--bn_mode=moving', '--output=' + copy], '--output=' + copy)}[failure]
    if failure == 'edited network':
        with open(scene.network, 'a', encoding='utf-8') as file:
            file.write('\n# edited\n')
    if failure == 'damaged checkpoint':
        with open(os.path.join(copy, 'checkpoints', 'model-%d.data-00000-of-00001' % STEPS), 'r+b') as file:
            file.truncate(99)
    if named:
        words = [word.replace('--output=a.npy', '--output=' + scene.path('a.npy')) for word in words]
        error = scene.start(*words).finish((1,))
        assert named in error, error


def files_of_others_are_unchanged(scene: Scene) -> None:
    """Files that the program did not write are there afterwards, byte for byte."""
    for path, expected in scene.foreign.items():
        assert os.path.exists(path), path + ' was deleted'
        with open(path, 'rb') as file:
            assert file.read() == expected, path + ' was changed'


INVARIANTS: List[Callable[[Scene], None]] = [
    resumed_equals_uninterrupted, all_ways_give_the_same_images, statistics_differ_where_they_must,
    cached_answers_equal_fresh_ones, commands_at_once, failures_are_explained, files_of_others_are_unchanged]


def broken(drawn: Combination, folder: str) -> Dict[str, str]:
    """Checks a combination in a new folder, which is kept if something is broken: {invariant: what was found}."""
    scene, found = Scene(drawn, folder), {}
    for invariant in INVARIANTS:
        try:
            invariant(scene)
        except Exception as error:  # what an invariant finds broken may make its own code fail, too
            found[invariant.__name__] = '%s: %s' % (type(error).__name__, error)
            if not os.path.exists(scene.checkpoint + '.index'):
                break
    scene.remove(is_kept=bool(found))
    return found
