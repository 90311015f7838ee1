"""Inputs that a process cannot write to: read-only bind mounts in a mount namespace of its own. Linux.

This is what `ro_mount` means on Azure, and it holds for root too. Sources: unshare(2), mount(2), mount_setattr(2),
user_namespaces(7). The standard library alone: the process that warm steps are forked from loads this file too.
"""

from __future__ import annotations

import ctypes  # here, so that it is loaded before processes are forked and not in each of them
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 0x4000, 0x40000
_KEPT = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime: alike for mount(2) and statvfs(3)
_SETATTR = 442  # mount_setattr(2), the same number on every architecture that Python is made for
_HERE, _RECURSIVE, _ATTR_RDONLY = -100, 0x8000, 1


def protect(paths: Sequence[str], writable: Sequence[str] = ()) -> bool:
    """Make files and folders read-only to this process and those that it starts; whether that could be done.

    `writable` are folders that stay as they are, also below one of the paths.
    """
    if not paths or not sys.platform.startswith("linux"):
        return not paths
    libc = ctypes.CDLL(None, use_errno=True)
    if not _unshared(libc) or libc.mount(b"none", b"/", None, _REC | _PRIVATE, None) != 0:
        return False
    inner = [folder for folder in writable if any(_is_below(folder, path) for path in paths)]
    done = (
        all(_bound(libc, os.fsencode(folder)) for folder in inner)
        and all(_bound(libc, os.fsencode(path)) and _set(libc, os.fsencode(path), _RDONLY) for path in paths)
        and all(_set(libc, os.fsencode(folder), 0) for folder in inner)
    )
    with suppress(OSError):
        os.chdir(os.getcwd())  # from where it was, `..` would lead past the mounts
    return done


def _is_below(folder: str, path: str) -> bool:
    return folder.startswith(path.rstrip("/") + "/")


def _unshared(libc: ctypes.CDLL) -> bool:
    """Into a mount namespace of its own; who is not root gets a user namespace with it, as the same user."""
    if os.geteuid() == 0:
        return bool(libc.unshare(_NEW_MOUNTS) == 0)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_NEW_USER | _NEW_MOUNTS) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError:
            return False
    return True


def _bound(libc: ctypes.CDLL, path: bytes) -> bool:
    return bool(libc.mount(path, path, None, _BIND | _REC, None) == 0)


def _set(libc: ctypes.CDLL, path: bytes, read_only: int) -> bool:
    """Make a mount and what is mounted below it read-only, or writable again.

    A kernel before 5.12 does it for the mount alone; what else the mount is set to must then be said again, or a user
    namespace is refused.
    """
    attributes = (ctypes.c_uint64 * 4)(*((_ATTR_RDONLY, 0) if read_only else (0, _ATTR_RDONLY)), 0, 0)
    if libc.syscall(_SETATTR, _HERE, path, _RECURSIVE, attributes, ctypes.sizeof(attributes)) == 0:
        return True
    flags = os.statvfs(path).f_flag & _KEPT
    return bool(libc.mount(b"none", path, None, _BIND | _REMOUNT | read_only | flags, None) == 0)


def is_possible() -> bool:
    """Whether this machine lets a process do so; tried in a child."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if protect([os.path.dirname(os.path.abspath(__file__))]) else 1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0
