"""A few drawn combinations of features; `python -m scripts.robustness.seams` checks more."""
import pytest
import tensorflow.compat.v1 as tf

from dcgan_tf1.model import precision
from dcgan_tf1.settings import cli_flags
from scripts.lib.measurements import read_json
from scripts.robustness.seams import __main__ as script
from scripts.robustness.seams import combinations, invariants


@pytest.mark.slow
@pytest.mark.parametrize('seed', [2, pytest.param(17, marks=pytest.mark.any_tensorflow)])
def test_what_must_always_hold(seed, tmp_path):
    only = {} if precision.works('bfloat16') else {'precision': ('float32',)}
    drawn = combinations.draw(seed, **{**combinations.CHEAP, **only})
    assert not invariants.broken(drawn, str(tmp_path / 'scene')), drawn


@pytest.mark.any_tensorflow
def test_every_value_is_drawn():
    drawn = [combinations.draw(seed) for seed in range(300)]
    for name, values in combinations.TABLE.items():
        assert {combination[name] for combination in drawn} == set(values), name


@pytest.mark.any_tensorflow
def test_the_script_reports_what_is_broken(tmp_path, monkeypatch, capsys):
    found = iter([{}, {'commands_at_once': 'AssertionError: <one> failed'}])
    monkeypatch.setattr(invariants, 'broken', lambda drawn, folder: next(found))
    for seed, status in ((4, 0), (5, 1)):
        arguments = cli_flags.parse(script.SeamsArguments, '--seed=%d' % seed, '--minutes=0', '--runs=%s' % tmp_path,
                                    '--output=%s' % tmp_path)
        assert script.main(arguments) == status
    assert '--seed=5 --minutes=0' in capsys.readouterr().out
    result = read_json(str(tmp_path / 'measurements.json'))[tf.__version__]
    assert result['combinations'] == 2 and result['broken']['5']['drawn'] == combinations.draw(5)
    assert '| 5 | commands_at_once | AssertionError: &lt;one&gt; failed |' in (tmp_path / 'README.md').read_text()
