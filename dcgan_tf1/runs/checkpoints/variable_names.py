"""Names of variables in checkpoints of other programs: translates them, and finds out how.

A rename OLD=NEW replaces OLD where it is one or more whole parts of a name, which slashes separate. The last part may
end in a number, which stays: Conv=conv2d turns GAN/Conv_1/weights into GAN/conv2d_1/weights. An empty NEW removes the
parts. Where several renames fit, the longest OLD wins.
"""
import collections
import re
import shlex
from typing import Any, Container, Dict, List, NamedTuple, Optional, Sequence, Tuple

from dcgan_tf1.util.renames import Rename

Shapes = Dict[str, List[int]]  # name of a variable → its shape

# What other programs call the variables of a layer, in lower case.
_SYNONYMS = {
    'kernel': ('kernel', 'weights', 'weight', 'w', 'matrix', 'filter', 'filters'),
    'bias': ('bias', 'biases', 'b'), 'gamma': ('gamma', 'scale'), 'beta': ('beta', 'offset', 'shift'),
    'moving_mean': ('moving_mean', 'pop_mean', 'running_mean', 'mean'),
    'moving_variance': ('moving_variance', 'moving_var', 'pop_var', 'pop_variance', 'running_var', 'variance')}
_OWN_NAMES = {synonym: name for name, synonyms in _SYNONYMS.items() for synonym in synonyms}
# Values of variables that a checkpoint may lack, by kind of layer. Without a bias, gamma or beta, a layer computes what
# it does with these values. Moving averages are missing if a script saved only its trainable variables; these are their
# initial values.
_IF_ABSENT = {
    'kernel': {'bias': 0.},
    'batch norm': {'gamma': 1., 'beta': 0., 'moving_mean': 0., 'moving_variance': 1.}}


def is_of_training(name: str) -> bool:
    """Whether a variable is not of a network, but something else that scripts save: the state of an optimizer, a
    counter of steps, or an average of a weight.
    """
    return re.search(r'/(Adam|RMSProp|Momentum|Adagrad|Adadelta|ExponentialMovingAverage)(_\d)?$|beta\d_power(_\d)?$|'
                     r'^global_step(_\d)?$', name) is not None


def value_if_absent(name: str, names: Container[str]) -> Optional[float]:
    """What all elements of a variable are if a checkpoint or network does not have it.

    Args:
      name: the variable.
      names: the variables that there are.
    Returns: the value; None if nothing else of that layer is there, or if the layer cannot do without the variable.
    """
    scope, _, last = name.rpartition('/')
    if last in _IF_ABSENT['kernel'] and scope + '/kernel' in names:
        return _IF_ABSENT['kernel'][last]
    if any('%s/%s' % (scope, other) in names for other in _IF_ABSENT['batch norm']):
        return _IF_ABSENT['batch norm'].get(last)
    return None


def translate(name: str, renames: Sequence[Rename]) -> str:
    """A name after the renames."""
    if not renames:
        return name
    by_length = sorted(dict(renames).items(), key=lambda rename: -len(rename[0]))
    # A number may follow what is replaced by something, so that numbered layers keep their numbers.
    pattern = '|'.join(r'%s(?=%s(?:/|$))' % (re.escape(old), r'(?:_\d+)?' if new else '') for old, new in by_length)
    news = dict(by_length)
    replaced = re.sub('(?<![^/])(?:%s)' % pattern, lambda match: news[match.group(0)], name)
    return '/'.join(part for part in replaced.split('/') if part)


class _Layer(NamedTuple):
    """The variables of one layer."""

    scope: str
    names: Dict[str, str]  # this package's name of a variable, such as 'kernel' → its name
    kind: Tuple[Any, ...]  # what it has in common with a layer that lacks a bias, gamma, beta or moving averages


def suggest(shapes: Shapes, expected: Shapes) -> Optional[str]:
    """Finds renames that turn the names in a checkpoint into the expected ones, by the shapes and the order of layers.

    Args:
      shapes: the variables in the checkpoint. It may have more than the expected ones.
      expected: the variables of one or both networks, in the order of their layers. The checkpoint may lack those that
        have a `value_if_absent`.
    Returns: a value for --checkpoint_names, quoted for a shell; '' if the names are the expected ones; None if the
      variables do not fit, or not in one way.
    """
    theirs = _layers(shapes)
    pairs: List[Tuple[_Layer, _Layer]] = []
    prefixes: List[Rename] = []
    for network in dict.fromkeys(name.split('/')[0] for name in expected):
        ours = [layer for layer in _layers(expected) if _is_below(layer.scope, network)]
        prefix = _prefix_with(theirs, ours, network)
        matched = prefix is not None and _match([layer for layer in theirs if _is_below(layer.scope, prefix)], ours)
        if not matched or any(set(their.names) - set(our.names) for their, our in matched):
            return None
        pairs += matched
        prefixes.append((prefix, network))
    mapping = {'%s/%s' % (their.scope, their.names[name]): '%s/%s' % (our.scope, our.names[name])
               for their, our in pairs for name in their.names}
    missing = set(expected) - set(mapping.values())
    for renames in (_short(pairs, prefixes), _by_layer(pairs), sorted(mapping.items())):
        renames = [(old, new) for old, new in dict.fromkeys(renames) if old != new]
        translated = collections.Counter(translate(name, renames) for name in shapes)
        if (all(translate(old, renames) == new for old, new in mapping.items())
                and all(translated[name] == (name not in missing) for name in expected)):
            return shlex.quote(','.join('%s=%s' % rename for rename in renames)) if renames else ''
    return None


def _layers(shapes: Shapes) -> List[_Layer]:
    scopes: Dict[str, Dict[str, str]] = {}
    for name in shapes:
        scope, _, last = name.rpartition('/')
        scopes.setdefault(scope, {})[_OWN_NAMES.get(last.lower(), last)] = last
    return [_Layer(scope, names, _kind({own: tuple(shapes['%s/%s' % (scope, last)]) for own, last in names.items()}))
            for scope, names in scopes.items() if scope]


def _kind(shapes: Dict[str, Tuple[int, ...]]) -> Tuple[Any, ...]:
    if set(shapes) <= set(_IF_ABSENT['batch norm']) and len(set(shapes.values())) == 1:
        return ('batch norm', next(iter(shapes.values())))
    return tuple(sorted((own, shape) for own, shape in shapes.items()
                        if 'kernel' not in shapes or own not in _IF_ABSENT['kernel']))


def _is_below(scope: str, prefix: str) -> bool:
    return not prefix or scope.startswith(prefix + '/')


def _prefix_with(theirs: Sequence[_Layer], ours: Sequence[_Layer], network: str) -> Optional[str]:
    """The innermost scope that contains layers like all of a network, and no others. None if there is no such scope,
    or more than one, of which none has the name of the network.
    """
    parts = [layer.scope.split('/') for layer in theirs]
    prefixes = {'/'.join(scope[:length]) for scope in parts for length in range(len(scope))}
    expected = collections.Counter(layer.kind for layer in ours)
    fitting = [prefix for prefix in prefixes if expected == collections.Counter(
        layer.kind for layer in theirs if _is_below(layer.scope, prefix))]
    innermost = [prefix for prefix in fitting if not any(
        other != prefix and _is_below(other, prefix) for other in fitting)]
    named = [prefix for prefix in innermost if prefix.split('/')[-1].lower() == network.lower()]
    return next((found[0] for found in (innermost, named) if len(found) == 1), None)


def _match(theirs: Sequence[_Layer], ours: Sequence[_Layer]) -> Optional[List[Tuple[_Layer, _Layer]]]:
    """Pairs layers of the same shapes in their order, if that is clear: from numbers in their names, or because each
    lies in the scope of a layer whose place is clear. None if it is not.
    """
    groups = [([layer for layer in theirs if layer.kind == kind],
               [layer for layer in ours if layer.kind == kind])
              for kind in dict.fromkeys(layer.kind for layer in ours)]
    places: Dict[str, int] = {}  # scope of one of their layers → place of ours in the network
    pairs = []
    for group, own_group in sorted(groups, key=lambda group: _is_numbered(group[0]), reverse=True):
        parents = [layer.scope.rpartition('/')[0] for layer in group]
        if _is_numbered(group):
            group = sorted(group, key=_natural_order)
        elif len(set(parents)) == len(group) and all(parent in places for parent in parents):
            group = sorted(group, key=lambda layer: places[layer.scope.rpartition('/')[0]])
        else:
            return None
        pairs += list(zip(group, own_group))
        places.update((layer.scope, ours.index(own)) for layer, own in zip(group, own_group))
    return pairs


def _is_numbered(layers: Sequence[_Layer]) -> bool:
    """Whether the scopes differ by numbers only."""
    return len({re.sub(r'_?\d+', '', layer.scope) for layer in layers}) == 1


def _natural_order(layer: _Layer) -> List[Tuple[str, int]]:
    """A key that sorts layer_2 before layer_10, and layer before both."""
    return [(text.rstrip('_'), int(number or -1)) for text, number in re.findall(r'([^\d/]*)(\d*)/?', layer.scope)]


def _short(pairs: Sequence[Tuple[_Layer, _Layer]], prefixes: Sequence[Rename]) -> List[Rename]:
    """Renames of scopes, of kinds of layers and of kinds of variables."""
    renames = []
    for prefix, network in prefixes:
        is_inside = prefix.endswith('/' + network)
        renames.append((prefix[:-len(network) - 1], '') if is_inside else (prefix, network))
    for their, our in pairs:
        prefix, network = next((prefix, network) for prefix, network in prefixes if _is_below(our.scope, network))
        old, new = their.scope[len(prefix):].strip('/'), our.scope[len(network) + 1:]
        old_kind, new_kind = (re.fullmatch(r'(.*?)(_\d+)?', scope).groups() for scope in (old, new))
        renames.append((old_kind[0], new_kind[0]) if old_kind[1] == new_kind[1] else (old, new))
    return [*renames, *_variables(pairs)]


def _by_layer(pairs: Sequence[Tuple[_Layer, _Layer]]) -> List[Rename]:
    return [*((their.scope, our.scope) for their, our in pairs), *_variables(pairs)]


def _variables(pairs: Sequence[Tuple[_Layer, _Layer]]) -> List[Rename]:
    return [(their.names[name], our.names[name]) for their, our in pairs for name in their.names]
