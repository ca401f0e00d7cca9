# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A timer that undoes a change which may have cut the connection it was made over, unless somebody still gets through.

The timer is a process of its own, forked before the change, since the module ends and its files go. It holds the programs and the
maps of before open, so that they are there to go back to, and it undoes under the lock that all changes are made under. What is
agreed on is in a file: which change waits for its confirmation, and until when. A later one takes the place of an earlier one. A timer
that was killed itself undoes nothing, and nobody is to wait for it for ever.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import typing as t
import uuid

from ansible_collections.vos.fastpath.plugins.module_utils._change import Undo
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._files import read, remove, write
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, locked

__all__ = ("STATE", "confirm", "dead_man", "waiting")

STATE = "/run/vos-fastpath.rollback"
_LOOK = 0.1
_LATE = 120  # so many seconds the timer may wait for the lock
_MADE, _WAITING, _UNDONE = "being made", "waiting", "undone"
_BPF = "anon_inode:bpf-"


@contextlib.contextmanager
def dead_man(seconds: int, undo: Undo, programs: t.Collection[int]) -> t.Iterator[str]:
    """Make a change within, to these programs. Gives the token by which it is to be confirmed in so many seconds, or it is undone."""
    token = uuid.uuid4().hex
    _note(token, _MADE, _until(seconds))
    _detached(lambda: _watch(token, seconds, undo, programs))
    try:
        yield token
    except (FastpathError, OSError):
        remove(STATE)
        raise
    _note(token, _WAITING, _until(seconds))


def confirm(token: str) -> t.Optional[str]:
    """Say that the connection is alive. Returns V(none) if the change stays, else what became of it, in words."""
    found, state, words = _noted()
    if found != token:
        return "another change has been made since"
    remove(STATE)
    if _is_over(state, words):
        return "it was not confirmed in time, and what was to undo it is gone: vos-fastpath verify --repair does"
    return words if state == _UNDONE else None


def waiting() -> t.Optional[str]:
    """Return the token of the change that may still be undone; V(none) if there is none, or if its timer must be dead."""
    token, state, until = _noted()
    return token if state in (_MADE, _WAITING) and not _is_over(state, until) else None


def _until(seconds: float) -> str:
    """Return when it is to be undone, in seconds of CLOCK_MONOTONIC."""
    return "%.3f" % (time.monotonic() + seconds)


def _is_over(state: str, until: str) -> bool:
    """Whether nobody comes any more to undo it; else all that looks after the filter would wait for ever."""
    return state in (_MADE, _WAITING) and time.monotonic() >= float(until) + _LATE


def _note(token: str, state: str, words: str = "") -> None:
    write(STATE, "\n".join((token, state, words)), 0o600)


def _noted() -> t.Tuple[str, str, str]:
    token, state, words = ((read(STATE) or "") + "\n\n").split("\n")[:3]
    return token, state, words


def _watch(token: str, seconds: float, undo: Undo, programs: t.Collection[int]) -> None:
    with locked(LOCK, math.inf):  # free when the change is made, or when who made it is dead
        killed = _noted()[:2] == (token, _MADE)
    end = time.monotonic() + (0 if killed else seconds)
    while time.monotonic() < end and _noted()[0] == token:
        time.sleep(_LOOK)
    with locked(LOCK, math.inf):
        if _noted()[0] == token:  # who was killed may have taken a program off, and not come to attach another
            left = undo({*programs, None} if killed else programs)
            _note(token, _UNDONE, "; ".join(left).replace("\n", " ") or "everything is as it was before")


def _detached(work: t.Callable[[], None]) -> None:
    """Do it in a process that nobody waits for, with nothing of ours open but BPF programs and maps."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            _close_all_but_bpf()
            work()
    finally:
        os._exit(0)


def _close_all_but_bpf(folder: str = "/proc/self/fd") -> t.List[int]:
    """Above all the lock, and the pipes that Ansible reads until their end. Returns the standard streams, which are nothing."""
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):  # the folder itself was open for reading it
            if not os.readlink(os.path.join(folder, name)).startswith(_BPF):
                os.close(int(name))
    return [os.open(os.devnull, os.O_RDWR) for _stream in range(3)]
