"""Writes one HTML page about runs: losses, images over time, scores, settings. The page needs no other file.

  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0 runs/sparse_softmax-mnist-1 --output=both.html

Several runs are shown side by side, and settings in which they differ are highlighted. The scores are those that the
`evaluate` command saved.
"""
import dataclasses
import os
import re
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.settings import cli
from dcgan_tf1.settings.fields import Settings, path
from dcgan_tf1.settings.train import TrainSettings
from dcgan_tf1.util import charts, files, grids, pages, terminal
from dcgan_tf1.util.errors import UserError
from dcgan_tf1.util.files import write_atomically

_GRIDS_SHOWN = 6  # of each run, from the first to the last

# What the curves show: quantities of metrics.jsonl, and scores with or without a classifier, with their titles.
_LOGGED = {'discriminator_loss': 'Discriminator loss', 'generator_loss': 'Generator loss',
           'real_accuracy': 'Discriminator accuracy on real images',
           'fake_accuracy': 'Discriminator accuracy on generated images'}
_SCORED = ({'frechet_distance': 'Fréchet distance', 'classifier_score': 'Classifier score', 'precision': 'Precision',
            'recall': 'Recall'},
           {'sharpness_ratio': 'Sharpness relative to real images',
            'nearest_median': 'Distance to the nearest training image'})


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
    parts = [_overview(folders, names, settings), _curves(folders, names)]
    parts += [_images(folder, name) for folder, name in terminal.track(
        list(zip(folders, names)), 'reading runs', len(folders))]
    return pages.document(', '.join(names), [*parts, _scores(folders, names), _settings(settings, names)])


def _names(folders: Sequence[RunFolder]) -> List[str]:
    """The last part of each path, or the whole path where the last parts are not distinct."""
    paths = [os.path.abspath(folder.path) for folder in folders]
    short = [os.path.basename(path) for path in paths]
    return short if len(set(short)) == len(short) else paths


def _read(path: str) -> bytes:
    with open(path, 'rb') as file:
        return file.read()


def _overview(folders: Sequence[RunFolder], names: Sequence[str], settings: Sequence[TrainSettings]) -> str:
    rows = []
    for folder, name, run_flags in zip(folders, names, settings):
        records = folder.read_metrics()
        last = records[-1] if records else {}
        versions = folder.read_config().get('versions', {})
        rows.append((None, [
            name, run_flags.recipe, run_flags.dataset, run_flags.seed,
            '%s of %s' % (last.get('step', 0), run_flags.steps), last.get('epoch', ''),
            last.get('discriminator_loss', ''), last.get('generator_loss', ''),
            float(np.median([record['images_per_second'] for record in records])) if records else '',
            'TensorFlow %s' % (versions.get('tensorflow', '?'),)]))
    return pages.table(['run', 'recipe', 'dataset', 'seed', 'steps', 'epochs', 'D loss', 'G loss', 'images/s',
                       'trained with'], rows)


def _curves(folders: Sequence[RunFolder], names: Sequence[str]) -> str:
    records = {name: folder.read_metrics() for folder, name in zip(folders, names)}
    records = {name: logged for name, logged in records.items() if logged}
    if not records:
        return '<p class="note">No step has been logged yet.</p>'
    return '<h2>Training</h2>' + pages.image(charts.curves(records, _LOGGED), 'png',
                                            'Losses, and accuracy of the discriminator, by step')


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
    evaluations = [(name, evaluation) for folder, name in zip(folders, names) for evaluation in folder.read_scores()]
    if not evaluations:
        return ''
    scores = list(dict.fromkeys(score for _, evaluation in evaluations for score in evaluation['scores']
                                if score != 'histogram'))
    rows = []
    for name, evaluation in evaluations:
        rows.append((None, [name, evaluation['checkpoint'], _mode(evaluation), evaluation['num_images'],
                            *_column(evaluation, scores, 'value')]))
    _, last = evaluations[-1]
    rows.append((None, ['real images of the test set', '', '', last['test_images'],
                        *_column(last, scores, 'real')]))
    header = ['run', 'checkpoint', 'statistics', 'images', *(score.replace('_', ' ') for score in scores)]
    return '<h2>Scores</h2>\n%s%s%s' % (_score_curves(evaluations), pages.table(header, rows), _histograms(evaluations))


def _histograms(evaluations: Sequence[Any]) -> str:
    histograms = {'%s, %s' % (name, _mode(evaluation)): evaluation['scores']['histogram']
                  for name, evaluation in evaluations if 'histogram' in evaluation['scores']}
    if not histograms:
        return ''
    real = next(iter(histograms.values()))['real']
    picture = charts.histograms({name: entry['value'] for name, entry in histograms.items()}, real)
    return pages.image(picture, 'png', 'Share of each class; the line shows real images')


def _score_curves(evaluations: Sequence[Any]) -> str:
    """Scores by step, for runs that were evaluated in the same way at several steps."""
    points_of: Dict[Any, List[Dict[str, Any]]] = {}
    for name, evaluation in evaluations:
        step = re.search(r'-([0-9]{1,15})$', evaluation['checkpoint'])
        if step:
            point = {score: entry['value'] for score, entry in evaluation['scores'].items()}
            label = '%s, %s, %d images' % (name, _mode(evaluation), evaluation['num_images'])
            points_of.setdefault((label, str(evaluation.get('classifier'))), []).append(
                {'step': int(step.group(1)), **point})
    records = {label: sorted(points, key=lambda point: point['step']) for (label, _), points in points_of.items()
               if len(points) > 1}
    for quantities in _SCORED:
        if records and all(name in point for points in records.values() for point in points for name in quantities):
            return pages.image(charts.curves(records, quantities), 'png', 'Scores by step')
    return ''


def _column(evaluation: Dict[str, Any], scores: Sequence[str], part: str) -> List[Any]:
    values = [evaluation['scores'].get(score, {}).get(part) for score in scores]
    return ['' if value is None else value for value in values]


def _mode(evaluation: Dict[str, Any]) -> str:
    details = [evaluation[detail] for detail in ('bn_momentum', 'standing_batches') if evaluation.get(detail)]
    return ' '.join(map(str, [evaluation['bn_mode'], *details]))


def _settings(settings: Sequence[TrainSettings], names: Sequence[str]) -> str:
    rows = []
    for flag in sorted(TrainSettings.names()):
        values = [getattr(run_flags, flag) for run_flags in settings]
        differs = any(value != values[0] for value in values)
        cells = ['' if value is None else str(value) for value in values]
        rows.append(('differs' if differs else None, ['--' + flag, *cells]))
    rows.sort(key=lambda row: row[0] is None)
    return '<h2>Settings</h2>\n' + pages.table(['flag', *names], rows)


def main() -> None:
    """The command."""
    cli.main(run, ReportSettings, takes_words=True)


if __name__ == '__main__':
    main()
