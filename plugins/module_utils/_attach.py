# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring interfaces to the filter that is wanted: read, plan, apply the difference, read back."""

from __future__ import annotations

import contextlib
import errno
import os
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    CONFIG,
    HOST_MAPS,
    INTERFACE_MAPS,
    MAPS,
    PROGRAM_NAME,
    SETTINGS,
)
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._lists import has_allowed
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, Refused
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

__all__ = ("Live", "Wanted", "attach", "detach", "plan_attach")

_FIRST = bytes(4)
_TAKEN = (errno.EBUSY, errno.EEXIST)  # somebody else was there first: no reason to try another mode


class Wanted(t.NamedTuple):
    """What an operator wants on interfaces."""

    object_path: str
    mode: str = "auto"
    config: Config = Config()
    settings: Settings = Settings()
    force: bool = False
    allow_empty_allowlist: bool = False


class Live(t.NamedTuple):
    """An interface and what is on it."""

    interface: Interface
    program: t.Optional[Program]
    config: t.Optional[Config] = None
    settings: t.Optional[Settings] = None

    def describe(self) -> t.Dict[str, t.Any]:
        """Return it as plain data, for results and diffs."""
        found: t.Dict[str, t.Any] = {"attached": self.program is not None}
        if self.program is not None:
            found.update(mode=self.program.mode, prog_id=self.program.prog_id, prog_name=self.program.name)
            found.update(tag=self.program.tag, ours=self.program.ours)
        if self.config is not None and self.settings is not None:
            found.update(self.config._asdict(), **self.settings._asdict())
        return found


class Outcome(t.NamedTuple):
    """One interface before and after, and what was done, in words."""

    before: Live
    after: t.Dict[str, t.Any]
    actions: t.Tuple[str, ...]
    native_refused: t.Optional[str] = None


def read_live(kernel: Kernel, name: str) -> Live:
    """Read what is on an interface. Raises FastpathError where there is no such interface."""
    interface = kernel.interface(name)
    program = kernel.attached(interface.ifindex)
    if program is None or not program.ours:
        return Live(interface, program)
    config, settings = kernel.read_first(program.maps[".rodata"]), kernel.read_first(program.maps["xdp_settings"])
    if (len(config), len(settings)) != (CONFIG.size, SETTINGS.size):
        return Live(interface, program)  # another version's: to be replaced, whatever it says
    return Live(interface, program, Config.unpack(config), Settings.unpack(settings))


def plan_attach(live: Live, wanted: Wanted, tag: str, shares_lists: bool = True) -> t.Tuple[str, ...]:
    """Return the steps to what is wanted: of V(detach), V(attach), V(replace), V(configure).

    C(tag) is that of the program to be, C(shares_lists) whether the one there goes by this host's lists. A live filter is
    replaced in place; only another mode, which the kernel can't change in place, takes it off for a moment, and only where
    that mode was asked for by name.
    """
    program = live.program
    if program is None:
        return ("attach",)
    if not program.ours and not wanted.force:
        raise _foreign(live.interface.name, program)
    if wanted.mode not in ("auto", program.mode):
        return ("detach", "attach")
    if not (program.ours and shares_lists) or (program.tag, live.config) != (tag, wanted.config):
        return ("replace",)
    return () if live.settings == wanted.settings else ("configure",)


def attach(kernel: Kernel, names: t.Sequence[str], wanted: Wanted, check: bool) -> t.List[Outcome]:
    """Attach to every interface, or in check mode say what would be done. Raises FastpathError before any change."""
    if not check:
        _check_stealth(kernel, wanted)
    lives = [read_live(kernel, name) for name in names]
    if check and not os.path.exists(wanted.object_path):  # an earlier task of the play would build it
        return [_predicted(live, wanted, "", plan_attach(live, wanted, "")) for live in lives]
    shared = [_shares_lists(kernel, live) for live in lives]
    with contextlib.ExitStack() as stack:
        candidates = [stack.enter_context(_candidate(kernel, live, wanted)) for live in lives]
        plans = [plan_attach(live, wanted, new.tag, same) for live, new, same in zip(lives, candidates, shared)]
        if check:
            return [_predicted(live, wanted, loaded.tag, steps) for live, loaded, steps in zip(lives, candidates, plans)]
        stack.enter_context(_all_or_nothing(kernel, lives))
        if any(plans) and kernel.require_host_maps():  # made only now, so that a bad object changes nothing: load on them
            candidates = [stack.enter_context(_candidate(kernel, live, wanted)) for live in lives]
        return [_apply(kernel, *each, wanted) for each in zip(lives, candidates, plans)]


@contextlib.contextmanager
def _all_or_nothing(kernel: Kernel, lives: t.Sequence[Live]) -> t.Iterator[None]:
    """Where one interface can't be brought to what is wanted, put all of them back as they were."""
    with contextlib.ExitStack() as stack:
        olds = [stack.enter_context(kernel.opened(live.program.prog_id)) if live.program else NOTHING for live in lives]
        pinned = [kernel.is_pinned(live.interface.ifindex) for live in lives]
        fresh = not kernel.is_pinned()
        try:
            yield
        except FastpathError:
            for live, old, keep in zip(lives, olds, pinned):
                _put_back(kernel, live, old)
                if not keep:
                    kernel.forget(live.interface.ifindex)
            if fresh:
                kernel.forget()
            raise


def _put_back(kernel: Kernel, live: Live, old: int) -> None:
    """Attach what was attached before; C(old) is its file descriptor. What somebody else attached meanwhile stays."""
    before, now, interface = live.program, kernel.attached(live.interface.ifindex), live.interface
    if now is not None and now.ours and (before is None or now.prog_id != before.prog_id):
        same_mode = before is not None and before.mode == now.mode
        with kernel.opened(now.prog_id) as new:
            _set(kernel, interface, now.mode, old if same_mode else NOTHING, new)
        now = now if same_mode else None
    if now is None and before is not None:
        _set(kernel, interface, before.mode, old, NOTHING)
    if before is not None and live.settings is not None:
        with kernel.map_by_id(before.maps["xdp_settings"]) as opened:
            opened.update(_FIRST, live.settings.pack())


def detach(kernel: Kernel, names: t.Sequence[str], force: bool, keep_lists: bool, check: bool) -> t.List[Outcome]:
    """Take our program off every interface; another's only with C(force)."""
    if not keep_lists:
        _check_unused(kernel, names)
    outcomes = []
    for name in names:
        live = read_live(kernel, name)
        program = live.program
        mine = program is not None and (program.ours or force)
        actions = ["detach %s from %s" % (_words(program), name)] if program and mine else []
        if kernel.is_pinned(live.interface.ifindex):
            actions.append("unpin the maps of %s" % name)
        if actions and not check:
            _take_off(kernel, live, mine)
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


def _shares_lists(kernel: Kernel, live: Live) -> bool:
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


def _predicted(live: Live, wanted: Wanted, tag: str, steps: t.Tuple[str, ...]) -> Outcome:
    after = live.describe()
    if steps and steps != ("configure",):
        after.pop("prog_id", None)  # the kernel has not numbered it yet
    if steps:
        mode = live.program.mode if live.program and "attach" not in steps else wanted.mode
        after.update(attached=True, mode=mode, prog_name=PROGRAM_NAME, tag=tag, ours=True, **wanted.config._asdict())
        after.update(wanted.settings._asdict())
    return Outcome(live, after, _actions(live, wanted.mode, steps))


def _apply(kernel: Kernel, live: Live, loaded: Candidate, steps: t.Tuple[str, ...], wanted: Wanted) -> Outcome:
    interface, refused, mode = live.interface, None, wanted.mode
    in_use = _goes_by_settings_of(kernel, live.program, loaded)
    if steps and not in_use:
        _write_settings(kernel, loaded, wanted.settings)  # before the first packet
    if "replace" in steps and live.program is not None:
        mode = live.program.mode
        with kernel.opened(live.program.prog_id) as expected:
            _set(kernel, interface, mode, loaded.fd, expected)
    if "detach" in steps and live.program is not None:
        with kernel.opened(live.program.prog_id) as expected:
            _set(kernel, interface, live.program.mode, NOTHING, expected)
    if "attach" in steps:
        mode, refused = _attach_first(kernel, interface, loaded.fd, wanted.mode)
    if steps and in_use:
        _write_settings(kernel, loaded, wanted.settings)  # live: only when nothing can fail any more
    if steps and steps != ("configure",):
        for shape in INTERFACE_MAPS:
            kernel.pin_interface_map(interface.ifindex, shape.name, loaded.map_fds[shape.name])
        _verify(kernel, interface, mode, loaded.prog_id)
    after = read_live(kernel, interface.name) if steps else live
    return Outcome(live, after.describe(), _actions(live, mode, steps), refused)


def _attach_first(kernel: Kernel, interface: Interface, fd: int, mode: str) -> t.Tuple[str, t.Optional[str]]:
    """Attach where nothing is. Returns the mode and, after a fall-back, why the driver refused native."""
    if mode != "auto":
        _set(kernel, interface, mode, fd, NOTHING)
        return mode, None
    try:
        kernel.attach(interface.ifindex, "native", fd, NOTHING)
        return "native", None
    except Refused as refused:
        if refused.code in _TAKEN:
            raise _not_attached(interface.name, "native", refused) from refused
        _set(kernel, interface, "generic", fd, NOTHING)
        return "generic", refused.words


def _set(kernel: Kernel, interface: Interface, mode: str, fd: int, expected: int) -> None:
    try:
        kernel.attach(interface.ifindex, mode, fd, expected)
    except Refused as refused:
        raise _not_attached(interface.name, mode, refused) from refused


def _take_off(kernel: Kernel, live: Live, attached: bool) -> None:
    program, interface = live.program, live.interface
    if program is not None and attached:
        with kernel.opened(program.prog_id) as expected:
            _set(kernel, interface, program.mode, NOTHING, expected)
        left = kernel.attached(interface.ifindex)
        if left is not None:
            reason = "after detaching, %s is still there" % _words(left)
            raise FastpathError(interface.name, reason, "Look at 'ip -details link show'")
    kernel.forget(interface.ifindex)


def _goes_by_settings_of(kernel: Kernel, program: t.Optional[Program], loaded: Candidate) -> bool:
    with kernel.map_by_fd(loaded.map_fds["xdp_settings"]) as opened:
        return program is not None and program.maps.get("xdp_settings") == opened.info.id


def _write_settings(kernel: Kernel, loaded: Candidate, settings: Settings) -> None:
    with kernel.map_by_fd(loaded.map_fds["xdp_settings"]) as opened:
        opened.update(_FIRST, settings.pack())


def _verify(kernel: Kernel, interface: Interface, mode: str, prog_id: int) -> None:
    found = kernel.attached(interface.ifindex)
    if found is None or (found.mode, found.prog_id) != (mode, prog_id):
        there = _words(found) if found else "nothing"
        reason = "the kernel accepted program %d (%s), but %s is attached" % (prog_id, mode, there)
        raise FastpathError(interface.name, reason, "See who else manages XDP on this interface")


def _actions(live: Live, mode: str, steps: t.Tuple[str, ...]) -> t.Tuple[str, ...]:
    name, program = live.interface.name, live.program
    words = {
        "attach": "attach to %s (%s)" % (name, mode),
        "configure": "change the settings of %s" % name,
    }
    if program is not None:
        words["detach"] = "detach %s from %s" % (_words(program), name)
        words["replace"] = "replace %s on %s in place" % (_words(program), name)
    return tuple(words[step] for step in steps)


def _words(program: Program) -> str:
    return "program %d (%s, tag %s, %s)" % (program.prog_id, program.name or "no name", program.tag, program.mode)


def _foreign(name: str, program: Program) -> FastpathError:
    flag = {"native": "xdpdrv", "generic": "xdpgeneric", "offload": "xdpoffload"}.get(program.mode, "xdp")
    return FastpathError(
        name,
        "%s is attached, and it is not ours" % _words(program),
        "Remove it (ip link set dev %s %s off), or set force=true to have it replaced" % (name, flag),
    )


def _not_attached(name: str, mode: str, refused: Refused) -> FastpathError:
    remedies = {
        errno.EOPNOTSUPP: "Use mode=auto or mode=generic",
        errno.ERANGE: "Lower the MTU, or use mode=generic",
        errno.EINVAL: "Lower the MTU, or use mode=generic",
        errno.EPERM: "Run as root (CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON)",
    }
    if mode == "offload":
        remedies[errno.EINVAL] = "This NIC does not execute BPF, use mode=auto"
    remedy = remedies.get(refused.code, "See 'ip -details link show dev %s', then run the task again" % name)
    reason = "the kernel refused to change its XDP program (%s): %s" % (mode, refused.words)
    return FastpathError(name, reason, remedy, errno=refused.code)
