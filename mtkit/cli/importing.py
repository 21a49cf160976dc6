"""How torch gets into a command that only uses a model: beside what else is done, and without what it never needs.

Of the time of `import torch` a third goes into parts that no translation touches (`LEFT`): they are put off until
somebody looks into one, and then are what they always are. A sixth goes into mapping the library, which a thread does
while options and config are read. Must not know any command.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
import threading
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

LEFT = ("torch._meta_registrations", "torch.export", "torch.utils.data")
"""Shapes of what has no values, and programs of their own, both for compilers; loaders of data."""
COMPILERS = {f"torch.{name}" for name in ("_decomp", "_dynamo", "_inductor", "_prims", "_refs", "onnx")}
"""Whoever imports one of these wants all that was put off, and before it, as torch would have it."""
FIRST = ("csv", "decimal", "pydantic_core", "random", "zoneinfo")
"""What is wanted while torch's library is mapped, and has a library of its own, which would wait for that."""
LIBRARIES = ("libtorch_global_deps.so", "libtorch_cpu.so")
OBJECTS = 200_000
"""New ones after which circles among them are looked for."""


def ahead() -> None:
    """Begin to map torch's libraries, on Linux; what cannot be mapped is left to torch, which says why."""
    if not sys.platform.startswith("linux") or "torch" in sys.modules:
        return
    folder = _folder()
    if folder is not None:
        for name in FIRST:
            importlib.import_module(name)
        # Waited for at the end, whatever comes between: what is mapped while a process ends brings it down.
        threading.Thread(target=_map, args=(folder / "lib",), daemon=False).start()


def load(whole: bool = False) -> None:
    """Import torch, unless that was done.

    Args:
        whole: with all its parts, for whoever may want them.
    """
    if "torch" in sys.modules:
        return
    folder = None if whole else _folder()
    if folder is not None:
        for name in LEFT:
            _put_off(name, folder)
    collecting = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401

        if folder is not None:
            sys.meta_path.insert(0, _Watch)
    finally:
        keep()
        if collecting:
            gc.enable()


def keep() -> None:
    """All that is there now stays: hundreds of thousands of objects that need not be looked through again and again.

    Nor need what comes, so often: sixteen thousand lines that are translated together are some of it for a while, and
    a tenth of their time went into looking whether they had ended in circles.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS)
    atexit.unregister(_let_go)
    atexit.register(_let_go)


def _let_go() -> None:
    if "triton" in sys.modules:  # which complains of what is left of it at the end
        gc.unfreeze()


def _folder() -> Path | None:
    """Where torch lies."""
    spec = importlib.util.find_spec("torch")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def _map(folder: Path) -> None:
    # By a call into C, which lets other threads go on, as Python's own way of loading does not.
    with contextlib.suppress(OSError, AttributeError):
        dlopen = ctypes.CDLL(None).dlopen
        for library, mode in zip(LIBRARIES, (os.RTLD_NOW | os.RTLD_GLOBAL, os.RTLD_LAZY), strict=True):
            dlopen(os.fsencode(folder / library), mode)


class _PutOff(ModuleType):
    """A module that is executed when something is looked for that only then is there."""

    def __getattr__(self, name: str) -> Any:
        if (
            name.startswith("__") and name != "__all__"
        ):  # what every module may have: whoever walks through all of them looks for no more
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        _execute(self)
        return getattr(self, name)


class _Watch(MetaPathFinder):
    """Finds no module, but sees what is looked for."""

    @classmethod
    def invalidate_caches(cls) -> None:
        """Nothing is kept."""

    @classmethod
    def find_spec(cls, name: str, *_: object) -> None:
        if name in COMPILERS and cls in sys.meta_path:
            sys.meta_path.remove(cls)
            for left in LEFT:
                if left in sys.modules:
                    _execute(sys.modules[left])


_executing = threading.RLock()


def _execute(module: ModuleType) -> None:
    with _executing:
        if type(module) is _PutOff:
            module.__class__ = ModuleType  # type: ignore[assignment]
            module.__loader__.exec_module(module)  # type: ignore[union-attr]


def _put_off(name: str, torch: Path) -> None:
    path = torch.joinpath(*name.split(".")[1:])
    package = path.is_dir()
    file = path / "__init__.py" if package else path.with_suffix(".py")
    places = [str(path)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    if spec is not None and file.is_file():
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _PutOff
        sys.modules[name] = module
