"""Writes one HTML page about runs: settings, curves, pictures over time, scores. It needs no other file.

  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0
  python -m dcgan_tf1.report runs/sparse_softmax-mnist-0 runs/sparse_softmax-mnist-1 --output=both.html

Several runs stand side by side, and what their settings differ in is marked. Scores are those that `evaluate` left.
"""
import base64
import html
import os
import re
import sys

import numpy as np
from absl import app, flags

from dcgan_tf1 import metrics, options, plots
from dcgan_tf1.errors import UserError, exit_status
from dcgan_tf1.run_folder import RunFolder, write_atomically

_STAGES = 6  # grids of a run, from the first to the last

# Quantities of metrics.jsonl in the curves, with their titles; and scores: with a classifier, and without.
_WATCHED = {'discriminator_loss': 'discriminator\'s loss [nat]', 'generator_loss': 'generator\'s loss [nat]',
            'real_accuracy': 'real images told right', 'fake_accuracy': 'generated images told right'}
_SCORED = ({'frechet_distance': 'Fréchet distance', 'classifier_score': 'classifier score', 'precision': 'precision',
            'recall': 'recall'},
           {'sharpness_ratio': 'sharpness, to that of real images',
            'nearest_median': 'distance of the nearest training image'})

_STYLE = '''
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; margin-bottom: .9rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #8886; padding: .25rem .7rem; text-align: left; vertical-align: top; }
td.number { text-align: right; } tr.differs td { background: #f4c54233; font-weight: 600; } .wide { overflow-x: auto; }
figure { display: inline-block; margin: 0 .6rem .6rem 0; } figcaption { font-size: .85rem; }
img { max-width: 100%; } .grid { width: 11.5rem; image-rendering: pixelated; } .note { color: #a33; }
'''


def run(paths, output=None):
    """The command: writes the page of the runs in these folders; returns the exit status. Raises UserError."""
    if not paths:
        raise UserError('name the folders of one or more runs, as in: python -m dcgan_tf1.report runs/my_run')
    folders = [RunFolder(path) for path in paths]
    for folder in folders:
        if not folder.read_config():
            raise UserError('%s holds no run (no %s): name the folder of a run' % (folder.path, folder.config))
    output = output or os.path.join(folders[0].path, 'report.html')
    write_atomically(output, page(folders).encode(errors='backslashreplace'))
    print(output, file=sys.stderr)
    return 0


def page(folders):
    """The text of the page."""
    names = _names(folders)
    parts = [_overview(folders, names), _curves(folders, names)]
    for folder, name in zip(folders, names):
        parts.append(_pictures(folder, name))
    return document(', '.join(names), [*parts, _scores(folders, names), _settings(folders, names)])


def _names(folders):
    """The last part of each path, or where those are the same, all of it."""
    paths = [os.path.abspath(folder.path) for folder in folders]
    short = [os.path.basename(path) for path in paths]
    return short if len(set(short)) == len(short) else paths


def document(title, parts):
    """The text of a page of these parts (HTML)."""
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>%s</title>'
            '<meta name="viewport" content="width=device-width"><style>%s</style></head>\n<body>\n'
            '<h1>%s</h1>\n%s\n</body></html>\n'
            % (html.escape(title), _STYLE, html.escape(title), '\n'.join(part for part in parts if part)))


def table(header, rows):
    """HTML. Rows are (class or None, cells); cells are texts, or numbers, which stand to the right."""
    lines = ['<tr>%s</tr>' % ''.join('<th>%s</th>' % html.escape(text) for text in header)]
    for kind, cells in rows:
        lines.append('<tr%s>%s</tr>' % (' class="%s"' % kind if kind else '', ''.join(
            '<td class="number">%s</td>' % html.escape(metrics.format_value(cell))
            if isinstance(cell, (int, float)) and not isinstance(cell, bool) else '<td>%s</td>' % html.escape(str(cell))
            for cell in cells)))
    return '<div class="wide"><table>%s</table></div>' % '\n'.join(lines)


def image(content, kind, caption, style=''):
    """HTML of a picture that is part of the page: the bytes of a file of that kind (png, gif)."""
    return '<figure><img class="%s" alt="%s" src="data:image/%s;base64,%s"><figcaption>%s</figcaption></figure>' % (
        style, html.escape(caption, quote=True), kind, base64.b64encode(content).decode(), html.escape(caption))


def _read(path):
    with open(path, 'rb') as file:
        return file.read()


def _overview(folders, names):
    rows = []
    for folder, name in zip(folders, names):
        config, records = folder.read_config(), folder.read_metrics()
        chosen, last = options.trained(folder), records[-1] if records else {}
        rows.append((None, [
            name, chosen.get('recipe', ''), chosen.get('dataset', ''), chosen.get('seed', ''),
            '%s of %s' % (last.get('step', 0), chosen.get('steps', '')), last.get('epoch', ''),
            last.get('discriminator_loss', ''), last.get('generator_loss', ''),
            float(np.median([record['images_per_second'] for record in records])) if records else '',
            'TensorFlow %s' % (config.get('versions', {}).get('tensorflow', '?'),)]))
    return table(['run', 'recipe', 'data set', 'seed', 'steps', 'epochs', 'D loss', 'G loss', 'images/s', 'made with'],
                 rows)


def _curves(folders, names):
    records = {name: folder.read_metrics() for folder, name in zip(folders, names)}
    records = {name: logged for name, logged in records.items() if logged}
    if not records:
        return '<p class="note">No step has been logged yet.</p>'
    return '<h2>Training</h2>' + image(plots.curves(records, _WATCHED), 'png', 'losses, and the share of images that '
                                        'the discriminator tells right, against the step')


def _pictures(folder, name):
    paths = folder.grids() if os.path.isdir(folder.samples) else []
    figures = []
    if os.path.exists(folder.reals):
        figures.append(image(_read(folder.reals), 'png', 'real images', 'grid'))
    chosen = sorted(set(np.linspace(0, len(paths) - 1, _STAGES).round().astype(int))) if paths else []
    figures += [image(_read(paths[index]), 'png', 'step %d' % folder.step_of(paths[index]), 'grid')
                for index in chosen]
    if os.path.exists(folder.animation):
        figures.append(image(_read(folder.animation), 'gif', 'all of it', 'grid'))
    return '<h2>Images of %s</h2>\n%s' % (html.escape(name), '\n'.join(figures)) if figures else ''


def _scores(folders, names):
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
    found = {'%s, %s' % (name, _mode(evaluation)): evaluation['scores']['histogram']
             for name, evaluation in evaluations if 'histogram' in evaluation['scores']}
    return '<h2>Scores</h2>\n%s%s%s' % (
        _score_curves(evaluations),
        table(['run', 'checkpoint', 'statistics', 'images', *(score.replace('_', ' ') for score in scores)], rows),
        image(plots.histograms({name: entry['value'] for name, entry in found.items()},
                                next(iter(found.values()))['real']), 'png',
               'shares of the classes; the line: real images') if found else '')


def _score_curves(evaluations):
    """Scores against the step, of runs that were evaluated the same way at several."""
    found = {}
    for name, evaluation in evaluations:
        step = re.search(r'-([0-9]{1,15})$', evaluation['checkpoint'])
        if step:
            point = {score: entry['value'] for score, entry in evaluation['scores'].items()}
            found.setdefault('%s, %s, %d images' % (name, _mode(evaluation), evaluation['num_images']), []).append(
                {'step': int(step.group(1)), **point})
    records = {name: sorted(points, key=lambda point: point['step']) for name, points in found.items()
               if len(points) > 1}
    drawn = next((quantities for quantities in _SCORED if records and all(
        name in point for points in records.values() for point in points for name in quantities)), None)
    return image(plots.curves(records, drawn), 'png', 'scores against the step') if drawn else ''


def _column(evaluation, scores, part):
    found = [evaluation['scores'].get(score, {}).get(part) for score in scores]
    return ['' if value is None else value for value in found]


def _mode(evaluation):
    return '%s%s' % (evaluation['bn_mode'], ''.join(
        ' %s' % evaluation[detail] for detail in ('bn_momentum', 'standing_batches') if evaluation.get(detail)))


def _settings(folders, names):
    settings = [options.trained(folder) for folder in folders]
    rows = []
    for flag in sorted(set().union(*settings)):
        values = [chosen.get(flag) for chosen in settings]
        rows.append(('differs' if any(value != values[0] for value in values) else None, [
            '--' + flag, *('' if value is None else str(value) for value in values)]))
    rows.sort(key=lambda row: row[0] is None)
    return '<h2>Settings</h2>\n' + table(['flag', *names], rows)


def main():
    options.declare_report()
    flags.adopt_module_key_flags(options)
    app.run(lambda argv: exit_status(lambda: run(argv[1:], flags.FLAGS.output)))


if __name__ == '__main__':
    main()
