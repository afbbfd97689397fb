"""Room on disk, made sure of before it is needed.

HDF5 does not survive a write that fails: the file is left unreadable, and the process can crash on its way out. So the room for a frame is
reserved first, where failing harms nothing.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CANNOT_RESERVE = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


@contextmanager
def room_for(file: Any, size: int) -> Iterator[None]:
    """Reserves `size` bytes behind the end of an open `h5py.File` for as long as the block writes into it; what was not used is given back.

    Raises:
        OSError: the disk is full, a quota or a limit on file sizes is reached. The file is as it was.
    """
    if not hasattr(os, "posix_fallocate"):
        _require_free(Path(file.filename), size)
        yield
        return
    handle, end = file.id.get_vfd_handle(), file.id.get_filesize()
    try:
        os.posix_fallocate(handle, end, size)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            os.ftruncate(handle, end)
            raise
        _require_free(Path(file.filename), size)
    yield
    os.ftruncate(handle, file.id.get_filesize())


def _require_free(path: Path, size: int) -> None:
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
