"""The HTML report about runs."""
import base64
import html.parser
import io
import json
import os
import re
import shutil

import pytest
from helpers import SMALL_RUN
from PIL import Image

from dcgan_tf1 import metrics, report
from dcgan_tf1.evaluate import command as evaluate
from dcgan_tf1.evaluate.evaluator import IDENTITY_KEYS
from dcgan_tf1.report import ReportSettings
from dcgan_tf1.runs.folder import RunFolder
from dcgan_tf1.util.errors import UserError
from scripts.lib.chromium import AXE, EXECUTABLE, Chromium

pytestmark = pytest.mark.any_tensorflow


@pytest.fixture
def runs(trained, tmp_path):
    """Two copies of a run, as if they had other seeds."""
    folders = []
    for seed in range(2):
        path = str(tmp_path / ('run <%d> & co' % seed))
        folders.append(RunFolder(shutil.copytree(trained(*SMALL_RUN, '--steps=6').path, path)))
        config = folders[-1].read_config()
        config['flags'].update(run_dir=path, seed=seed)
        folders[-1].write_config(config)
    return folders


class Page(html.parser.HTMLParser):
    """Texts, images and external references of an HTML file. Asserts that every tag is closed."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.open_tags, self.texts, self.images, self.external = [], [], [], []
        with open(path, encoding='utf-8') as file:
            self.feed(file.read())
        assert not self.open_tags

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == 'img':
            kind, content = attributes['src'].split(';base64,')
            self.images.append((kind, Image.open(io.BytesIO(base64.b64decode(content))), attributes['alt']))
        self.external += [attributes[name] for name in ('href', 'src') if name in attributes
                          and not attributes[name].startswith('data:')]
        if tag not in ('img', 'meta'):
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag

    def handle_data(self, text):
        if text.strip():
            self.texts.append(text.strip())


@pytest.mark.slow
def test_page(runs, few_labeled_digits, evaluation_settings, classifier_cache, capsys):
    assert evaluate.run(evaluation_settings('--run_dir=' + runs[0].path, '--num_images=30', '--classifier_steps=2',
                                            '--cache_dir=' + classifier_cache)) == 0
    assert report.run(ReportSettings(), [folder.path for folder in runs]) == 0
    path = runs[0].path + '/report.html'
    assert path in capsys.readouterr().err
    page = Page(path)
    assert not page.external  # the file is self-contained
    assert page.texts.count('run <0> & co') >= 3 and 'run <1> & co' in page.texts
    kinds = [kind for kind, _, _ in page.images]
    assert kinds.count('data:image/gif') == 2
    assert [alt for _, _, alt in page.images].count('step 6') == [alt for _, _, alt in page.images].count(
        'real images') == 2
    sizes = {image.size for _, image, alt in page.images if alt.startswith('step')}
    assert sizes == {Image.open(runs[0].grid(6)).size}
    # Settings that differ between the runs come first, and are highlighted.
    with open(path, encoding='utf-8') as file:
        text = file.read()
    highlighted = re.findall('<tr class="differs"><th scope="row">([^<]*)', text)
    assert sorted(highlighted) == ['--run_dir', '--seed']
    order = [page.texts.index(flag) for flag in ('--seed', '--batch_size', 'All other settings', '--beta1')]
    assert order == sorted(order)  # --batch_size differs from the recipe, --beta1 does not
    commands = [re.sub('<[^>]*>', '', command) for command in re.findall('<pre>(.*)</pre>', text)]
    assert len(commands) == 2 and re.match(r'python -m dcgan_tf1.train .*--batch_size=8 .*--seed=1', commands[1])
    with open(runs[0].scores) as file:
        scores = json.load(file)[0]['scores']
    assert 'Fréchet distance' in page.texts
    explained = {line.split(':')[0] for line in page.texts}
    assert {metrics.title(name) for name in scores if name != 'histogram'} <= explained
    assert '%.3f' % scores['precision']['value'] in page.texts
    # Once there are scores of several steps, they are plotted.
    assert 'Precision by step' not in [alt for _, _, alt in page.images]
    runs[0].add_scores({**runs[0].read_scores()[0], 'checkpoint': 'model-2'}, IDENTITY_KEYS)
    assert report.run(ReportSettings(), [folder.path for folder in runs]) == 0
    assert 'Precision by step' in [alt for _, _, alt in Page(path).images]


def test_scores_of_different_classifiers_are_not_joined():
    class Folder:
        def read_scores(self):
            return [{'checkpoint': 'model-%d' % step, 'bn_mode': 'batch', 'num_images': 10, 'classifier': classifier,
                     'scores': {}} for step, classifier in ((1, 'a'), (2, 'a'), (2, 'b'))]
    kinds = report._kinds([Folder()], ['run'])
    assert {kind: len(evaluations) for kind, evaluations in kinds.items()} == {
        'run, batch, 10 images, classifier 1': 2, 'run, batch, 10 images, classifier 2': 1}


def test_one_run_without_scores(runs, tmp_path):
    output = str(tmp_path / 'page.html')
    assert report.run(ReportSettings(output=output), [runs[1].path]) == 0
    page = Page(output)
    assert 'Scores' not in page.texts and 'Settings that differ from the recipe' in page.texts
    os.remove(runs[1].metrics)
    shutil.rmtree(runs[1].samples)
    assert report.run(ReportSettings(output=output), [runs[1].path]) == 0
    assert 'No step has been logged yet.' in Page(output).texts


@pytest.mark.slow
def test_runs_of_the_same_name(runs, tmp_path):
    shutil.copytree(runs[0].path, str(tmp_path / 'other' / 'run <0> & co'))
    output = str(tmp_path / 'page.html')
    assert report.run(ReportSettings(output=output), [runs[0].path, str(tmp_path / 'other' / 'run <0> & co')]) == 0
    assert runs[0].path in Page(output).texts


def test_other_things_among_the_runs_are_left_out(runs, tmp_path, capsys):
    """As in runs/*, where the folder of the classifiers lies, and perhaps a page."""
    (tmp_path / 'classifiers').mkdir()
    (tmp_path / 'both.html').touch()
    paths = [str(tmp_path / 'both.html'), str(tmp_path / 'classifiers'), *(folder.path for folder in runs)]
    assert report.run(ReportSettings(), paths) == 0
    assert os.path.exists(os.path.join(runs[0].path, 'report.html'))
    assert '%s holds no run: it is left out' % (tmp_path / 'classifiers') in capsys.readouterr().err
    with pytest.raises(UserError, match='typo holds no run'):
        report.run(ReportSettings(), [*paths, str(tmp_path / 'typo')])
    with pytest.raises(UserError, match='classifiers holds no run'):
        report.run(ReportSettings(), [paths[1], paths[1]])


def test_folders_without_a_run(tmp_path):
    with pytest.raises(UserError, match='holds no run'):
        report.run(ReportSettings(), [str(tmp_path)])
    with pytest.raises(UserError, match='name the folders of one or more runs'):
        report.run(ReportSettings(), [])


@pytest.mark.slow
@pytest.mark.skipif(not EXECUTABLE, reason='Chromium is not installed (scripts/test.py --all installs it)')
def test_in_a_browser(runs, tmp_path):
    """Nothing is cut off in a narrow window, and the diagrams follow the color scheme."""
    output = str(tmp_path / 'page.html')
    report.run(ReportSettings(output=output), [folder.path for folder in runs])
    with Chromium(str(tmp_path / 'profile'), width=400) as page:
        page.open(output)
        page.call('Emulation.setDeviceMetricsOverride', width=400, height=900, deviceScaleFactor=1, mobile=False)
        assert page.run('document.documentElement.scrollWidth') <= 400
        assert page.run('[...document.images].every(image => image.complete && image.naturalWidth)')
        for scheme, filtered in (('light', 'none'), ('dark', 'invert')):
            page.set_color_scheme(scheme)
            assert not AXE or page.accessibility_violations() == []
            assert filtered in page.run('getComputedStyle(document.querySelector(".chart")).filter')
        assert not page.errors and not [url for url in page.requests if not url.startswith(('file:', 'data:'))]
