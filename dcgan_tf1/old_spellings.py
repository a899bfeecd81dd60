"""Flags under their earlier names, and settings that older runs do not have.

Command lines, flag files and config.json files of earlier versions keep working: their names and values are translated
here to those of `settings.py`.
"""
from typing import Any, Dict, NamedTuple, Optional

from absl import flags

from dcgan_tf1 import recipes


class _Replacement(NamedTuple):
    name: str
    values: Optional[Dict[Any, Any]] = None  # old value → new value; None: the values are the same


_REPLACEMENTS = {
    'batch_plan': _Replacement('shuffle', {'continuous': 'continuous', 'epochs': 'per_epoch', 'fixed': 'once'}),
    'centre_crop': _Replacement('center_crop'),
    'corrected_epsilon': _Replacement('epsilon_mode', {True: 'pytorch', False: 'tensorflow'}),
    'discriminator_updates': _Replacement('d_steps_per_g_step'),
    'full_noise_batch': _Replacement('noise_batch', {True: 'full', False: 'match'}),
    'further_momenta': _Replacement('extra_bn_momentums'),
    'walk': _Replacement('interpolation', {'linear': 'linear', 'spherical': 'slerp'}),
    'stops': _Replacement('keyframes'),
    'frames': _Replacement('frames_per_segment'),
}

# The behavior of runs from before these settings existed.
_DEFAULTS_OF_OLDER_RUNS = {
    'run_name': None, 'precision': 'float32', 'kernels': 'native', 'xla': False, 'extra_bn_momentums': (),
    'standing_batches': 100, 'evaluate_every': 0, 'evaluation_images': 5000, 'best_by': 'frechet_distance',
    'classifier_steps': 2345, 'follow_links': True, 'checkpoint_names': None, 'fast_jpeg': False,
    'pack_dir': None, 'batch_statistics': 'all',
}


def define_flags(names: Dict[str, Any], flag_values: flags.FlagValues) -> None:
    """Defines the old spelling of every flag in `names`, without listing it in --help.

    Args:
      names: {name of a setting: its `setting_fields.Spec`}.
    """
    for old, (new, values) in _REPLACEMENTS.items():
        if new not in names:
            continue
        help, kind = 'Old spelling of --%s.' % new, names[new].kind
        if kind == 'boolean' or (values and True in values):
            flags.DEFINE_boolean(old, None, help, flag_values=flag_values)
        elif values:
            flags.DEFINE_enum(old, None, sorted(values), help, flag_values=flag_values)
        elif kind == 'integer':
            flags.DEFINE_integer(old, None, help, flag_values=flag_values)
        else:
            flags.DEFINE_list(old, None, help, flag_values=flag_values)


def present(flag_values: flags.FlagValues) -> Dict[str, Any]:
    """{old name: value} of the old spellings that were used on a command line or in a flag file."""
    return {name: flag_values[name].value for name in _REPLACEMENTS
            if name in flag_values and flag_values[name].present}


def translate(values: Dict[str, Any]) -> Dict[str, Any]:
    """Settings with every old name and value replaced by the new one.

    A value that has no translation is kept, for validation to reject. If any name is old, an unknown recipe is the
    name of a run: it was only a label then.
    """
    translated = {name: value for name, value in values.items() if name not in _REPLACEMENTS}
    old = {name: value for name, value in values.items() if name in _REPLACEMENTS}
    for name, value in old.items():
        replacement = _REPLACEMENTS[name]
        if replacement.values is not None and isinstance(value, (str, bool)):
            value = replacement.values.get(value, value)
        translated.setdefault(replacement.name, value)
    recipe = translated.get('recipe')
    if old and isinstance(recipe, str) and recipe not in recipes.names():
        translated['recipe'] = 'sparse_softmax'  # whose settings were the defaults of all runs
        translated.setdefault('run_name', recipe)
    return translated


def complete(values: Dict[str, Any]) -> Dict[str, Any]:
    """The settings in a config.json of any version, translated, with those that did not exist yet."""
    completed = {**_DEFAULTS_OF_OLDER_RUNS, **translate(values)}
    if completed['kernels'] == 'auto':  # today's runs record what they measured; older ones did not measure
        completed['kernels'] = 'by_shape'
    return completed
