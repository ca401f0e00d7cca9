# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One writer at a time: the lock that modules, the command and the units hold while they change this host's filter."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of, remedy_of

__all__ = ("LOCK", "LONG_PATIENCE", "PATIENCE", "locked", "tried")

LOCK = "/run/vos-fastpath.lock"
PATIENCE, LONG_PATIENCE = 120, 300
"""Seconds. A million entries take some ten of them, the compiler on a slow machine a minute; who restores a filter waits longer."""
_LOOK = 0.05
_LOCKS = "/proc/locks"
_SHOWN = 200  # so many letters of a command


@contextlib.contextmanager
def locked(path: str, patience: float = PATIENCE) -> t.Iterator[None]:
    """Wait until nobody else changes this host's filter. The lock goes with the process, however it ends. Raises FastpathError."""
    with _opened(path) as descriptor:
        end = time.monotonic() + patience
        while not _taken(descriptor):
            if time.monotonic() >= end:
                raise _held(path, descriptor, patience)
            time.sleep(_LOOK)
        yield


@contextlib.contextmanager
def tried(path: str) -> t.Iterator[bool]:
    """Take the lock unless somebody else has it; says whether that was so."""
    with _opened(path) as descriptor:
        yield _taken(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(path: str, descriptor: int, patience: float) -> FastpathError:
    """Say who holds the lock, and what to do about it."""
    pid = _holder(descriptor)
    if pid is None:
        return FastpathError(path, "another process still holds the lock after %g s" % patience, "See which one (lslocks); if it is stuck, kill it")
    words = "process %d%s still holds the lock after %g s" % (pid, _command_of(pid), patience)
    return FastpathError(path, words, "See what it does (ps -fp %d); if it is stuck, kill %d, and run this again" % (pid, pid))


def _holder(descriptor: int) -> t.Optional[int]:
    """Return the process that took the lock, as proc(5) has it: 1: FLOCK ADVISORY WRITE 4711 00:1b:1234 0 EOF."""
    found = os.fstat(descriptor)
    place = "%02x:%02x:%d" % (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    with contextlib.suppress(OSError), open(_LOCKS, encoding="ascii") as stream:
        for words in map(str.split, stream):
            if words[1] == "FLOCK" and words[5] == place:
                return int(words[4])
    return None


def _command_of(pid: int) -> str:
    """Return the command of a process in brackets; nothing where it has ended, and left the lock to a child."""
    with contextlib.suppress(OSError), open("/proc/%d/cmdline" % pid, encoding="utf-8", errors="replace") as stream:
        return " (%s)" % " ".join(stream.read(_SHOWN).replace("\0", " ").split())
    return ""


@contextlib.contextmanager
def _opened(path: str) -> t.Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FastpathError(path, "the lock can't be opened: " + reason_of(error), remedy_of(error, "See what is there")) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            reason = "it has to be a file that only root can open: whoever can open it can hold the lock for ever"
            raise FastpathError(path, reason, "Remove it while no other run goes on")
        yield descriptor
    finally:
        os.close(descriptor)
