# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring interfaces to the filter that is wanted: read, plan, apply the difference, read back."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, INTERFACE_MAPS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._change import (
    all_or_nothing,
    attach_first,
    set_program,
    take_off,
    verify,
)
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._lists import has_allowed
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING
from ansible_collections.vos.fastpath.plugins.module_utils._plan import (
    Live,
    Outcome,
    Wanted,
    actions_of,
    plan_attach,
    predicted,
    read_live,
    words_of,
)
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings

__all__ = ("attach", "detach", "shares_lists")

_FIRST = bytes(4)


def attach(kernel: Kernel, names: t.Sequence[str], wanted: Wanted, check: bool) -> t.List[Outcome]:
    """Attach to every interface, or in check mode say what would be done. Raises FastpathError before any change."""
    if not check:
        _check_stealth(kernel, wanted)
    lives = [read_live(kernel, name) for name in names]
    if check and not os.path.exists(wanted.object_path):  # an earlier task of the play would build it
        return [predicted(live, wanted, "", plan_attach(live, wanted, "")) for live in lives]
    shared = [shares_lists(kernel, live) for live in lives]
    with contextlib.ExitStack() as stack:
        candidates = [stack.enter_context(_candidate(kernel, live, wanted)) for live in lives]
        plans = [plan_attach(live, wanted, new.tag, same) for live, new, same in zip(lives, candidates, shared)]
        if check:
            return [predicted(live, wanted, loaded.tag, steps) for live, loaded, steps in zip(lives, candidates, plans)]
        stack.enter_context(all_or_nothing(kernel, lives))
        if any(plans) and kernel.require_host_maps():  # made only now, so that a bad object changes nothing: load on them
            candidates = [stack.enter_context(_candidate(kernel, live, wanted)) for live in lives]
        return [_apply(kernel, *each, wanted) for each in zip(lives, candidates, plans)]


def detach(kernel: Kernel, names: t.Sequence[str], force: bool, keep_lists: bool, check: bool) -> t.List[Outcome]:
    """Take our program off every interface; another's only with C(force)."""
    if not keep_lists:
        _check_unused(kernel, names)
    outcomes = []
    for name in names:
        live = read_live(kernel, name)
        program = live.program
        mine = program is not None and (program.ours or force)
        actions = ["detach %s from %s" % (words_of(program), name)] if program and mine else []
        if kernel.is_pinned(live.interface.ifindex):
            actions.append("unpin the maps of %s" % name)
        if actions and not check:
            take_off(kernel, live, mine)
        outcomes.append(Outcome(live, {"attached": False} if mine else live.describe(), tuple(actions)))
    if not keep_lists and kernel.is_pinned():
        outcomes[-1] = outcomes[-1]._replace(actions=outcomes[-1].actions + ("remove the lists",))
        if not check:
            kernel.forget()
    return outcomes


def _check_unused(kernel: Kernel, names: t.Sequence[str]) -> None:
    """Refuse to take the lists from under a filter that is to stay."""
    others = [name for name in kernel.interfaces() if name not in names]
    using = [name for name in others if (program := kernel.attached(kernel.interface(name).ifindex)) and program.ours]
    if using:
        raise FastpathError(
            "keep_lists: false", "%s would still carry our filter, which needs them" % ", ".join(using), "Name it too"
        )


def _check_stealth(kernel: Kernel, wanted: Wanted) -> None:
    if wanted.settings.stealth and not wanted.allow_empty_allowlist and not has_allowed(kernel):
        raise FastpathError(
            "stealth: %s" % ", ".join(wanted.settings.stealth),
            "the allowlist is empty, so these requests would be dropped from everybody, monitoring and trunks included",
            "Fill it with vos.fastpath.xdp_allowlist first, or set allow_empty_allowlist=true if this is meant",
        )


@contextlib.contextmanager
def _candidate(kernel: Kernel, live: Live, wanted: Wanted) -> t.Iterator[Candidate]:
    """Load what is wanted on the maps that the host and this interface have already."""
    with contextlib.ExitStack() as stack:
        reuse = {}
        for name in MAPS:
            opened = _existing(kernel, live, name)
            if opened is not None:
                reuse[name] = stack.enter_context(opened).fd
        with kernel.load(wanted.object_path, wanted.config, reuse) as candidate:
            yield candidate


def _existing(kernel: Kernel, live: Live, name: str) -> t.Optional[Map]:
    if name in {shape.name for shape in HOST_MAPS}:
        return kernel.host_map(name)
    program = live.program
    if program is not None and program.ours and name in program.maps:
        found: t.Optional[Map] = kernel.map_by_id(program.maps[name])
    else:
        found = kernel.interface_map(live.interface.ifindex, name)
    if found is not None and found.shape != MAPS[name]:
        with found:
            return None  # another version's: this one starts a new map
    return found


def shares_lists(kernel: Kernel, live: Live) -> bool:
    """Whether our program goes by the lists that are pinned; it does not if somebody removed the pins meanwhile."""
    program = live.program
    if program is None or not program.ours:
        return True
    for shape in HOST_MAPS:
        opened = kernel.host_map(shape.name)
        if opened is None:
            return False
        with opened:
            if opened.info.id != program.maps.get(shape.name):
                return False
    return True


def _apply(kernel: Kernel, live: Live, loaded: Candidate, steps: t.Tuple[str, ...], wanted: Wanted) -> Outcome:
    interface, refused, mode = live.interface, None, wanted.mode
    in_use = _goes_by_settings_of(kernel, live.program, loaded)
    if steps and not in_use:
        _write_settings(kernel, loaded, wanted.settings)  # before the first packet
    if "replace" in steps and live.program is not None:
        mode = live.program.mode
        with kernel.opened(live.program.prog_id) as expected:
            set_program(kernel, interface, mode, loaded.fd, expected)
    if "detach" in steps and live.program is not None:
        with kernel.opened(live.program.prog_id) as expected:
            set_program(kernel, interface, live.program.mode, NOTHING, expected)
    if "attach" in steps:
        mode, refused = attach_first(kernel, interface, loaded.fd, wanted.mode)
    if steps and in_use:
        _write_settings(kernel, loaded, wanted.settings)  # live: only when nothing can fail any more
    if steps and steps != ("configure",):
        for shape in INTERFACE_MAPS:
            kernel.pin_interface_map(interface.ifindex, shape.name, loaded.map_fds[shape.name])
        verify(kernel, interface, mode, loaded.prog_id)
    after = read_live(kernel, interface.name) if steps else live
    return Outcome(live, after.describe(), actions_of(live, mode, steps), refused)


def _goes_by_settings_of(kernel: Kernel, program: t.Optional[Program], loaded: Candidate) -> bool:
    with kernel.map_by_fd(loaded.map_fds["xdp_settings"]) as opened:
        return program is not None and program.maps.get("xdp_settings") == opened.info.id


def _write_settings(kernel: Kernel, loaded: Candidate, settings: Settings) -> None:
    with kernel.map_by_fd(loaded.map_fds["xdp_settings"]) as opened:
        opened.update(_FIRST, settings.pack())
