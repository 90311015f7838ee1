"""Inputs that a process cannot write to: read-only bind mounts in a mount namespace of its own. Linux.

This is what `ro_mount` means on Azure, and it holds for root too. Sources: unshare(2), mount(2), user_namespaces(7).
The standard library alone: the process that warm steps are forked from loads this file too.
"""

from __future__ import annotations

import os
import sys

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 0x4000, 0x40000


def protect(paths: list[str]) -> bool:
    """Make files and folders read-only to this process and those that it starts; whether that could be done."""
    if not paths or not sys.platform.startswith("linux"):
        return not paths
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not _unshared(libc):
        return False
    if libc.mount(b"none", b"/", None, _REC | _PRIVATE, None) != 0:
        return False
    return all(_mounted(libc, os.fsencode(path)) for path in paths)


def _unshared(libc) -> bool:  # type: ignore[no-untyped-def]  # ctypes is imported where it is needed
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


def _mounted(libc, path: bytes) -> bool:  # type: ignore[no-untyped-def]
    if libc.mount(path, path, None, _BIND | _REC, None) != 0:
        return False
    return bool(libc.mount(b"none", path, None, _BIND | _REMOUNT | _RDONLY, None) == 0)


def is_possible() -> bool:
    """Whether this machine lets a process do so; tried in a child."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if protect([os.path.dirname(os.path.abspath(__file__))]) else 1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0
