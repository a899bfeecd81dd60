"""Damaged, absurd and hostile files, briefly: `scripts/fuzz.py` runs the same targets at length."""
import hypothesis
import pytest
from fuzzing import TARGETS

INPUTS = 40


@pytest.mark.parametrize('name', TARGETS)
def test_refused_by_name_or_taken_for_what_it_is(name, tmp_path):
    target = TARGETS[name](str(tmp_path))

    @hypothesis.settings(max_examples=max(3, int(INPUTS * target.share)), derandomize=True, database=None, deadline=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(target.inputs)
    def read(drawn):
        target.read(drawn)
    read()
