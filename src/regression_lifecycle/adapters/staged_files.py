"""Names of files that are being written, and what killed processes left of them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_STAGED = re.compile(r"\.(\d+)\..+")


def staged_path(target: Path) -> Path:
    """Return where a process writes a file of a folder before it renames it."""
    return target.with_name(f".{os.getpid()}.{target.name}")


def remove_leftovers(folder: Path) -> None:
    """Remove what was never renamed, in a folder and below; to be called before writing begins.

    What other processes that still run may be writing stays.

    Args:
        folder: It need not be there.
    """
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            found = _STAGED.fullmatch(name)
            if found is None or _may_write(int(found[1])):
                continue
            path = Path(place, name)
            if name in folders and not path.is_symlink():
                folders.remove(name)
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _may_write(pid: int) -> bool:
    # In containers a process has the number of the one that was killed.
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
