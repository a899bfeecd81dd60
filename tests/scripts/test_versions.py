"""The script that tries every TensorFlow: which versions, what it installs, how it reads tests, and its page."""
import json
import subprocess
import sys

import pytest

from scripts import environment
from scripts.versions import __main__ as script
from scripts.versions import in_environment, measure, page
from scripts.versions.catalog import VERSIONS, Version

pytestmark = pytest.mark.any_tensorflow


def test_every_python_and_the_whole_range_are_tried():
    assert {version.python for version in VERSIONS} == set(environment.SUPPORTED)
    numbers = [tuple(map(int, version.tensorflow.split('.'))) for version in VERSIONS]
    assert numbers == sorted(numbers) and (numbers[0][:2], numbers[-1][:2]) == ((1, 13), (2, 21))
    assert len({version.name for version in VERSIONS}) == len(VERSIONS)


@pytest.mark.parametrize('version,packages', [
    (Version('2.4.4', (3, 8)), ['tensorflow==2.4.4']),
    (Version('2.10.1', (3, 10)), ['tensorflow==2.10.1', 'numpy<2']),
    (Version('2.20.0', (3, 9)), ['tensorflow==2.20.0'])])
def test_only_old_versions_on_recent_pythons_need_an_old_numpy(version, packages):
    assert version.packages == packages


def test_versions_are_selected_by_number_or_with_their_python(capsys):
    assert [version.name for version in script.parse(['--versions=2.7.4,2.21.0 on Python 3.13']).versions] == [
        '2.7.4 on Python 3.9', '2.21.0 on Python 3.13']
    assert script.parse([]).versions == VERSIONS
    with pytest.raises(SystemExit):
        script.parse(['--versions=2.4.4,1.12.0'])
    assert 'there is no 1.12.0, only 1.13.2 on Python 3.7, ' in capsys.readouterr().err


def test_it_needs_only_the_standard_library():
    """It runs before anything is installed."""
    program = 'import sys, scripts.versions.__main__; print(*sys.modules)'
    # With -u, it is no fork of a process that has imported everything.
    modules = subprocess.check_output([sys.executable, '-u', '-c', program], cwd=environment.ROOT).decode().split()
    assert 'scripts.versions.measure' in modules
    assert not {'numpy', 'tensorflow', 'absl'} & set(modules)


@pytest.mark.slow
def test_outcomes_of_tests_are_counted(tmp_path):
    (tmp_path / 'test_it.py').write_text('import pytest\n'
                                         'def test_good(): pass\n'
                                         'def test_bad(): assert False\n'
                                         'def test_skipped(): pytest.skip("reason")\n'
                                         'def test_error(missing): pass\n')
    report = tmp_path / 'report.xml'
    subprocess.call([sys.executable, '-m', 'pytest', '-q', '--junitxml=%s' % report, 'test_it.py'], cwd=str(tmp_path),
                    stdout=subprocess.DEVNULL)
    assert measure.count_tests(str(report)) == {
        'passed': 1, 'failed': 2, 'skipped': 1, 'failures': ['test_it::test_bad', 'test_it::test_error']}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Lets the script write to a temporary folder, where only the oldest version was measured."""
    stored = script.read_measurements(script.MEASUREMENTS)[VERSIONS[0].name]
    for name in ('MEASUREMENTS', 'PAGE'):
        monkeypatch.setattr(script, name, str(tmp_path / name.lower()))
    script._write(script.MEASUREMENTS, json.dumps({VERSIONS[0].name: stored}))


def test_what_was_measured_is_not_measured_again(results, tmp_path, capsys):
    """No environment is created, which would take minutes."""
    folder = tmp_path / 'work'
    assert script.main(['--versions=' + VERSIONS[0].name, '--folder=%s' % folder]) == 0
    assert not list(folder.iterdir()) and capsys.readouterr().out == ''
    assert 'Not measured yet: %s, ' % VERSIONS[1].name in (tmp_path / 'page').read_text(encoding='utf-8')


def test_a_version_that_cannot_be_installed_is_named_and_not_stored(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environment, 'find', lambda version: None)
    assert script.main(['--again', '--versions=' + VERSIONS[0].name, '--folder=%s' % (tmp_path / 'work')]) == 1
    assert 'failed:\nPython 3.7 is not installed' in capsys.readouterr().out
    assert list(script.read_measurements(script.MEASUREMENTS)) == [VERSIONS[0].name]


def test_the_page_is_made_from_the_measurements():
    measurements = script.read_measurements(script.MEASUREMENTS)
    with open(script.PAGE, encoding='utf-8') as file:
        assert file.read() == page.render(measurements)


def test_the_page_names_what_failed():
    stored = script.read_measurements(script.MEASUREMENTS)[VERSIONS[0].name]
    losses = {recipe: loss * 1.02 for recipe, loss in stored['first_losses'].items()}
    other = {**stored, 'tensorflow': '1.14.0', 'tests': {'passed': 8, 'failed': 1, 'skipped': 0, 'failures': ['a::b']},
             'first_losses': losses, 'bfloat16': {'steps': 2}, 'with': VERSIONS[0].tensorflow,
             'steps_there_here_there': 12, 'gray_levels_here': 1, 'gray_levels_there': 3}
    text = page.render({VERSIONS[0].name: stored, VERSIONS[1].name: other})
    assert '| 1.14.0 | 3.7 | %s | 8 | 1 | 0 | 4 + 4 + 4 | 2e-02 | 12 steps, 3 | trains |' % stored['numpy'] in text
    assert '- TensorFlow 1.14.0 on Python 3.7: `a::b`' in text


@pytest.mark.slow
def test_runs_are_trained_resumed_and_sampled(tmp_path):
    """What the script does inside of an environment, here in this one."""
    run, copies = str(tmp_path / 'run'), [tmp_path / 'a', tmp_path / 'b']
    in_environment.train(run, 2, 'graph_mode_dense')
    in_environment.sample(run, 2, str(copies[0]))
    in_environment.train(run, 3, 'graph_mode_dense')
    in_environment.sample(run, 2, str(copies[1]))
    assert len(measure._metrics(run)) == 3
    assert copies[0].stat().st_size == in_environment.NUM_IMAGES * 28 * 28
    assert measure._largest_difference(*map(str, copies)) == 0
    in_environment.sample(run, 3, str(copies[1]))
    assert measure._largest_difference(*map(str, copies)) > 0
    in_environment.train_in_bfloat16(str(tmp_path / 'bfloat16'), 'graph_mode_dense', str(tmp_path / 'result'))
    assert set(json.loads((tmp_path / 'result').read_text())) < {'steps', 'refused'}
