"""The report: README.md, report.html and the figures."""
import os
from typing import Any, Dict, List

from dcgan_tf1.util.files import write_atomically
from scripts.experiments.blog_posts import layout, post_000, post_001, post_002, post_003, post_004
from scripts.experiments.blog_posts.layout import Block, Section
from scripts.experiments.blog_posts.trained import TRAININGS
from scripts.lib.measurements import Measurements

TITLE = 'Can the blog posts\' numbers be reproduced?'
RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rules.md')
_SECTIONS = {'000': post_000.section, '001': post_001.section, '002': post_002.section,
             '003': post_003.section, '004': post_004.section}
_COMMAND = 'python -m scripts.experiments.blog_posts'


def sections(published: Dict[str, Any], measurements: Measurements, folder: str) -> Dict[str, Section]:
    """{post: results}. `folder` is the results folder, with samples/."""
    return {post: _SECTIONS[post](published[post], measurements, folder) for post in sorted(published)}


def markdown(published: Dict[str, Any], results: Dict[str, Section], measurements: Measurements) -> str:
    """The text of README.md."""
    return layout.to_markdown(TITLE, _parts(published, results, measurements))


def html(published: Dict[str, Any], results: Dict[str, Section], measurements: Measurements) -> str:
    """The text of report.html."""
    return layout.to_html(TITLE, _parts(published, results, measurements))


def write_report(published: Dict[str, Any], measurements: Measurements, folder: str) -> None:
    """Writes README.md, report.html and the figures of everything that has been measured."""
    results = sections(published, measurements, folder)
    for section in results.values():
        for block in section.blocks:
            if block[0] == 'figure':
                write_atomically(os.path.join(folder, block[1]), block[3])
    for name, make in (('README.md', markdown), ('report.html', html)):
        write_atomically(os.path.join(folder, name), make(published, results, measurements).encode())
    for post, section in results.items():
        print('%s: %s' % (post, section.verdict))
    print(os.path.join(folder, 'README.md'))


def _parts(published, results, measurements):
    with open(RULES, encoding='utf-8') as file:
        rules = layout.parse(file.read())
    rows = [(None, [post, published[post]['recipe'], section.verdict]) for post, section in results.items()]
    parts = [(None, [('text', _introduction(measurements)), ('table', ['post', 'recipe', 'verdict'], rows)])]
    for post, section in results.items():
        parts.append(('Post ' + post, _post_blocks(post, published[post], section, measurements)))
    return [*parts, ('Rules', rules)]


def _introduction(measurements: Measurements) -> str:
    settings, real = measurements.content['settings'], measurements.content['real']
    versions = sorted({values['made_with'] for kind in ('losses', 'scores')
                       for values in measurements.values(kind, None, None, None)})
    text = 'Made by `%s` on dataset %s' % (_COMMAND, settings['dataset'])
    if settings['batch_size']:
        text += ', with batches of %d' % settings['batch_size']
    if versions:
        text += ', trained with ' + ', '.join(versions)
    if real:
        text += '; %d images per mode were scored by a classifier with an accuracy of %.2f%%' % (
            settings['num_images'], 100 * real['classifier_accuracy'])
    return text + '. The rules of all verdicts are at the end of this page.'


def _post_blocks(post: str, published: Dict[str, Any], section: Section,
                 measurements: Measurements) -> List[Block]:
    source = ', by ' + published['author'] + (', ' + published['date'] if published['date'] else '')
    blocks = [('link', published['title'].replace(' | ', ' – '), published['url'], source),
              ('text', 'Recipe %s. %s' % (published['recipe'], published['notes']))]
    if not section.blocks:
        return [*blocks, ('text', 'Nothing has been measured yet. To measure it:'),
                ('command', _command(post))]
    blocks += [*section.blocks, ('text', 'Measured with:'),
               ('command', '\n'.join(commands(post, published, measurements)))]
    if section.missing:
        blocks += [('text', 'Not measured yet: %s. To measure it:' % section.missing),
                   ('command', _command(post))]
    return blocks


def _command(post: str, **arguments: Any) -> str:
    parts = [_COMMAND, '--posts=' + post]
    if post not in ('001', '003'):
        parts.append('--data_dir=my/mnist')
    return ' '.join([*parts, *('--%s=%s' % argument for argument in arguments.items())])


def commands(post: str, published: Dict[str, Any], measurements: Measurements) -> List[str]:
    """The command lines that made the stored measurements of a post."""
    runs = {}  # {(name, precision): {steps: number of seeds}}
    for kind in ('losses', 'scores'):
        for (_, name, _, steps), values in measurements.items(kind, None, None, None):
            if _post_of(name) == post:
                lengths = runs.setdefault((name, values['made_with'].split()[-1]), {})
                lengths[steps] = lengths.get(steps, 0) + 1
    lines = []
    if post in ('001', '003') or not runs:
        lines.append(_command(post))
    first_steps = {values['precision'] for values in measurements.values('first', None)}
    if post == '004' and first_steps and {precision for _, precision in runs} - first_steps:
        lines += [_command(post, seeds=0, **_precision(precision)) for precision in sorted(first_steps)]
    for precision in sorted({precision for _, precision in runs}):
        lengths = {name: sorted(steps.items()) for (name, other), steps in runs.items() if other == precision}
        for index in range(max(map(len, lengths.values()))):
            num_steps = {name: steps[min(index, len(steps) - 1)][0] for name, steps in lengths.items()}
            seeds = max(steps[index][1] for steps in lengths.values() if index < len(steps))
            lines.append(_command(post, seeds=seeds, **_precision(precision), **_steps(num_steps, published)))
    return lines


def _precision(precision: str) -> Dict[str, str]:
    return {} if precision == 'float32' else {'precision': precision}


def _steps(num_steps: Dict[str, int], published: Dict[str, Any]) -> Dict[str, str]:
    """The argument --steps for trainings that are not as long as the post's."""
    full = published.get('steps', {})
    last = published['losses'][-1][0] if 'losses' in published else None
    shorter = ['%s=%d' % (name, steps) for name, steps in sorted(num_steps.items())
               if steps != full.get(name, last)]
    return {'steps': ','.join(shorter)} if shorter else {}


def _post_of(name: str) -> str:
    return next(post for post, trainings in TRAININGS.items()
                if name in [training_name for training_name, _, _ in trainings])
