# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring interfaces to the filter that is wanted: read, plan, apply the difference, read back."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, INTERFACE_MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._attachments import attachments
from ansible_collections.vos.fastpath.plugins.module_utils._capabilities import check_capabilities
from ansible_collections.vos.fastpath.plugins.module_utils._change import (
    Undo,
    all_or_nothing,
    attach_first,
    set_program,
    take_off,
    verify,
)
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import check_ours, words_of
from ansible_collections.vos.fastpath.plugins.module_utils._host_maps import host_maps_in_use
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface, NoInterface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._levels import left_out
from ansible_collections.vos.fastpath.plugins.module_utils._lists import has_allowed
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._migrate import Place, moved, places
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING
from ansible_collections.vos.fastpath.plugins.module_utils._pins import BPFFS, host_path, interface_path
from ansible_collections.vos.fastpath.plugins.module_utils._plan import (
    Live,
    Outcome,
    Wanted,
    actions_of,
    check_modes,
    plan_attach,
    read_live,
)
from ansible_collections.vos.fastpath.plugins.module_utils._preflight import check_way, foretold, notes_of
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
from ansible_collections.vos.fastpath.plugins.module_utils._stack import below

__all__ = ("attach", "detach", "shares_lists")

_FIRST = bytes(4)
_CHANGED = {"attach", "replace"}

Places = t.Mapping[str, Place]


class Ready(t.NamedTuple):
    """An interface, what would run there, on which maps, and the steps to it."""

    live: Live
    loaded: Candidate
    places: Places
    """Of this interface."""
    steps: t.Tuple[str, ...]


def attach(kernel: AttachingKernel, names: t.Sequence[str], wanted: Wanted, check: bool) -> t.List[Outcome]:
    """Attach to every interface, or in check mode say what would be done. Raises FastpathError before any change."""
    mounted = kernel.mounted()
    outcomes = _attach(kernel, names, wanted, check)
    if not mounted and any(outcome.actions for outcome in outcomes):
        mount = "mount the BPF filesystem at %s" % BPFFS
        outcomes[0] = outcomes[0]._replace(actions=(mount,) + outcomes[0].actions)
    return [each._replace(warnings=tuple(left_out(kernel, each.before.interface.name, names))) for each in outcomes]


def _attach(kernel: AttachingKernel, names: t.Sequence[str], wanted: Wanted, check: bool) -> t.List[Outcome]:
    if not check:
        _check_stealth(kernel, wanted)
    check_capabilities(kernel.missing_capabilities())
    lives = [read_live(kernel, name) for name in names]
    if check and not os.path.exists(wanted.object_path):  # an earlier task of the play would build it
        return [foretold(kernel, live, wanted, "", plan_attach(live, wanted, "")) for live in lives]
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(places(kernel, host_path(), HOST_MAPS, host_maps_in_use(kernel)))
        if any(place.old for place in host.values()):
            _check_unshared(kernel, names, "The lists are of another version", "would go on with the old ones")
        gone = _gone(kernel)
        all_ready = [stack.enter_context(_ready(kernel, live, wanted, host, gone)) for live in lives]
        check_way(kernel, [(each.live, each.steps) for each in all_ready], wanted)
        tidy = _host_actions(kernel, host)
        if check:
            outcomes = [foretold(kernel, each.live, wanted, each.loaded.tag, each.steps) for each in all_ready]
        else:
            _forget(kernel, gone)
            outcomes = _bring_about(kernel, host, all_ready, wanted, bool(tidy))
    outcomes = [outcome._replace(actions=outcome.actions + _carried(each)) for outcome, each in zip(outcomes, all_ready)]
    return _with_actions(outcomes, tidy + _gone_words(gone))


@contextlib.contextmanager
def _ready(kernel: AttachingKernel, live: Live, wanted: Wanted, host: Places, gone: t.Container[int]) -> t.Iterator[Ready]:
    """Load what is wanted on the maps that the host and this interface have already."""
    program, ifindex = live.program, live.interface.ifindex

    def find(name: str) -> t.Optional[Map]:
        if program is not None and program.ours and name in program.maps:
            return kernel.map_by_id(program.maps[name])
        return None if ifindex in gone else kernel.interface_map(ifindex, name)

    with places(kernel, interface_path(ifindex), INTERFACE_MAPS, find) as own:
        both = {**host, **own}
        with kernel.load(wanted.object_path, wanted.config, {name: place.map.fd for name, place in both.items()}) as loaded:
            stays = program is not None and all(program.maps.get(name) == place.map.info.id for name, place in both.items())
            pinned = kernel.pinned(ifindex) == _ids(own) and ifindex not in gone
            yield Ready(live, loaded, own, plan_attach(live, wanted, loaded.tag, stays, pinned))


def _bring_about(
    kernel: AttachingKernel, host: Places, all_ready: t.Sequence[Ready], wanted: Wanted, tidy: bool
) -> t.List[Outcome]:
    if not tidy and not any(each.steps for each in all_ready):
        return [_outcome(kernel, each, wanted.mode, None) for each in all_ready]
    every = [place for each in all_ready for place in each.places.values()]
    lives = [each.live for each in all_ready]
    with moved(kernel, [*host.values(), *every]), all_or_nothing(kernel, lives) as undo, _watched(kernel, undo, all_ready, wanted) as token:
        modes = [_apply(kernel, each, wanted) for each in all_ready]
        kernel.pin(None, _maps(host))
        for each in all_ready:
            if each.steps and each.steps != ("configure",):
                kernel.pin(each.live.interface.ifindex, _maps(each.places))
        return [_outcome(kernel, each, *mode)._replace(rollback=token) for each, mode in zip(all_ready, modes)]


def _watched(kernel: AttachingKernel, undo: Undo, all_ready: t.Sequence[Ready], wanted: Wanted) -> t.ContextManager[t.Optional[str]]:
    """Where the play's own connection comes in by what is about to change, have the change undone unless somebody confirms it."""
    way = kernel.way_to(wanted.controller, wanted.reached_at) if wanted.rollback_after and wanted.controller else None
    if way is None:
        return contextlib.nullcontext()
    changing = {each.live.interface.name for each in all_ready if _CHANGED & set(each.steps)}
    if not changing or changing.isdisjoint({way, *(each.name for each in below(kernel, way))}) and not _is_tunnel(kernel, way):
        return contextlib.nullcontext()
    stay = [each.live.program.prog_id for each in all_ready if each.live.program]
    return kernel.dead_man(wanted.rollback_after, undo, [*stay, *(each.loaded.prog_id for each in all_ready)])


def _is_tunnel(kernel: AttachingKernel, name: str) -> bool:
    """Whether packets leave here wrapped in others, which may go by any interface."""
    return not kernel.device(kernel.interface(name)).ethernet


def _apply(kernel: AttachingKernel, ready: Ready, wanted: Wanted) -> t.Tuple[str, t.Optional[str]]:
    """Change one interface. Returns the mode and, after a fall-back, why the driver refused native."""
    live, steps, interface, program = ready.live, ready.steps, ready.live.interface, ready.live.program
    settings, refused, mode = ready.places["xdp_settings"].map, None, wanted.mode
    in_use = program is not None and program.maps.get("xdp_settings") == settings.info.id
    if not in_use:
        settings.update(_FIRST, wanted.settings.pack())  # before the first packet
    if program is not None and "attach" not in steps:
        mode = program.mode
    if program is not None and {"detach", "replace"} & set(steps):
        with kernel.opened(program.prog_id) as expected:
            set_program(kernel, interface, program.mode, ready.loaded.fd if "replace" in steps else NOTHING, expected)
    if "attach" in steps:
        mode, refused = attach_first(kernel, interface, ready.loaded.fd, wanted.mode)
    if in_use and live.settings != wanted.settings:
        settings.update(_FIRST, wanted.settings.pack())  # live: only when the program is the new one
    if _CHANGED & set(steps):
        verify(kernel, interface, mode, ready.loaded.prog_id)
    return mode, refused


def _outcome(kernel: AttachingKernel, ready: Ready, mode: str, refused: t.Optional[str]) -> Outcome:
    after = read_live(kernel, ready.live.interface.name) if ready.steps else ready.live
    notes = notes_of(kernel, after.interface, after.program.mode) if after.program else ()
    return Outcome(ready.live, after.describe(), actions_of(ready.live, mode, ready.steps), refused, notes)


def _ids(some: Places) -> t.Dict[str, int]:
    return {name: place.map.info.id for name, place in some.items()}


def _maps(some: Places) -> t.Dict[str, Map]:
    return {name: place.map for name, place in some.items()}


def _host_actions(kernel: AttachingKernel, host: Places) -> t.Tuple[str, ...]:
    """Return what has to be done about lists that are there, in words."""
    carried = [name for name, place in host.items() if place.old]
    if carried:
        return ("carry the lists over to the maps of this version (%s)" % ", ".join(carried),)
    if any(place.found for place in host.values()) and kernel.pinned() != _ids(host):
        return ("pin the lists again",)
    return ()


def _carried(ready: Ready) -> t.Tuple[str, ...]:
    names = [name for name, place in ready.places.items() if place.old]
    if not names:
        return ()
    return ("carry what %s counted over to the maps of this version (%s)" % (ready.live.interface.name, ", ".join(names)),)


def _gone(kernel: AttachingKernel) -> t.List[int]:
    """Return the numbers of interfaces that are no more, but have pins; somebody else may have such a number now."""
    return [ifindex for ifindex in kernel.pinned_interfaces() if kernel.is_left_over(ifindex)]


def _forget(kernel: AttachingKernel, gone: t.Iterable[int]) -> None:
    for ifindex in gone:
        kernel.forget(ifindex)


def _gone_words(gone: t.Sequence[int]) -> t.Tuple[str, ...]:
    return tuple("unpin the maps of interface number %d, which is no more" % ifindex for ifindex in gone)


def _with_actions(outcomes: t.List[Outcome], actions: t.Tuple[str, ...]) -> t.List[Outcome]:
    """Return the outcomes; what was done about the host is said with the last one."""
    return outcomes[:-1] + [outcomes[-1]._replace(actions=outcomes[-1].actions + actions)]


def detach(
    kernel: AttachingKernel, names: t.Sequence[str], force: bool, keep_lists: bool, check: bool, known: t.Container[str] = ()
) -> t.List[Outcome]:
    """Take our program off every interface, or off none of them; another's only with C(force). Those that are C(known) may be no more."""
    if not keep_lists:
        _check_unshared(kernel, names, "keep_lists: false", "would still carry our filter, which needs them")
    lives, missing = _told_apart(kernel, names, known)
    for live in lives:
        check_modes(live)
        if force:
            check_ours(live.interface.name, live.program, force)
    with all_or_nothing(kernel, lives):
        outcomes, actions = _detach_all(kernel, lives, force, keep_lists, check)
    return _with_actions([*missing, *outcomes], actions)


def _told_apart(kernel: AttachingKernel, names: t.Sequence[str], known: t.Container[str]) -> t.Tuple[t.List[Live], t.List[Outcome]]:
    """Read what is there. What is not there has no filter; but while ours is where nobody named, a name not known is rather a wrong one."""
    lives, missing = [], []
    for name in names:
        try:
            lives.append(read_live(kernel, name))
        except NoInterface:
            if name not in known and any(program.ours and interface.name not in names for interface, program in attachments(kernel)):
                raise
            nothing = Live(Interface(name, 0, "virtual", 0, "notpresent"), None)
            missing.append(Outcome(nothing, nothing.describe(), (), warnings=("there is no such interface, and so no filter on it",)))
    return lives, missing


def _detach_all(
    kernel: AttachingKernel, lives: t.Sequence[Live], force: bool, keep_lists: bool, check: bool
) -> t.Tuple[t.List[Outcome], t.Tuple[str, ...]]:
    """Returns what was done to each, and about the host."""
    named = {live.interface.ifindex for live in lives}
    gone = [ifindex for ifindex in _gone(kernel) if ifindex not in named]
    actions: t.Tuple[str, ...] = ()
    if keep_lists and _lists_are_loose(kernel):
        actions = ("pin the lists again",)  # they would go with the last program
        if not check:
            kernel.require_host_maps()
    outcomes = [_detach(kernel, live, force, check) for live in lives]
    if not keep_lists and kernel.is_pinned():
        actions = ("remove the lists",)
        if not check:
            kernel.forget()
    if not check:
        _forget(kernel, gone)
    return outcomes, actions + _gone_words(gone)


def _detach(kernel: AttachingKernel, live: Live, force: bool, check: bool) -> Outcome:
    program, name = live.program, live.interface.name
    mine = program is not None and (program.ours or force)
    actions = ["detach %s from %s" % (words_of(program), name)] if program and mine else []
    if kernel.is_pinned(live.interface.ifindex):
        actions.append("unpin the maps of %s" % name)
    if actions and not check:
        take_off(kernel, live, mine)
    return Outcome(live, {"attached": False} if mine else live.describe(), tuple(actions))


def _lists_are_loose(kernel: AttachingKernel) -> bool:
    """Whether a program goes by lists that somebody unpinned."""
    with contextlib.ExitStack() as stack:
        found = {shape.name: kernel.host_map(shape.name) for shape in HOST_MAPS}
        ids = {name: stack.enter_context(opened).info.id for name, opened in found.items() if opened is not None}
        return ids != kernel.pinned()


def _check_unshared(kernel: AttachingKernel, names: t.Sequence[str], subject: str, reason: str) -> None:
    """Refuse to take the lists from under a filter that is to stay."""
    using = [interface.name for interface, program in attachments(kernel) if program.ours and interface.name not in names]
    if using:
        raise FastpathError(subject, "%s %s" % (", ".join(using), reason), "Name it too")


def _check_stealth(kernel: AttachingKernel, wanted: Wanted) -> None:
    if wanted.settings.stealth and not wanted.allow_empty_allowlist and not has_allowed(kernel, current_tick()):
        raise FastpathError(
            "stealth: %s" % ", ".join(wanted.settings.stealth),
            "the allowlist is empty (what has expired does not count), so these requests would be dropped from everybody, monitoring and trunks included",
            "Fill it with vos.fastpath.xdp_allowlist first, or set allow_empty_allowlist=true if this is meant",
        )


def shares_lists(kernel: AttachingKernel, live: Live) -> bool:
    """Whether our program goes by the lists that are pinned; it does not if somebody removed the pins meanwhile."""
    maps = live.program.maps if live.program is not None else {}
    pinned = kernel.pinned()
    return all(pinned.get(shape.name) == maps[shape.name] for shape in HOST_MAPS if shape.name in maps)
