"""Choices from outside: packages that say so in their metadata, and modules named by the user.

A plug-in is a module that calls `registry.register` when it is imported, or a function that does so when it is called.
A package announces its own as entry points of the group `mtkit.plugins`:

    [project.entry-points."mtkit.plugins"]
    mine = "my_package.plugin"

Must not know what any choice does.
"""

import importlib
import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mtkit.errors import ConfigError
from mtkit.registry import CHOICES, OURS, brought_by, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "mtkit.plugins"
_lock = threading.RLock()
_loaded: set[str] = set()
_loading: set[str] = set()


def load_installed() -> None:
    """Load what installed packages bring; once a process, before the first config is read or list is shown.

    Raises:
        ConfigError: one cannot be loaded; names it and its package.
    """
    if GROUP in _loaded:
        return
    with _lock:
        if GROUP in _loaded or GROUP in _loading:  # a plug-in may ask for choices while it is loaded
            return
        from importlib.metadata import entry_points  # which takes time that not every command has

        _loading.add(GROUP)
        try:
            for entry in entry_points(group=GROUP):
                _load_entry(entry)
        finally:
            _loading.discard(GROUP)
        _loaded.add(GROUP)


def load(name: str) -> None:
    """Load a plug-in by name: a module in the current folder or on Python's path, or the path of a .py file.

    Raises:
        ConfigError: there is none of this name, or it cannot be loaded; names it.
    """
    with _lock:
        load_installed()
        if name not in _loaded:
            with brought_by(name):
                _import(name)
            _loaded.add(name)


def named() -> list[str]:
    """Plug-ins that were loaded by name, which are on this machine."""
    return sorted(_loaded - {GROUP})


def brought() -> bool:
    """Whether there is any choice from outside.

    Raises:
        ConfigError: as `load_installed`.
    """
    load_installed()
    return any(line.origin != OURS for lines in CHOICES.values() for line in lines.values())


def _load_entry(entry: "EntryPoint") -> None:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module
    try:
        with brought_by(package):
            found = entry.load()
            if not isinstance(found, ModuleType):
                found()
    except Exception as error:  # whatever somebody else's code does
        raise ConfigError(
            f"plug-in {entry.name!r} of {package} cannot be loaded ({_what(error)}): mend or uninstall it"
        ) from error


def _import(name: str) -> None:
    path = Path(name)
    try:
        if path.suffix == ".py":
            _import_file(path)
            return
        if (here := os.getcwd()) not in sys.path:
            sys.path.insert(0, here)
        importlib.import_module(name)
    except ConfigError as error:
        raise ConfigError(f"plug-in {name}: {error}") from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            beside = [file.stem for file in Path.cwd().glob("*.py")]
            raise ConfigError(
                f"there is no plug-in {name!r}{nearest(name, beside)}: expected a module in this folder or on Python's "
                "path, or a .py file"
            ) from None
        raise ConfigError(f"plug-in {name} cannot be loaded ({_what(error)}): mend it or leave it out") from error


def _import_file(path: Path) -> None:
    """Import a file under its name, by which lines of the registry find what is in it."""
    if not path.is_file():
        raise ConfigError("there is no such file; expected a module or the path of a .py file")
    found = importlib.util.find_spec(path.stem)
    if found is not None:
        if found.origin is None or not Path(found.origin).exists() or not path.samefile(found.origin):
            raise ConfigError(f"a module of the name {path.stem!r} exists already: give the file another name")
        importlib.import_module(path.stem)
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


def _what(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
