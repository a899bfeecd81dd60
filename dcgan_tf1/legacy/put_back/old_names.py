"""Names that NumPy, SciPy, Matplotlib, Pillow and Python have removed, and what they were."""
import ctypes
import gc
import inspect
import os
import re
import sys
from types import ModuleType
from typing import Any, Callable, Dict, Optional

from dcgan_tf1.legacy.put_back.importer import Importer, Namespace, PutBack, module_or_none
from dcgan_tf1.legacy.put_back.record import MissingName, Record

_HEADLESS = sys.platform.startswith('linux') and not (
    os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
_NEED_A_DISPLAY = ('tk', 'gtk', 'qt', 'wx', 'macosx')  # beginnings of the names of Matplotlib's backends


def install(importer: Importer, record: Record) -> None:
    """Puts the names back, as far as they are missing."""
    if _HEADLESS:
        os.environ.setdefault('MPLBACKEND', 'Agg')  # plt.show() then returns at once
        importer.patch('cv2', lambda cv2: _no_windows(cv2, record))
    importer.put_back('numpy', _NUMPY)
    for patch in (_old_reshape, _binary_fromstring):
        importer.patch('numpy', lambda numpy, patch=patch: patch(numpy, record))  # type: ignore[misc]
    for name, classes in _CLASSES.items():
        importer.patch(name, lambda module, classes=classes: _old_methods(  # type: ignore[misc]
            [getattr(module, name) for name in classes], record))
    importer.patch('h5py', lambda h5py: _value_of_dataset(h5py, record))
    importer.patch('matplotlib.style', lambda style: _old_styles(style, record))
    for name, table in _LIBRARIES.items():
        importer.put_back(name, table)
    importer.patch('scipy.ndimage', lambda ndimage: _angle_in_array(ndimage, record))
    importer.patch('matplotlib', lambda matplotlib: _tolerant_use(matplotlib, record))
    _provide_scipy(importer, record)


def _same(values: Dict[str, str], instead: str) -> Dict[str, PutBack]:
    """{old name: 'module:name'} → what to put back."""
    return {name: PutBack(path, instead % path.replace(':', '.')) for name, path in values.items()}


_FUNCTIONS = 'dcgan_tf1.legacy.put_back.old_functions:'


def _numpy_names() -> Dict[str, PutBack]:
    names = {name: PutBack('builtins:' + name, 'write: ' + name)
             for name in ('float', 'int', 'bool', 'object', 'str', 'complex')}
    names.update({name: PutBack('numpy:' + new, 'write: np.' + new) for name, new in {
        'long': 'int64', 'float_': 'float64', 'complex_': 'complex128', 'unicode_': 'str_', 'string_': 'bytes_',
        'NaN': 'nan', 'NAN': 'nan', 'Inf': 'inf', 'Infinity': 'inf', 'infty': 'inf', 'PINF': 'inf', 'round_': 'round',
        'product': 'prod', 'cumproduct': 'cumprod', 'alltrue': 'all', 'sometrue': 'any', 'row_stack': 'vstack',
        'trapz': 'trapezoid', 'in1d': 'isin', 'rank': 'ndim', 'bool8': 'bool_', 'int0': 'intp', 'object0': 'object_',
        'mat': 'asmatrix'}.items()})
    names['asscalar'] = PutBack(_FUNCTIONS + 'asscalar', 'write: x.item()')
    names['unicode'] = PutBack('builtins:str', 'write: str')
    names['asfarray'] = PutBack(_FUNCTIONS + 'asfarray', 'write: np.asarray(x, dtype=float)')
    return names


_NUMPY = _numpy_names()
METHODS = {'tostring': 'tobytes', 'fromstring': 'frombytes', 'isAlive': 'is_alive'}  # {removed: today's}
_CLASSES = {'numpy': ('ndarray', 'generic'), 'array': ('array',), 'threading': ('Thread',)}
# x is the array.
_STRETCHED = 'np.uint8(255. * (x - x.min()) / (x.max() - x.min()) + 0.5)'
_STRETCH = '; unless x is uint8, write before it: x = ' + _STRETCHED
_IMAGES = {name: PutBack('dcgan_tf1.legacy.put_back.images:' + name, instead) for name, instead in {
    'imread': 'write: np.array(PIL.Image.open(name))',
    'imsave': 'write: PIL.Image.fromarray(x).save(name)' + _STRETCH,
    'imresize': 'write: np.array(PIL.Image.fromarray(x).resize((width, height), PIL.Image.BILINEAR))' + _STRETCH,
    'imshow': 'write: plt.imshow(x)',
    'toimage': 'write: PIL.Image.fromarray(x)' + _STRETCH,
    'fromimage': 'write: np.array(image)',
    'bytescale': 'write: ' + _STRETCHED}.items()}
_CONTAINERS = ('Iterable', 'Iterator', 'Mapping', 'MutableMapping', 'Sequence', 'MutableSequence', 'Callable', 'Sized',
               'Set', 'Hashable', 'Container')
_LIBRARIES = {
    'scipy.misc': {**_IMAGES, **_same({
        name: 'scipy.special:' + name for name in ('logsumexp', 'comb', 'factorial')}, 'write: %s')},
    'scipy.ndimage': {'imread': _IMAGES['imread']},
    'PIL.Image': {'ANTIALIAS': PutBack('PIL.Image:LANCZOS', 'write: Image.LANCZOS'),
                  'LINEAR': PutBack('PIL.Image:BILINEAR', 'write: Image.BILINEAR'),
                  'CUBIC': PutBack('PIL.Image:BICUBIC', 'write: Image.BICUBIC')},
    'matplotlib.pyplot': {'hold': PutBack(_FUNCTIONS + 'hold', 'leave it out'),
                          'spectral': PutBack('matplotlib.pyplot:nipy_spectral', 'write: plt.nipy_spectral')},
    'matplotlib.cm': {'spectral': PutBack('matplotlib.cm:nipy_spectral', 'write: plt.cm.nipy_spectral'),
                      'get_cmap': PutBack('matplotlib.pyplot:get_cmap', 'write: plt.get_cmap')},
    'collections': _same({name: 'collections.abc:' + name for name in _CONTAINERS}, 'write: %s'),
    'time': {'clock': PutBack('time:perf_counter', 'write: time.perf_counter')},
    'inspect': {'getargspec': PutBack(_FUNCTIONS + 'getargspec', 'write: inspect.getfullargspec')},
    'fractions': {'gcd': PutBack('math:gcd', 'write: math.gcd')},
}


def _old_reshape(numpy: ModuleType, record: Record) -> None:
    """Lets `np.reshape` take its keyword `newshape` again."""
    new: Any = vars(numpy)['reshape']
    if 'newshape' in inspect.signature(new).parameters:
        return

    def reshape(*args: Any, **kwargs: Any) -> Any:
        if 'newshape' in kwargs:
            record.add('numpy.reshape(newshape=…)', 'write: np.reshape(x, shape)')
            array = args or (kwargs.pop('a'),)
            args = (*array, kwargs.pop('newshape'))
        return new(*args, **kwargs)
    numpy.reshape = reshape  # type: ignore[attr-defined]


def _binary_fromstring(numpy: Any, record: Record) -> None:
    """Lets `np.fromstring` read bytes again, as in code for TFRecord files."""
    if numpy.lib.NumpyVersion(numpy.__version__) < '2.3.0':
        return
    new = numpy.fromstring

    def fromstring(string: Any, dtype: Any = float, count: int = -1, *, sep: str = '', **kwargs: Any) -> Any:
        if sep:
            return new(string, dtype, count, sep=sep, **kwargs)
        record.add('numpy.fromstring of bytes', 'write: np.frombuffer(string, dtype).copy()')
        return numpy.frombuffer(string.encode('latin1') if isinstance(string, str) else string, dtype, count).copy()
    numpy.fromstring = fromstring


def _old_methods(classes: Any, record: Record) -> None:
    """Gives classes back the methods that they have lost, also to those written in C, which refuse new attributes."""
    def method(name: str, new: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            record.add('%s.%s' % (type(self).__name__, name), 'write: x.%s()' % new)
            return getattr(self, new)(*args, **kwargs)
        return call
    for a_class in classes:
        for name, new in METHODS.items():
            if hasattr(a_class, new) and not hasattr(a_class, name):
                gc.get_referents(vars(a_class))[0][name] = method(name, new)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(a_class))


def _value_of_dataset(h5py: Any, record: Record) -> None:
    def value(dataset: Any) -> Any:
        record.add('dataset.value of h5py', 'write: dataset[()]')
        return dataset[()]
    if not hasattr(h5py.Dataset, 'value'):
        h5py.Dataset.value = property(value)


def _angle_in_array(ndimage: Any, record: Record) -> None:
    """Lets `scipy.ndimage.rotate` take an angle such as `np.random.randint(-15, 15, 1)` again."""
    new = ndimage.rotate

    def rotate(input: Any, angle: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(angle, 'ndim', 0):
            record.add('an array as the angle of scipy.ndimage.rotate', 'write: angle.item()')
            angle = angle.item()
        return new(input, angle, *args, **kwargs)
    ndimage.rotate = rotate


def _old_styles(style: Any, record: Record) -> None:
    """Lets Matplotlib find the styles of seaborn under their old names."""
    def new_name(name: Any) -> Any:
        if isinstance(name, (list, tuple)):
            return [new_name(part) for part in name]
        new = re.sub('^seaborn', 'seaborn-v0_8', str(name))
        if name in style.library or new not in style.library:
            return name
        record.add('the style %s of Matplotlib' % name, 'write: ' + new)
        return new
    for function in (style.use, style.context):
        setattr(style, function.__name__, lambda name, *args, function=function, **kwargs: function(
            new_name(name), *args, **kwargs))


def _tolerant_use(matplotlib: Any, record: Record) -> None:
    """Lets `matplotlib.use` select a backend that needs a display: without one, figures stay invisible."""
    new = matplotlib.use

    def use(backend: str, *args: Any, **kwargs: Any) -> None:
        kwargs.pop('warn', None)  # an argument that Matplotlib has removed
        if _HEADLESS and backend.lower().startswith(_NEED_A_DISPLAY):
            record.add('matplotlib.use(%r)' % backend, 'leave it out: there is no display')
        else:
            new(backend, *args, **kwargs)
    matplotlib.use = use


def _no_windows(cv2: Any, record: Record) -> None:
    """Lets OpenCV show nothing, and no key be pressed."""
    def nothing(name: str) -> Callable[..., int]:
        def call(*args: Any, **kwargs: Any) -> int:
            record.add('cv2.' + name, 'leave it out: there is no display')
            return -1
        return call
    for name in ('imshow', 'waitKey', 'namedWindow', 'moveWindow', 'destroyWindow', 'destroyAllWindows'):
        setattr(cv2, name, nothing(name))


def _provide_scipy(importer: Importer, record: Record) -> None:
    """Puts back modules that recent versions of SciPy lack altogether."""
    def misc(name: str) -> Optional[ModuleType]:
        return None if _finds('scipy.misc') else Namespace('scipy.misc', _finder(_LIBRARIES['scipy.misc'], name))

    def _finder(table: Dict[str, PutBack], module: str) -> Callable[[str], Any]:
        def find(name: str) -> Any:
            if name not in table:
                raise MissingName('%s.%s: SciPy has removed it, and it cannot be put back' % (module, name))
            record.add('%s.%s' % (module, name), table[name].instead)
            return table[name].find()
        return find

    def _finds(name: str) -> bool:
        folder = os.path.join(os.path.dirname(vars(scipy)['__file__']), *name.split('.')[1:])
        return os.path.exists(folder) or os.path.exists(folder + '.py')
    scipy = module_or_none('scipy')
    if scipy is not None:
        importer.provide('scipy.misc', misc)
