# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs the play: the address that the connection to this host comes from."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix

__all__ = ("controller_address",)

_GENERATIONS = 32


def controller_address(proc: str = "/proc") -> t.Optional[str]:
    """Return the other end of the ssh connection that this process belongs to; V(none) without one.

    sudo drops C(SSH_CONNECTION) (sshd(8)), so the parents are asked.
    """
    pid = os.getpid()
    for _generation in range(_GENERATIONS):
        try:
            with open(os.path.join(proc, str(pid), "environ"), "rb") as stream:
                variables = stream.read().split(b"\0")
            with open(os.path.join(proc, str(pid), "stat"), "rb") as stream:
                parent = int(stream.read().rpartition(b")")[2].split()[1])
        except OSError:
            return None
        for variable in variables:
            if variable.startswith(b"SSH_CONNECTION="):
                return _address(variable.partition(b"=")[2].decode("ascii", "replace"))
        if not parent:
            return None
        pid = parent
    return None


def _address(connection: str) -> t.Optional[str]:
    """Return the first word without its zone; V(none) where it is no address, as sshd(8) on a pipe has it."""
    try:
        return str(parse_prefix(connection.partition(" ")[0].partition("%")[0]))
    except FastpathError:
        return None
