# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is on an interface, what is wanted there, and the steps from one to the other, in words too. Nothing here changes anything."""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import CONFIG, PROGRAM_NAME, SETTINGS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import check_ours, words_of
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

__all__ = ("Live", "Outcome", "Wanted", "actions_of", "check_modes", "plan_attach", "predicted", "read_live")


class Wanted(t.NamedTuple):
    """What an operator wants on interfaces."""

    object_path: str
    mode: str = "auto"
    config: Config = Config()
    settings: Settings = Settings()
    force: bool = False
    allow_empty_allowlist: bool = False
    controller: t.Optional[str] = None
    """The address that runs the play, if it is to be seen afterwards that it still gets through."""
    reached_at: t.Optional[str] = None
    """The address of this host that it talks to: there may be several uplinks, and a rule for each."""
    rollback_after: int = 0
    """Seconds until a change of the interface it gets through by is undone, unless it is confirmed. 0: it stays."""


class Live(t.NamedTuple):
    """An interface and what is on it."""

    interface: Interface
    program: t.Optional[Program]
    config: t.Optional[Config] = None
    settings: t.Optional[Settings] = None
    """V(none) also where somebody has written there what is no choice: then they are to be set."""

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
    notes: t.Tuple[str, ...] = ()
    """What an operator should know of it, beside what was done."""
    warnings: t.Tuple[str, ...] = ()
    """What he has to know of it."""
    rollback: t.Optional[str] = None
    """By which token the change is to be confirmed."""


def read_live(kernel: Kernel, name: str) -> Live:
    """Read what is on an interface. Raises FastpathError where there is no such interface."""
    interface = kernel.interface(name)
    program = kernel.attached(interface.ifindex)
    if program is None or not program.ours or ".rodata" not in program.maps:
        return Live(interface, program)
    config, settings = kernel.read_first(program.maps[".rodata"]), kernel.read_first(program.maps["xdp_settings"])
    if (len(config), len(settings)) != (CONFIG.size, SETTINGS.size):
        return Live(interface, program)  # another version's: to be replaced, whatever it says
    try:
        return Live(interface, program, Config.unpack(config), Settings.unpack(settings))
    except FastpathError:
        return Live(interface, program, Config.unpack(config))


def plan_attach(live: Live, wanted: Wanted, tag: str, stays: bool = True, pinned: bool = True) -> t.Tuple[str, ...]:
    """Return the steps to what is wanted: of V(detach), V(attach), V(replace), V(configure), V(pin).

    C(tag) is that of the program to be, C(stays) whether the one there goes by the maps that it is to go by, and C(pinned)
    whether these are where others look for them. A live filter is
    replaced in place; only another mode, which the kernel can't change in place, takes it off for a moment, and only where
    that mode was asked for by name.
    """
    program = live.program
    if program is None:
        return ("attach",)
    check_modes(live)
    check_ours(live.interface.name, program, wanted.force)
    if wanted.mode not in ("auto", program.mode):
        return ("detach", "attach")
    if not (program.ours and stays) or (program.tag, live.config) != (tag, wanted.config):
        return ("replace",)
    configure = () if live.settings == wanted.settings else ("configure",)
    return configure if pinned else (*configure, "pin")


def check_modes(live: Live) -> None:
    """Refuse where two programs are attached at once: it is not for us to say which of them is to go."""
    program = live.program
    if program is not None and program.mode == "multiple":
        reason = "two programs are attached at once, native and offloaded, %s among them" % words_of(program)
        remedy = "Take one of them off: ip link set dev %s xdpoffload off (or xdpdrv)" % live.interface.name
        raise FastpathError(live.interface.name, reason, remedy)


def predicted(live: Live, wanted: Wanted, tag: str, steps: t.Tuple[str, ...]) -> Outcome:
    after = live.describe()
    if {"attach", "replace"} & set(steps):
        after.pop("prog_id", None)  # the kernel has not numbered it yet
    if steps and steps != ("pin",):
        mode = live.program.mode if live.program and "attach" not in steps else wanted.mode
        after.update(attached=True, mode=mode, prog_name=PROGRAM_NAME, tag=tag, ours=True, **wanted.config._asdict())
        after.update(wanted.settings._asdict())
    return Outcome(live, after, actions_of(live, wanted.mode, steps))


def actions_of(live: Live, mode: str, steps: t.Tuple[str, ...]) -> t.Tuple[str, ...]:
    name, program = live.interface.name, live.program
    words = {
        "attach": "attach to %s (%s)" % (name, mode),
        "configure": "change the settings of %s" % name,
        "pin": "pin the maps of %s again" % name,
    }
    if program is not None:
        words["detach"] = "detach %s from %s, unfiltered until the next step" % (words_of(program), name)
        words["replace"] = "replace %s on %s in place" % (words_of(program), name)
    return tuple(words[step] for step in steps)
