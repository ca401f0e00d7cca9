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
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of, remedy_of

__all__ = ("LOCK", "locked", "tried")

LOCK = "/run/vos-fastpath.lock"


@contextlib.contextmanager
def locked(path: str) -> t.Iterator[None]:
    """Wait until nobody else changes this host's filter. The lock goes with the process, however it ends."""
    with _opened(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def tried(path: str) -> t.Iterator[bool]:
    """Take the lock unless somebody else has it; says whether that was so."""
    with _opened(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


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
