# SPDX-License-Identifier: GPL-3.0-or-later

"""What is interrupted again and again: by turns two wishes, and what holds at any moment on the way from one to the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any, NamedTuple

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, HOST_MAPS, INTERFACE_MAPS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import read_live
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.faults import leftovers
from ansible_collections.vos.fastpath.tests.faults.host import BARE, BLOCKED, FILTERED, LISTED, NAME, TRUSTED, Host, listing
from ansible_collections.vos.fastpath.tests.faults.runs import Wish, run_forked

ENTRIES = 10_000


class State(NamedTuple):
    """What there is to see of the filter."""

    attached: Mapping[str, Any]
    """As the module describes it, but for the program's number."""
    heads: Mapping[str, Mapping[bytes, bytes]]
    """The lists."""
    gate: bytes | None
    counted: int


class Campaign:
    """Two wishes, the first one fulfilled."""

    turns: tuple[int, ...] = (1, 2)
    """There and back."""
    may_be_bare = False
    """Whether on the way there may be no filter at all."""
    arriving: tuple[set[str], set[str]] = (LISTED, LISTED)
    """Which packets arrive when the wish of an even or odd turn is fulfilled."""

    def __init__(self, name: str, host: Host, wishes: tuple[Wish, Wish], first: tuple[Wish, ...] = ()) -> None:
        self.name = name
        self.host = host
        self._wishes = wishes
        for wish in (*first, wishes[1], wishes[0]):
            done = run_forked(wish)
            assert "msg" not in done, done["msg"]
        self._states = (self.look(), self._after(wishes[1]))
        self._after(wishes[0])

    def prepare(self) -> None:
        """Make what no wish makes."""

    def wish(self, turn: int) -> Wish:
        """What is wanted in this turn; the turn before wanted the other."""
        return self._wishes[turn % 2]

    def look(self) -> State:
        """Look at the filter."""
        kernel = self.host.kernel
        live = read_live(kernel, NAME)
        described = {key: value for key, value in live.describe().items() if key != "prog_id"}
        counted = 0
        if live.program is not None:
            with kernel.map_by_id(live.program.maps["xdp_counters"]) as counters:
                counted = sum(int.from_bytes(value[i: i + 4], "little") for _key, value in counters.items() for i in range(0, len(value), 8))
        return State(described, _lists.read(kernel), _lists.read_gate(kernel), counted)

    def check(self, before: State, turn: int) -> None:
        """After a run that may have been killed: old or new; then it is done, and then there is nothing left to do."""
        self.check_halfway(self.look(), before)
        assert not leftovers.is_locked()
        for changed in (None, False):
            done = run_forked(self.wish(turn))
            assert "msg" not in done, done["msg"]
            assert changed is None or done["changed"] is changed, done
        now, expected = self.look(), self._states[turn % 2]
        assert now[:3] == expected[:3]
        self.check_leftovers(now)
        assert self.host.arriving() == self.arriving[turn % 2]

    def check_halfway(self, now: State, before: State) -> None:
        """Each part is as one of the two wishes has it."""
        described = [state.attached for state in self._states] + [{"attached": False}] * self.may_be_bare
        assert _program_of(now) in map(_program_of_description, described)
        for key in ("stealth", "malformed", "audit", "rate_limit", "rate_burst"):
            assert now.attached.get(key) in [each.get(key) for each in described]
        if before.attached["attached"] and now.attached["attached"]:
            assert now.counted >= before.counted
        arriving = self.host.arriving()
        assert arriving in (self.arriving if not self.may_be_bare else (*self.arriving, BARE))
        assert (arriving == BARE) is not now.attached["attached"]
        for table, heads in now.heads.items():
            assert set(heads.items()) <= {item for state in self._states for item in state.heads[table].items()}
        assert all(gate >= bool(heads) for gate, heads in zip(_gate(now), now.heads.values()))

    def check_leftovers(self, now: State) -> None:
        """Nothing is there but what is in use."""
        number = int(now.attached["attached"])
        assert leftovers.pins() == (leftovers.pins_of(self.host.ifindex) if number else set())
        assert leftovers.settles(leftovers.programs, number)
        assert leftovers.settles(leftovers.in_kernel, (number, number))
        assert not leftovers.is_locked()

    def _after(self, wish: Wish) -> State:
        run_forked(wish)
        return self.look()


class Lists(Campaign):
    """What is on the list in both wishes has to be there all the time."""

    def check_halfway(self, now: State, before: State) -> None:
        super().check_halfway(now, before)
        for table in TABLES:
            old, new = (state.heads[table].keys() for state in self._states)
            assert old & new <= now.heads[table].keys() <= old | new


class AttachAndRemoval(Campaign):
    """There is no filter, or there is one."""

    arriving = (FILTERED, BARE)


class Mode(Campaign):
    """The kernel can't change the mode in place: there is a gap, and so it happens on request only."""

    may_be_bare = True


class Migration(Campaign):
    """The filter of an older version is there, as its modules left it; the maps have other shapes by now."""

    turns = (1,)

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self.host = host
        self._wishes = (host.present(), host.present())
        self.prepare()
        self._states = (self.look(), self._after(self._wishes[1]))

    def prepare(self) -> None:
        """Take off what is there, and put the older one there, on its own maps."""
        kernel, config, settings = self.host.kernel, Config((5060, leftovers.MARK)), Settings(rate_burst=leftovers.MARK)
        run_forked(self.host.absent())
        with ExitStack() as stack, kernel.load(self.host.objects["older"], config, {}) as loaded:
            kernel.attach(self.host.ifindex, "native", loaded.fd, NOTHING)
            maps = {name: stack.enter_context(kernel.map_by_id(kernel.attached(self.host.ifindex).maps[name])) for name in MAPS}
            maps["xdp_settings"].update(bytes(4), settings.pack())
            kernel.pin(None, {shape.name: maps[shape.name] for shape in HOST_MAPS})
            kernel.pin(self.host.ifindex, {shape.name: maps[shape.name] for shape in INTERFACE_MAPS})
        for wish in (listing("allow", TRUSTED), listing("block", BLOCKED)):
            done = run_forked(wish)
            assert done["changed"], done
        assert self.host.arriving() == LISTED

    def check(self, before: State, turn: int) -> None:
        super().check(before, 1)


def entries(first: int) -> list[str]:
    """Hosts and prefixes of both families, so many; of two of these lists that are apart by less some are on both."""
    kinds = (
        lambda number: str(ip_address(0x0A000000 + number)),
        lambda number: f"{ip_address(0x0B000000 + 256 * number)}/24",
        lambda number: str(ip_address((0x20010DB8 << 96) + number)),
        lambda number: f"{ip_address((0x20010DB9 << 96) + (number << 64))}/64",
    )
    return [kinds[number % 4](number) for number in range(first, first + ENTRIES)]


def _lists_by_turns(host: Host) -> Campaign:
    wishes = listing("block", BLOCKED, *entries(0)), listing("block", BLOCKED, *entries(ENTRIES // 2))
    return Lists("lists", host, wishes, (host.present(), listing("allow", TRUSTED)))


def _first_and_last_entries(host: Host) -> Campaign:
    """Tables that have no entries are not looked up: they are announced before the first, and until after the last."""
    wishes = listing("block", BLOCKED), listing("block", BLOCKED, *entries(0))
    return Lists("first and last entries", host, wishes, (host.present(), listing("allow", TRUSTED)))


def _attach_and_removal(host: Host) -> Campaign:
    return AttachAndRemoval("attach and removal", host, (host.present(), host.absent()))


def _upgrade(host: Host) -> Campaign:
    wishes = host.present("one", malformed="all"), host.present("two", malformed="off", af_xdp=False)
    return Campaign("upgrade", host, wishes, (listing("allow", TRUSTED), listing("block", BLOCKED)))


def _mode(host: Host) -> Campaign:
    wishes = host.present(mode="native"), host.present(mode="generic")
    return Mode("mode", host, wishes, (listing("allow", TRUSTED), listing("block", BLOCKED)))


CAMPAIGNS: dict[str, Callable[[Host], Campaign]] = {
    "attach and removal": _attach_and_removal,
    "upgrade": _upgrade,
    "lists": _lists_by_turns,
    "first and last entries": _first_and_last_entries,
    "mode": _mode,
    "migration": functools.partial(Migration, "migration"),
}


def _program_of(state: State) -> tuple[Any, ...]:
    return _program_of_description(state.attached)


def _program_of_description(described: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(described.get(key) for key in ("attached", "tag", "mode", "ports", "af_xdp"))


def _gate(state: State) -> tuple[int, ...]:
    return GATE.unpack(state.gate) if state.gate is not None else (0,) * 6
