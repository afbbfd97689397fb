"""What can go wrong with files; each error says which file, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Optional

from elitscope.errors import ElitscopeError


class FileUnreadable(ElitscopeError, ValueError):
    """The file holds no frames that can be analysed: missing, corrupt, of an unknown format, diffraction, complex, ..."""

    code = "file_unreadable"


class FileUnwritable(ElitscopeError, OSError):
    """Results could not be written: the file exists already, the disk is full, the folder may not be written to."""

    code = "file_unwritable"


class MissingLibrary(ElitscopeError, ImportError):
    """The thin install lacks what this needs."""

    code = "missing_library"


def need(module: str, purpose: str) -> ModuleType:
    """The imported `module`.

    Raises:
        MissingLibrary: it is not installed; the text says how to install it.
    """
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise _missing(error.name or module, purpose) from error


@contextmanager
def reading(path: Path, advice: str = "is the file complete, and what its name says?") -> Iterator[None]:
    """Turns whatever a library raises on a broken file into one `FileUnreadable` that names the file.

    The libraries underneath parse dozens of vendors' formats and raise anything from `struct.error` to `AssertionError`.
    """
    try:
        yield
    except (ElitscopeError, MemoryError):
        raise
    except ImportError as error:
        raise _missing(error.name, f"reading {path.suffix} files") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise FileUnreadable(f"{path} can't be read ({reason}); {advice}") from error


def _missing(module: Optional[str], purpose: str) -> MissingLibrary:
    extras = {"rsciio": "rosettasciio", "PIL": "pillow", "skimage": "scikit-image"}
    in_extra = {"rosettasciio", "tifffile", "h5py", "pillow", "matplotlib", "rich", "dask"}
    package = extras.get((module or "").partition(".")[0], (module or "another library").partition(".")[0])
    how = '"elitscope[files]"' if package in in_extra or module is None else package
    return MissingLibrary(f"{purpose} needs {package}, which is not installed: pip install {how}")
