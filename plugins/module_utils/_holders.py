# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose program is on an interface, in words, and how to get it off."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program

__all__ = ("check_ours", "removal_of", "words_of")

_DISPATCHER = "xdp_dispatcher"  # libxdp's, which calls the programs of several others


def words_of(program: Program) -> str:
    """Return what there is to know of a program."""
    words = "program %d (%s, tag %s, %s)" % (program.prog_id, program.name or "no name", program.tag, program.mode)
    if program.link_id is not None:
        words += ", held by BPF link %d" % program.link_id
    if program.name == _DISPATCHER:
        words += ", libxdp's dispatcher for the programs of others"
    return words


def removal_of(name: str, program: Program) -> str:
    """Return what takes it off."""
    if program.link_id is not None:
        return "bpftool link detach id %d" % program.link_id
    if program.name == _DISPATCHER:
        return "xdp-loader unload %s --all" % name
    flag = {"native": "xdpdrv", "generic": "xdpgeneric", "offload": "xdpoffload"}.get(program.mode, "xdp")
    return "ip link set dev %s %s off" % (name, flag)


def check_ours(name: str, program: t.Optional[Program], force: bool) -> None:
    """Raise FastpathError for a program that is to be left alone, or that only who holds it can take off."""
    if program is None or program.ours:
        return
    reason = "%s is attached, and it is not ours" % words_of(program)
    removal = removal_of(name, program)
    if program.link_id is not None:
        remedy = "Stop what holds the link, or detach it (%s); neither 'ip link … off' nor force=true can" % removal
        raise FastpathError(name, reason, remedy)
    if not force:
        raise FastpathError(name, reason, "Remove it (%s), or set force=true to have it replaced" % removal)
