"""The pages in results/ are what the scripts make of the measurements that are stored beside them."""
import os

import pytest
from helpers import script_arguments, stored_measurements

from scripts.benchmarks import devices
from scripts.experiments import precision
from scripts.experiments.batch_norm import __main__ as batch_norm
from scripts.experiments.batch_norm import tables
from scripts.experiments.blog_posts import __main__ as blog_posts
from scripts.experiments.blog_posts import report as blog_posts_report
from scripts.experiments.legacy import __main__ as legacy
from scripts.experiments.legacy import clones
from scripts.experiments.recipes import page as recipes_page
from scripts.experiments.upstream import __main__ as upstream
from scripts.lib.arguments import command_line
from scripts.lib.measurements import read_json
from scripts.lib.paths import results_folder
from scripts.robustness import report as robustness_report
from scripts.robustness import workers

pytestmark = pytest.mark.any_tensorflow


def batch_norm_tables():
    folder = results_folder('experiments', 'blog_posts')
    arguments = script_arguments(batch_norm, '--data_dir=.', '--precision=bfloat16', '--blog_posts=' + folder)
    command = command_line(batch_norm.MODULE, arguments.replace(blog_posts='results/experiments/blog_posts'))
    return tables.markdown_tables(
        *batch_norm.reported(stored_measurements('experiments', 'batch_norm'), arguments), command)


def blog_posts_pages(make):
    published, measurements = read_json(blog_posts.PUBLISHED), stored_measurements('experiments', 'blog_posts')
    folder = results_folder('experiments', 'blog_posts')
    return make(published, blog_posts_report.sections(published, measurements, folder), measurements)


def robustness():
    stored = stored_measurements('robustness')
    return robustness_report.readme(stored, stored.content['settings']['long_steps'])


def read(*names):
    return read_json(results_folder(*names))


PAGES = {
    'benchmarks/devices/README.md': lambda: devices.report(read('benchmarks', 'devices', 'devices.json')),
    'experiments/batch_norm/tables.md': batch_norm_tables,
    'experiments/blog_posts/README.md': lambda: blog_posts_pages(blog_posts_report.markdown),
    'experiments/blog_posts/report.html': lambda: blog_posts_pages(blog_posts_report.html),
    'experiments/legacy/README.md': lambda: legacy.page(
        clones.repositories(), {**read('experiments', 'legacy', 'measurements.json'),
                                **read('experiments', 'legacy', 'unseen.json')}, legacy._MODULE, 100),
    'experiments/precision/README.md': lambda: precision.readme(read('experiments', 'precision', 'precision.json')),
    'experiments/recipes/README.md': lambda: recipes_page.readme(stored_measurements('experiments', 'recipes')),
    'experiments/upstream/README.md': lambda: upstream.page(
        upstream.SOURCES, {repository['repository']: repository['commit'] for repository in clones.repositories()},
        read('experiments', 'upstream', 'measurements.json'), upstream._MODULE),
    'robustness/README.md': robustness,
    'robustness/workers/README.md': lambda: workers.report(stored_measurements('robustness', 'workers'))}


@pytest.mark.parametrize('path', [
    pytest.param(path, marks=pytest.mark.slow if 'blog_posts' in path else ()) for path in PAGES])
def test_pages_are_those_of_the_stored_measurements(path):
    with open(os.path.join(results_folder(), *path.split('/')), encoding='utf-8') as file:
        assert file.read() == PAGES[path]()
