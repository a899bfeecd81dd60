"""Calls whose arguments have changed."""
import ast
from typing import Any, Dict, List, Optional, Tuple

from absl import app as _  # noqa: F401  defines flags
from absl import flags

from dcgan_tf1.legacy.migrate import division
from dcgan_tf1.legacy.put_back import arguments, old_names

# Functions of `put_back` that a script may have to call at its start.
FLOAT_SIZES, SLOTS = 'accept_float_sizes', 'create_in_reused_scopes'
_V1 = 'tensorflow.'
_WITH_SHAPES = {'get_variable': ('shape', 1), 'placeholder': ('shape', 1), 'placeholder_with_default': ('shape', 1)}


class _Unknown:
    """An argument whose value is not in the source."""


def rewrite(module: Any, call: ast.Call) -> None:
    """Rewrites a call.

    Args:
        module: the `rewrite.Module` to change.
        call: the call. What is in it has been rewritten.
    """
    path = module.path(call.func)
    name = path[len(_V1):] if path.startswith(_V1) else ''
    is_of_today = name.startswith('compat.v1.')  # there, the arguments are in today's order
    for prefix in ('compat.v1.', 'contrib.deprecated.'):
        name = name[len(prefix):] if name.startswith(prefix) else name
    if name in arguments.OLD and not is_of_today:
        _rewrite_old(module, call, name, arguments.OLD[name])
    elif name in _WITH_SHAPES:
        shape = argument(call, *_WITH_SHAPES[name])
        if shape is not None and not module.integer_division:
            division.rewrite_sizes(module, shape)
    elif '.flags.DEFINE_' in path:
        _define_flag(module, call)
    elif path == 'numpy.reshape':
        _rename_keyword(module, call, 'newshape', 'shape')
    elif path == 'numpy.fromstring':
        _from_buffer(module, call)
    elif path in ('matplotlib.pyplot.style.use', 'matplotlib.style.use', 'matplotlib.pyplot.style.context',
                  'matplotlib.style.context'):
        _new_styles(module, call)
    elif path in ('scipy.ndimage.rotate', 'scipy.ndimage.interpolation.rotate'):
        _number_as_angle(module, call)
    elif path == 'matplotlib.use':
        _without_keyword(module, call, 'warn')
    elif not (path or module.integer_division) and module.scopes.is_bound(_root(call.func)):
        arguments_of_call = [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(map(division.is_unsure_size, arguments_of_call)):
            module.preparations.add(FLOAT_SIZES)
    old = getattr(call.func, 'attr', '')
    inner = getattr(getattr(call.func, 'value', None), 'func', call)  # f of f().method()
    if name == 'train.ExponentialMovingAverage' or (
            old == 'reuse_variables' and module.path(inner) == 'tensorflow.get_variable_scope'):
        module.preparations.add(SLOTS)  # `reuse` may still be set where it or an optimizer creates variables
    if old in old_names.METHODS and not (path or call.args):
        end = module.edits.span(call.func)[1]
        module.edits.replace(end - len(old), end, old_names.METHODS[old])
        module.change(call, '%s → %s' % (old, old_names.METHODS[old]))


def rewrite_attribute(module: Any, node: ast.Attribute) -> None:
    """`file['x'].value` of h5py → `file['x'][()]`."""
    if node.attr == 'value' and 'h5py' in module.scopes.global_imports(node.lineno):
        index = getattr(node.value, 'slice', None)
        if isinstance(index, ast.Constant) and isinstance(index.value, str) and isinstance(node.ctx, ast.Load):
            module.edits.replace(module.edits.span(node.value)[1], module.edits.span(node)[1], '[()]')
            module.change(node, 'dataset.value of h5py → dataset[()]')
        else:
            module.leave(node, '.value: if this is a dataset of h5py, write [()]')


def _root(node: ast.AST) -> ast.AST:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def argument(call: ast.Call, name: str, position: int) -> Optional[ast.expr]:
    """The value of an argument of a call; None if it is not given."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if len(call.args) > position else None


def _rewrite_old(module: Any, call: ast.Call, name: str, old: arguments.Old) -> None:
    keywords = {str(keyword.arg): keyword for keyword in call.keywords}
    title = 'tf.%s(%s)' % (name, old.order.replace(' ', ', '))
    if any(isinstance(argument, ast.Starred) for argument in call.args) or 'None' in keywords:
        module.leave(call, '%s: the order of its arguments has changed. %s' % (title, old.instead))
        return
    is_old = _decide(call, old, keywords)
    if is_old is None:
        module.leave(call, '%s was the order before TensorFlow 1.0. If it is so here, %s' % (title, old.instead))
        return
    if not (is_old or old.keywords.keys() & keywords.keys()):
        return
    if old.convert is not dict:
        _convert(module, call, name, old)
        return
    order = old.order.split()
    for argument, new in zip(call.args, order) if is_old else ():
        module.edits.insert(_start(module, argument), new + '=')
    for keyword, node in keywords.items():
        new = old.keywords.get(keyword, keyword)
        if not new:
            _remove(module, call, node)
        elif new != keyword:
            start = module.edits.span(node)[0]
            module.edits.replace(start, start + len(keyword), new)
    module.change(call, '%s: %s' % (title, old.instead))


def _decide(call: ast.Call, old: arguments.Old, keywords: Dict[str, Any]) -> Optional[bool]:
    """Whether the positional arguments are in the old order; None if that depends on values."""
    if old.is_old is arguments.swaps_inputs_and_labels and len(call.args) > 3:
        return None
    answers = set()
    for unknown in (1, _Unknown()):  # what is not known may be a number, or not
        values = tuple(_value(argument, unknown) for argument in call.args)
        answers.add(bool(old.is_old(values, dict(keywords))))
    if len(answers) == 1:
        return answers.pop()
    first = set(old.order.split()[:len(call.args)])
    if first & {old.keywords.get(keyword, keyword) for keyword in keywords}:
        return False  # an argument would be there twice
    numbers = [type(_value(argument, None)) is int for argument in call.args]
    if any(numbers[1:]) and not numbers[0]:
        return False if old.order.startswith('axis') else None
    return None


def _value(node: ast.expr, unknown: Any) -> Any:
    """The value of a literal. Lists, strings and the like are not numbers, whatever they contain."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        is_something_else = isinstance(node, (ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.JoinedStr, ast.Lambda))
        return _Unknown() if is_something_else else unknown


def _convert(module: Any, call: ast.Call, name: str, old: arguments.Old) -> None:
    """The functions with other values: `tf.reverse` and `tf.image.resize_images`."""
    texts = [module.edits.changed_node(argument) for argument in call.args]
    if name == 'reverse' and len(call.args) == 2:
        flips = old.convert({'axis': ast.literal_eval(call.args[1])})['axis']
        module.edits.replace_node(call.args[1], 'axis=%s' % flips)
    elif name == 'image.resize_images' and len(call.args) > 2:
        start, end = _start(module, call.args[1]), module.edits.span(call.args[2])[1]
        module.edits.replace(start, end, '[%s, %s]' % (texts[1], texts[2]))
    else:
        module.leave(call, 'tf.%s has other arguments today: %s' % (name, old.instead))
        return
    module.change(call, 'tf.%s: %s' % (name, old.instead))


def _define_flag(module: Any, call: ast.Call) -> None:
    default = argument(call, 'default', 1) or argument(call, 'default_value', 1)
    is_infinite = default is not None and module.path(default) in ('numpy.inf', 'numpy.Inf', 'math.inf')
    if getattr(call.func, 'attr', '') == 'DEFINE_integer' and default is not None and (
            division.is_float(default) or is_infinite):
        end = module.edits.span(call.func)[1]
        module.edits.replace(end - len('integer'), end, 'float')
        module.change(call, 'DEFINE_integer with a float → DEFINE_float')
    flag = getattr(argument(call, 'name', 0) or argument(call, 'flag_name', 0), 'value', None)
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    if flag in flags.FLAGS and (flags.FLAGS.find_module_defining_flag(flag) or '').startswith('absl.') and (
            argument(call, 'allow_override', 99) is None):
        last = max(module.edits.span(value)[1] for value in values)
        module.edits.insert(last, ', allow_override=True')
        module.change(call, 'the flag --%s, which absl defines, too: allow_override=True' % flag)


def _number_as_angle(module: Any, call: ast.Call) -> None:
    angle = argument(call, 'angle', 1)
    if angle is not None and not isinstance(angle, (ast.Constant, ast.UnaryOp)):  # perhaps an array with one number
        start, end = module.edits.span(angle)
        module.edits.insert(start, module.expression('numpy.asarray', call) + '(')
        module.edits.insert(end, ').item()')
        module.change(call, 'the angle of scipy.ndimage.rotate: a number')


def _from_buffer(module: Any, call: ast.Call) -> None:
    if any(keyword.arg not in ('dtype', 'count', 'string') for keyword in call.keywords) or len(call.args) > 3:
        return
    end = module.edits.span(call.func)[1]
    module.edits.replace(end - len('fromstring'), end, 'frombuffer')
    module.edits.insert(module.edits.span(call)[1], '.copy()')
    module.change(call, 'np.fromstring of bytes → np.frombuffer')
    _rename_keyword(module, call, 'string', 'buffer')


def _new_styles(module: Any, call: ast.Call) -> None:
    for node in ast.walk(call):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith('seaborn') and (
                'v0_' not in node.value):
            start = module.edits.text.index('seaborn', module.edits.span(node)[0])
            module.edits.replace(start, start + len('seaborn'), 'seaborn-v0_8')
            module.change(call, 'the style %s of Matplotlib → seaborn-v0_8…' % node.value)


def _rename_keyword(module: Any, call: ast.Call, old: str, new: str) -> None:
    for keyword in call.keywords:
        if keyword.arg == old:
            start = module.edits.span(keyword)[0]
            module.edits.replace(start, start + len(old), new)
            module.change(call, '%s= → %s=' % (old, new))


def _without_keyword(module: Any, call: ast.Call, name: str) -> None:
    for keyword in call.keywords:
        if keyword.arg == name:
            _remove(module, call, keyword)
            module.change(call, 'without %s=' % name)


def _remove(module: Any, call: ast.Call, keyword: ast.keyword) -> None:
    """Removes an argument, with the comma before it, or else after it."""
    parts: List[Tuple[int, int]] = sorted(module.edits.span(part) for part in [*call.args, *call.keywords])
    start, end = module.edits.span(keyword)
    index = parts.index((start, end))
    if index:
        start = module.edits.text.index(',', parts[index - 1][1], start)
    elif len(parts) > 1:
        end = parts[1][0]
    module.edits.replace(start, end, '')


def _start(module: Any, argument: ast.expr) -> int:
    """Where an argument begins, with the parentheses around it."""
    start = module.edits.span(argument)[0]
    text = module.edits.text
    while True:
        before = text[:start].rstrip()
        # A parenthesis that follows a comma or another parenthesis belongs to the argument; the first one to the call.
        if before.endswith('(') and before[:-1].rstrip().endswith((',', '(')):
            start = len(before) - 1
        else:
            return start
