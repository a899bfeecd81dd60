"""Checks what was read from the JSON files of a run, which may be damaged."""
from typing import Any

_RECORD_KEYS = ('step', 'epoch', 'discriminator_loss', 'generator_loss', 'real_accuracy', 'fake_accuracy',
                'images_per_second')


def is_config(value: Any) -> bool:
    """Whether a value is the content of config.json."""
    return (isinstance(value, dict) and isinstance(value.get('flags'), dict)
            and isinstance(value.get('versions', {}), dict))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and (-1e100 < value < 1e100 or value != value)


def is_record(value: Any) -> bool:
    """Whether a value is a logged step, a line of metrics.jsonl."""
    return (isinstance(value, dict) and all(_is_number(value.get(key)) for key in _RECORD_KEYS)
            and type(value['step']) is int and 0 < value['step'] < 2 ** 31)


def is_evaluation(value: Any) -> bool:
    """Whether a value is an evaluation, an entry of scores.json."""
    return (isinstance(value, dict) and isinstance(value.get('scores'), dict)
            and all(isinstance(value.get(key), str) for key in ('checkpoint', 'bn_mode'))
            and all(type(value.get(key)) is int and _is_number(value[key])
                    for key in ('num_images', 'test_images'))
            and all(_is_score(name, score) for name, score in value['scores'].items()))


def _is_score(name: str, value: Any) -> bool:
    return (isinstance(value, dict) and _is_score_value(name, value.get('value'))
            and (value.get('real') is None or _is_score_value(name, value['real'])))


def _is_score_value(name: str, value: Any) -> bool:
    if name == 'histogram':
        return isinstance(value, list) and bool(value) and all(map(_is_number, value))
    return _is_number(value)
