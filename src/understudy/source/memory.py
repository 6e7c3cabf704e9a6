"""How much memory and disk a table needs, and whether they are there; asked beforehand.

What may not happen here: reading rows. Sizes come from the file system and from containers.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from understudy.errors import InputError, OutputError

_GIB = 1 << 30
_SMALL = 64 << 20
_RESERVE = 16 << 20


def available_memory() -> int | None:
    """Return the bytes this process may still use, by the system and its control group."""
    limits = [limit for limit in (_system_memory(), _group_memory()) if limit is not None]
    return min(limits) if limits else None


def require_memory(needed: int, what: str) -> None:
    """Refuse to read a table that would not fit.

    Parameters
    ----------
    needed
        Bytes; below 64 MiB nothing is asked.
    what
        The file, for the message.

    Raises
    ------
    InputError
        With both sizes in GiB.
    """
    free = available_memory()
    if needed > _SMALL and free is not None and needed > free:
        raise InputError(
            f"{what} needs about {needed / _GIB:.1f} GiB of memory and {free / _GIB:.1f} are free",
            hint="leave columns out, close other programs, or use a machine with more memory",
        )


def too_large(what: str) -> InputError:
    """Build the error of a table that did not fit in memory after all."""
    return InputError(
        f"{what} does not fit in memory",
        hint="leave columns out, close other programs, or use a machine with more memory",
    )


def require_disk(needed: int, folder: Path) -> None:
    """Refuse to write a file that would fill the disk.

    Raises
    ------
    OutputError
        With both sizes in GiB.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if needed + _RESERVE > free:
        raise OutputError(
            f"the output needs about {needed / _GIB:.2f} GiB on disk and "
            f"{free / _GIB:.2f} are free",
            hint="free some space, or choose another folder",
        )


def _system_memory() -> int | None:
    """Return the free memory of the machine, None where it cannot be told."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _group_memory() -> int | None:
    """Return what is left of this container's memory limit, None without one."""
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            return max(int(Path(limit).read_text()) - int(Path(used).read_text()), 0)
        except (OSError, ValueError):
            continue
    return None
