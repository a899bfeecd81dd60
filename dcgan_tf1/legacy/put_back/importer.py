"""Modules that no longer exist, and modules that have lost names: a finder that Python asks before all others."""
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence

from dcgan_tf1.legacy.put_back.record import Record

Provider = Callable[[str], Optional[ModuleType]]  # full name → module to put back, or None


class PutBack:
    """A name that a module has lost: 'module:name', where it is today, and what to write instead."""

    def __init__(self, path: str, instead: str) -> None:
        self.path, self.instead = path, instead

    def find(self) -> Any:
        """What the name meant."""
        module, name = self.path.split(':')
        return getattr(importlib.import_module(module), name)


class Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Puts modules back, and puts names back into modules as soon as they are imported."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._modules: Dict[str, Provider] = {}
        self._patches: Dict[str, List[Callable[[ModuleType], None]]] = {}
        self._busy = False

    def provide(self, name: str, provider: Provider) -> None:
        """Lets `provider` supply the module `name` and all its submodules."""
        self._modules[name] = provider

    def patch(self, name: str, patch: Callable[[ModuleType], None]) -> None:
        """Calls `patch` with the module `name`: now if it is imported already, or else when it is."""
        if name in sys.modules:
            patch(sys.modules[name])
        else:
            self._patches.setdefault(name, []).append(patch)

    def put_back(self, module_name: str, names: Dict[str, PutBack]) -> None:
        """Puts names back into a module, as far as it lacks them."""
        self.patch(module_name, lambda module: _put_back(module, names, self._record))

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Called by Python for every import of a module that is not loaded yet."""
        for name, provider in self._modules.items():
            if fullname == name or fullname.startswith(name + '.'):
                module = provider(fullname)
                if module is not None:
                    return importlib.machinery.ModuleSpec(fullname, _Replacement(module), is_package=True)
        if fullname in self._patches and not self._busy:
            self._busy = True
            try:
                spec = importlib.util.find_spec(fullname)
            finally:
                self._busy = False
            if spec is not None and spec.loader is not None:
                spec.loader = _Patching(spec.loader, self._patches.pop(fullname))
                return spec
        return None


class _Replacement(importlib.abc.Loader):
    """A loader that hands out a module that exists."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: Any) -> Optional[ModuleType]:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = self._module  # Python uses what it finds here


class _Patching(importlib.abc.Loader):
    """A loader that patches the module after it has been loaded."""

    def __init__(self, loader: Any, patches: List[Callable[[ModuleType], None]]) -> None:
        self._loader, self._patches = loader, patches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Optional[ModuleType]:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for patch in self._patches:
            patch(module)


def _put_back(module: ModuleType, names: Dict[str, PutBack], record: Record) -> None:
    if module.__name__ == 'numpy':
        lacks = [name for name in names if name not in vars(module)]  # NumPy warns if it is asked for some names
    else:
        lacks = [name for name in names if not hasattr(module, name)]
    original = vars(module).get('__getattr__')

    def __getattr__(name: str) -> Any:
        if name in lacks:
            record.add('%s.%s' % (module.__name__, name), names[name].instead)
            return names[name].find()
        if original is not None:
            return original(name)
        raise AttributeError('module %r has no attribute %r' % (module.__name__, name))
    if lacks:
        module.__getattr__ = __getattr__  # type: ignore[method-assign]


class Namespace(ModuleType):
    """A module made of the names of others."""

    def __init__(self, name: str, find: Callable[[str], Any], names: Sequence[str] = ()) -> None:
        super().__init__(name)
        self.__path__: list = []  # makes it a package, of which `import name.part` works
        self._find, self._names = find, names

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return self._find(name)

    def __dir__(self) -> Sequence[str]:
        return self._names


def module_or_none(name: str) -> Optional[ModuleType]:
    """Imports a module; None if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if error.name is None or not (name + '.').startswith(error.name + '.'):
            raise  # it is installed, but cannot be imported
        return None
