# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath serve): the hook for SIP servers and fail2ban, on sockets that systemd opened (sd_listen_fds(3))."""

from __future__ import annotations

import os
import signal
import socket
import sys
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._hook_book import Book, Policy
from ansible_collections.vos.fastpath.plugins.module_utils._hook_server import Server
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, tried

__all__ = ("serve_command",)

_FIRST = 3
_TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM)


def serve_command(call: Call) -> Answer:
    """Answer until SIGTERM."""
    policy = Policy(frozenset(call.options.lists), call.options.max_seconds, call.options.max_entries)
    server = Server(_passed(), Book(call.kernel, call.saved.local, policy), lambda: tried(LOCK), _log)
    ended: t.List[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: ended.append(signum))
    try:
        while not ended:
            server.step()
    finally:
        server.close()
    return Answer({}, ())


def _passed() -> t.List[socket.socket]:
    """Return the sockets that this process was started with. Raises FastpathError."""
    number = int(os.environ.get("LISTEN_FDS", 0)) if os.environ.get("LISTEN_PID") == str(os.getpid()) else 0
    if not number:
        raise FastpathError("LISTEN_FDS", "no sockets were handed over", "Start it by vos-fastpath-hook.socket, or with systemd-socket-activate")
    found = [socket.socket(fileno=fd) for fd in range(_FIRST, _FIRST + number)]
    for opened in found:
        if opened.family != socket.AF_UNIX or opened.type not in _TYPES:
            raise FastpathError("LISTEN_FDS", "file descriptor %d is no socket of the hook" % opened.fileno(), "Take the unit as it is installed")
    return found


def _log(text: str) -> None:
    sys.stderr.write(text + "\n")
