"""Writes one HTML page about runs: losses, images over time, scores, settings. The page needs no other file.

  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0 runs/sparse_softmax-mnist-1 --output=both.html

Several runs are shown side by side. What differs between them, and from their recipes, comes first. The scores are
those that the `evaluate` command saved.
"""
import dataclasses
import os
import re
import shlex
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from dcgan_tf1 import metrics
from dcgan_tf1.runs.folder import RunFolder, seconds_of_steps
from dcgan_tf1.settings import cli, cli_flags
from dcgan_tf1.settings.fields import Settings, path, shown
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import charts, files, grids, pages, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically

_GRIDS_SHOWN = 6  # of each run, from the first to the last

# What the curves show: {key: (title, largest possible value or None)}, of metrics.jsonl and of scores.
_Curves = Dict[str, Tuple[str, Optional[float]]]
_LOGGED: _Curves = {
    'discriminator_loss': ('Discriminator loss', None), 'generator_loss': ('Generator loss', None),
    'real_accuracy': ('Discriminator accuracy on real images', 1.),
    'fake_accuracy': ('Discriminator accuracy on generated images', 1.)}
_SCORED: _Curves = {
    'frechet_distance': ('Fréchet distance', None), 'classifier_score': ('Classifier score', None),
    'precision': ('Precision', 1.), 'recall': ('Recall', 1.),
    'sharpness_ratio': ('Sharpness relative to real images', None),
    'nearest_median': ('Distance to the nearest training image', None)}
_MEANINGS = {
    'classifier_score': 'from 1 to the number of classes; higher is better',
    'frechet_distance': 'between features of generated and of real images; lower is better',
    'most_frequent_share': 'share of the class that is drawn most often',
    'modes': 'number of classes that are drawn',
    'total_variation': 'distance of the shares of the classes from those in the data; 0 is best',
    'nearest_median': 'distance to the nearest training image; much smaller than for real images: memorized',
    'nearest_percentile': 'the same, of the one image in a hundred that is nearest',
    'precision': 'share of generated images that are like real ones; 1 is best',
    'recall': 'share of real images that are like generated ones; 1 is best',
    'sharpness': 'variance of the Laplacian',
    'sharpness_ratio': 'sharpness relative to real images; 1 is best'}
_NO_VALUE = (None, ())


@dataclasses.dataclass(frozen=True)
class ReportSettings(Settings):
    """Settings of `python -m dcgan_tf1.report`."""

    output: Optional[str] = path(None, 'HTML file to write; default: report.html in the first run\'s folder')


def run(settings: ReportSettings, paths: Sequence[str]) -> int:
    """The command: writes the page about the runs in these folders; returns the exit status. Raises UserError."""
    from dcgan_tf1.runs import saved_settings  # imports TensorFlow, which takes seconds
    if not paths:
        raise UserError('name the folders of one or more runs, as in: python -m dcgan_tf1.report runs/my_run')
    folders = [RunFolder(path) for path in paths]
    if len(folders) > 1:  # by a pattern such as runs/*, which also fits the folder of the classifiers
        others = [folder for folder in folders if os.path.exists(folder.path) and not os.path.exists(folder.config)]
        for folder in others:
            terminal.say('%s holds no run: it is left out' % folder.path)
        folders = [folder for folder in folders if folder not in others] or folders
    output = settings.output or os.path.join(folders[0].path, 'report.html')
    for folder in folders:
        saved_settings.read(folder)  # otherwise a wrong name would become a new folder
    files.prepare_output(output)
    write_atomically(output, page(folders).encode(errors='backslashreplace'))
    terminal.say(output)
    return 0


def page(folders: Sequence[RunFolder]) -> str:
    """The page as text. Raises UserError if a folder holds no run."""
    from dcgan_tf1.runs import saved_settings  # imports TensorFlow, which takes seconds
    settings = [saved_settings.read(folder) for folder in folders]
    names = _names(folders)
    parts = [_overview(folders, names, settings), _commands(names, settings), _curves(folders, names)]
    parts += [_images(folder, name) for folder, name in terminal.track(
        list(zip(folders, names)), 'reading runs', len(folders))]
    title = 'Run%s %s' % ('s' * (len(names) > 1), ', '.join(names))
    return pages.document(title, [*parts, _scores(folders, names), _settings(settings, names)])


def _names(folders: Sequence[RunFolder]) -> List[str]:
    """The last part of each path, or the whole path where the last parts are not distinct."""
    paths = [os.path.abspath(folder.path) for folder in folders]
    short = [os.path.basename(path) for path in paths]
    return short if len(set(short)) == len(short) else paths


def _read(path: str) -> bytes:
    with open(path, 'rb') as file:
        return file.read()


def _overview(folders: Sequence[RunFolder], names: Sequence[str], settings: Sequence[TrainSettings]) -> str:
    columns = [_facts(folder, of_run) for folder, of_run in zip(folders, settings)]
    rows: List[pages.Row] = [(None, [fact, *(_text(column[fact]) for column in columns)]) for fact in columns[0]]
    return pages.table(['', *names], rows, 'Overview')


def _text(value: Any) -> str:
    return pages.format_value(value) if isinstance(value, (int, float)) else str(value)


def _facts(folder: RunFolder, settings: TrainSettings) -> Dict[str, Any]:
    records = folder.read_metrics()
    last = records[-1] if records else {}
    date = time.strftime('%Y-%m-%d', time.localtime(os.path.getmtime(folder.metrics))) if records else ''
    seconds = sum(seconds_of_steps(records, settings.batch_size))
    return {
        'recipe': settings.recipe, 'dataset': settings.dataset, 'seed': settings.seed,
        'steps': '%s of %s' % (last.get('step', 0), settings.steps), 'epochs': last.get('epoch', ''),
        'last step logged on': date,
        'time of all steps': '%d:%02d:%02d' % (seconds // 3600, seconds // 60 % 60, seconds % 60) if records else '',
        'images per second (median)': float(np.median([each['images_per_second'] for each in records]))
                                      if records else '',
        'discriminator loss at the end': last.get('discriminator_loss', ''),
        'generator loss at the end': last.get('generator_loss', ''),
        'trained with': 'TensorFlow %s' % folder.read_config().get('versions', {}).get('tensorflow', '?')}


def _commands(names: Sequence[str], settings: Sequence[TrainSettings]) -> str:
    """The command of each run, with every flag that differs from its recipe."""
    text = '<h2>Command</h2>\n'
    for name, of_run in zip(names, settings):
        own = _differing(of_run, _recipe(of_run))
        chosen = [flag for flag in cli_flags.to_flags(of_run) if flag[2:].split('=')[0] in {'recipe', *own}]
        text += '<p>%s:</p>\n' % pages.escape(name) if names[1:] else ''
        text += pages.command(' '.join(['python -m dcgan_tf1.train', *map(shlex.quote, chosen)]))
    return text


def _recipe(settings: TrainSettings) -> TrainSettings:
    """The settings of the recipe of a run; the defaults if this version does not have that recipe."""
    try:
        return cli_flags.build(TrainSettings, {'recipe': settings.recipe})
    except UserError:
        return TrainSettings()


def _differing(settings: TrainSettings, others: TrainSettings) -> List[str]:
    """Names of the settings in which two runs differ."""
    return [name for name in TrainSettings.names() if getattr(settings, name) != getattr(others, name)]


def _curves(folders: Sequence[RunFolder], names: Sequence[str]) -> str:
    records = {name: folder.read_metrics() for folder, name in zip(folders, names)}
    records = {name: logged for name, logged in records.items() if logged}
    if not records:
        return '<p class="note">No step has been logged yet.</p>'
    return '<h2>Training</h2>\n' + _charts(records, _LOGGED)


def _charts(records: Dict[str, Any], curves: _Curves) -> str:
    """A chart of each quantity that all records have."""
    return '\n'.join(
        pages.image(charts.curves(records, name, title, highest), 'png', title + ' by step', 'chart')
        for name, (title, highest) in curves.items()
        if all(name in point for points in records.values() for point in points))


def _images(folder: RunFolder, name: str) -> str:
    paths = folder.grids() if os.path.isdir(folder.samples) else []
    figures = []
    if os.path.exists(folder.reals):
        figures.append(pages.image(_read(folder.reals), 'png', 'real images', 'grid'))
    indices = grids.evenly_spaced(len(paths), _GRIDS_SHOWN)
    figures += [pages.image(_read(paths[index]), 'png', 'step %d' % folder.step_of(paths[index]), 'grid')
                for index in indices]
    if os.path.exists(folder.animation):
        figures.append(pages.image(_read(folder.animation), 'gif', 'the whole training', 'grid'))
    return '<h2>Images of %s</h2>\n%s' % (pages.escape(name), '\n'.join(figures)) if figures else ''


def _scores(folders: Sequence[RunFolder], names: Sequence[str]) -> str:
    """A table of the last evaluation of each kind, as of a run with certain statistics; and curves of all."""
    kinds = _kinds(folders, names)
    if not kinds:
        return ''
    evaluations = [sorted(of_kind, key=_step)[-1] for of_kind in kinds.values()]
    scores = list(dict.fromkeys(score for evaluation in evaluations for score in evaluation['scores']
                                if score != 'histogram'))
    rows: List[pages.Row] = []
    for score in scores:
        values = [evaluation['scores'].get(score, {}).get('value', '') for evaluation in evaluations]
        rows.append((None, [metrics.title(score), *values, evaluations[-1]['scores'].get(score, {}).get('real', '')]))
    titles = ['%s of %s' % (evaluation['checkpoint'], kind) for evaluation, kind in zip(evaluations, kinds)]
    meanings = ''.join('<li>%s: %s</li>\n' % (metrics.title(score), _MEANINGS[score])
                       for score in scores if score in _MEANINGS)
    return '<h2>Scores</h2>\n%s<details><summary>What the scores mean</summary>\n<ul>%s</ul></details>\n%s%s' % (
        pages.table(['score', *titles, 'real test images'], rows, 'Scores'), meanings, _score_curves(kinds),
        _histograms(dict(zip(titles, evaluations))))


def _kinds(folders: Sequence[RunFolder], names: Sequence[str]) -> Dict[str, List[Any]]:
    """{description: evaluations whose scores can be compared}."""
    kinds: Dict[str, Dict[str, List[Any]]] = {}
    for folder, name in zip(folders, names):
        for evaluation in folder.read_scores():
            kind = '%s, %s, %d images' % (name, _mode(evaluation), evaluation['num_images'])
            kinds.setdefault(kind, {}).setdefault(str(evaluation.get('classifier')), []).append(evaluation)
    return {kind + (', classifier %d' % number if len(of_kind) > 1 else ''): evaluations
            for kind, of_kind in kinds.items() for number, evaluations in enumerate(of_kind.values(), 1)}


def _step(evaluation: Dict[str, Any]) -> int:
    """The step of the checkpoint of an evaluation; −1 if it is of another program."""
    match = re.search(r'-([0-9]{1,15})$', evaluation['checkpoint'])
    return int(match.group(1)) if match else -1


def _histograms(evaluations: Dict[str, Any]) -> str:
    histograms = {title: evaluation['scores']['histogram'] for title, evaluation in evaluations.items()
                  if 'histogram' in evaluation['scores']}
    return '\n'.join(pages.image(
        charts.shares(entry['value'], entry['real'], title), 'png',
        'Share of each class, %s; the line shows real images' % title, 'chart') for title, entry in histograms.items())


def _score_curves(kinds: Dict[str, List[Any]]) -> str:
    """Scores by step, of what was evaluated in the same way at several steps."""
    records: Dict[str, Any] = {}
    for kind, evaluations in kinds.items():
        points = [{'step': _step(evaluation), **{name: entry['value'] for name, entry in evaluation['scores'].items()}}
                  for evaluation in sorted(evaluations, key=_step) if _step(evaluation) >= 0]
        if points[1:]:
            records[kind] = points
    return _charts(records, _SCORED) if records else ''


def _mode(evaluation: Dict[str, Any]) -> str:
    details = [evaluation[detail] for detail in ('bn_momentum', 'standing_batches') if evaluation.get(detail)]
    return ' '.join(map(str, [evaluation['bn_mode'], *details]))


def _settings(settings: Sequence[TrainSettings], names: Sequence[str]) -> str:
    """First what differs from the recipe, or between the runs, which is highlighted; then all others."""
    bases = [_recipe(of_run) for of_run in settings]
    differing: List[pages.Row] = []
    others: List[pages.Row] = []
    for flag in TrainSettings.names():
        values, of_recipes = ([getattr(each, flag) for each in several] for several in (settings, bases))
        row = ['--' + flag, *map(_setting, values), ', '.join(dict.fromkeys(map(_setting, of_recipes)))]
        if any(value != values[0] for value in values):
            differing.append(('differs', row))
        elif values != of_recipes:
            differing.append((None, row))
        elif values[0] not in _NO_VALUE:
            others.append((None, row))
    differing.sort(key=lambda row: row[0] is None)
    header = ['flag', *names, 'recipe']
    return ('<h2>Settings that differ from the recipe%s</h2>\n%s<details><summary>All other settings</summary>\n%s'
            '</details>' % (' or between the runs' if names[1:] else '',
                            pages.table(header, differing, 'Settings that differ'),
                            pages.table(header, others, 'Other settings')))


def _setting(value: Any) -> str:
    return '' if value in _NO_VALUE else shown(value)


def main() -> None:
    """The command."""
    cli.main(run, ReportSettings, takes_words=True)


if __name__ == '__main__':
    main()
