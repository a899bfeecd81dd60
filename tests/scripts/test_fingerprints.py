"""Records of what trainings compute, and their comparison."""
import copy

import pytest

from scripts.robustness import fingerprints


@pytest.mark.slow
def test_equal_trainings_have_equal_records_and_others_do_not(monkeypatch):
    monkeypatch.setattr(fingerprints, 'STEPS', 2)
    small = {'dataset': 'mnist_10k', 'batch_size': 8, 'noise_dim': 4, 'sample_size': 4}
    record, again, other = (fingerprints.fingerprint('graph_mode_dense', {**small, **options})
                            for options in ({}, {}, {'learning_rate_generator': 0.01}))
    assert fingerprints.differences(record, again) == []
    assert len(record['losses']) == 2 and 'Generator/dense/kernel' in record['variables']
    different = fingerprints.differences(record, other)
    assert '/losses' in different and '/variables/Generator/dense/kernel' in different


@pytest.mark.any_tensorflow
def test_differences_are_named():
    record = {'a': {'losses': [1, 2], 'images': {'batch': 'x'}}}
    changed = copy.deepcopy(record)
    changed['a']['images'] = {'batch': 'y', 'moving': 'z'}
    assert fingerprints.differences(record, record) == []
    assert fingerprints.differences(record, changed) == ['/a/images/batch', '/a/images/moving']
    assert fingerprints.differences(record, {}) == ['/a']
