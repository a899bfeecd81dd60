"""The page of results."""
from typing import Any, Dict, List

from dcgan_tf1.metrics import title as score_title
from dcgan_tf1.settings import cli_flags
from dcgan_tf1.settings.train import BN_MODES, TrainSettings
from dcgan_tf1.util import pages
from dcgan_tf1.util.pages import format_value
from scripts.lib.measurements import Measurements
from scripts.lib.trainings import IMAGE_FOLDER_RECIPES, MNIST_RECIPES

COMMAND = 'python -m scripts.experiments.recipes'
_SCORES = ('frechet_distance', 'precision', 'recall', 'classifier_score', 'modes', 'most_frequent_share',
           'sharpness_ratio', 'nearest_median')
_INTRODUCTION = '''# What each recipe draws at the end of its training

Pictures show unselected images of seed 0, drawn with standing statistics. Scores are those of %d generated images.
Those that need a classifier exist only for datasets with labels. Time is that of the training steps, summed over the
log, and (in parentheses) what it would be if all steps ran at the median speed: other programs used the processor, too.

'''
# {dataset: where it comes from}
_SOURCES = {'emoji-people': '''
The pictures of `emoji-people` are from [Noto Emoji](https://github.com/googlefonts/noto-emoji) by Google, under the
Apache License 2.0 ([how to get them](../../../docs/datasets.md#a-folder-to-try-people-as-emoji)). In batches of 128, an
epoch of them has 18 steps. Post 001 trained on 63,632 images, so its 100 epochs had 498 steps each. The DCGAN paper
trained on a little over 3 million photographs of bedrooms (section 4.1), so the five epochs after which it shows images
had about 120,000 steps.
'''}


def readme(measurements: Measurements) -> str:
    """The text of README.md."""
    measured = {recipe: measurements.values(recipe, None) for recipe in MNIST_RECIPES + IMAGE_FOLDER_RECIPES}
    measured = {recipe: seeds for recipe, seeds in measured.items() if seeds}
    rows = [[recipe, values['dataset'], '{:,}'.format(values['images']), values['batch_size'],
             '{:,}'.format(values['steps']), _epochs(values), values['precision'],
             '%s, TensorFlow %s' % (values['processor'], values['tensorflow']), _minutes(values)]
            for recipe, seeds in measured.items() for values in seeds]
    parts = [_INTRODUCTION % measurements.content['settings']['num_images'], pages.markdown_table([
        'recipe', 'dataset', 'images', 'batch size', 'steps', 'epochs', 'precision', 'processor',
        'minutes'], rows)]
    parts += [text for dataset, text in _SOURCES.items() if dataset in {row[1] for row in rows}]
    for recipe, seeds in measured.items():
        parts += ['\n## %s\n\n' % recipe, '![Real images on the left, generated ones on the right]'
                  '(%s/real_and_generated.png)\n\n' % recipe,
                  '[Generated images alone](%s/generated.png) · [animation of the training](%s/training.gif), in which '
                  'batch norm has the statistics of `--bn_mode=%s`\n\n' % (recipe, recipe, seeds[0]['bn_mode']),
                  _score_table(seeds), '\nMeasured with:\n\n```\n%s\n```\n' % _command(recipe, seeds)]
    return ''.join(parts)


def _epochs(values: Dict[str, Any]) -> str:
    """The number of epochs, and that of the source if it says one."""
    if not values['source_epochs']:
        return '%.1f' % (values['steps'] * values['batch_size'] / values['images'])
    epochs = values['steps'] / values['full_length'] * values['source_epochs']
    return '%.4g of %.4g' % (epochs, values['source_epochs'])


def _minutes(values: Dict[str, Any]) -> str:
    return '%.0f (%.0f)' % (values['seconds'] / 60, values['seconds_at_median_rate'] / 60)


def _score_table(seeds: List[Dict[str, Any]]) -> str:
    names = [name for name in _SCORES if name in seeds[0]['scores'][BN_MODES[0]]]
    rows = [['%s%s' % (mode, ', seed %d' % seed if seeds[1:] else ''),
             *(format_value(values['scores'][mode][name]) for name in names)]
            for seed, values in enumerate(seeds) for mode in BN_MODES]
    if seeds[0]['real']:
        rows.append(['real test images', *(format_value(seeds[0]['real'][name]) for name in names)])
    return pages.markdown_table(['statistics', *map(score_title, names)], rows)


def _command(recipe: str, seeds: List[Dict[str, Any]]) -> str:
    """The command that measures a recipe like this."""
    values = seeds[0]
    own = cli_flags.parse(TrainSettings, '--recipe=' + recipe)
    data_flag = '--image_dir' if recipe in IMAGE_FOLDER_RECIPES else '--data_dir'
    parts = [COMMAND, '--recipes=' + recipe, '%s=my/%s' % (data_flag, values['dataset'])]
    if recipe in MNIST_RECIPES and values['dataset'] != 'mnist':
        parts.append('--dataset=' + values['dataset'])
    if values['steps'] != values['full_length']:
        parts.append('--steps=%s=%d' % (recipe, values['steps']))
    if seeds[1:]:
        parts.append('--seeds=%d' % len(seeds))
    if values['precision'] != 'float32':
        parts.append('--precision=' + values['precision'])
    if values['batch_size'] != own.batch_size:
        parts.append('--batch_size=%d' % values['batch_size'])
    return ' '.join(parts)
