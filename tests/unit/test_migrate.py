# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying maps over to the shapes of this version."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    HOST_MAPS,
    INTERFACE_MAPS,
    LIST_ENTRY,
    MAPS,
    RATE_BUCKET,
    TOP_SOURCE,
)
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel
from ansible_collections.vos.fastpath.tests.unit.fake_maps import CPUS

FIRST = bytes(4)
OLDER = {
    "hosts_v4": {"max_entries": 1 << 10},
    "hosts_v6": {"max_entries": 1 << 10},
    "prefixes_v4": {"max_entries": 1 << 10},
    "prefixes_v6": {"max_entries": 1 << 10},
    "list_gate": {"value_size": 16},
    "xdp_counters": {"max_entries": 4},
    "xdp_stats": {"value_size": 1024},
    "xdp_settings": {"value_size": 16},
    "rate_sources": {"max_entries": 1 << 10},
    "rate_churn": {"value_size": 8},
    "top_sources": {"max_entries": 8},
}
"""What each map can have been like in an older version."""


def numbers(*values: int) -> bytes:
    return struct.pack("=%dQ" % len(values), *values)


def count(kernel: FakeKernel, map_id: int, key: bytes, *values: int) -> None:
    """Have this counted, by CPU."""
    kernel.tables[map_id].values[key] = numbers(*values)


def counted(kernel: FakeKernel, ifindex: int, name: str, key: bytes) -> tuple[int, ...]:
    """What the program counted there."""
    value = kernel.tables[kernel.attached(ifindex).maps[name]].values[key]
    return struct.unpack("=%dQ" % (len(value) // 8), value)


def outdate(kernel: FakeKernel, ifindex: int, *names: str) -> dict[str, int]:
    """Have an older version on the interface. Returns the ids of its maps."""
    maps = kernel.attached(ifindex).maps
    for name in names:
        kernel.outdate(maps[name], **OLDER[name])
    return maps


def test_a_program_by_our_name_without_a_configuration_is_replaced(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    del kernel.codes[kernel.attached(2).prog_id].maps[".rodata"]
    [outcome] = attach(kernel, ["eth0"], wanted, check=False)
    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace"]
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ()


@pytest.mark.parametrize("name", OLDER)
def test_each_map_is_carried_over(kernel: FakeKernel, wanted: Wanted, name: str) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = dict(outdate(kernel, 2, name))

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    new = kernel.attached(2).maps
    assert {each for each in MAPS if new[each] != old[each]} == {name}
    assert kernel.tables[new[name]].shape == MAPS[name]
    assert kernel.pinned() | kernel.pinned(2) == {each: new[each] for each in MAPS}
    assert old[name] not in kernel.tables, "nothing holds the old one"
    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace", "carry"]
    assert f"({name})" in outcome.actions[1]
    kernel.writes.clear()
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ()
    assert kernel.writes == []


def test_check_mode_foretells_it_and_leaves_nothing(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    outdate(kernel, 2, *OLDER)
    kernel.writes.clear()
    before = kernel.state()

    foretold = attach(kernel, ["eth0"], wanted, check=True)

    assert (kernel.writes, kernel.state()) == ([], before)
    assert foretold[0].actions == attach(kernel, ["eth0"], wanted, check=False)[0].actions


def test_lists_keep_their_entries_and_these_their_hits(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("2001:db8::/32")
    attach(kernel, ["eth0"], wanted, check=False)
    hosts, prefixes = kernel.tables[kernel.pins["hosts_v4"]], kernel.tables[kernel.pins["prefixes_v6"]]
    [host] = hosts.values
    hosts.values[host] = LIST_ENTRY.pack(1, 32, 0, 0, 5, 99)
    before = dict(prefixes.values)
    outdate(kernel, 2, "hosts_v4", "prefixes_v6", "list_gate")

    attach(kernel, ["eth0"], wanted, check=False)

    assert kernel.tables[kernel.pins["hosts_v4"]].values == {host: LIST_ENTRY.pack(1, 32, 0, 0, 5, 99)}
    assert kernel.tables[kernel.pins["prefixes_v6"]].values == before
    assert kernel.tables[kernel.pins["list_gate"]].values == {FIRST: struct.pack("=6I", 1, 0, 0, 1, 0, 0)}, "shorter: the rest is 0"


def test_counts_stay_with_their_cpus_and_longer_values_have_zeros_behind(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = outdate(kernel, 2, "xdp_counters", "xdp_stats")
    count(kernel, old["xdp_counters"], FIRST, 3, 4)
    count(kernel, old["xdp_stats"], FIRST, *range(128), *range(500, 628))

    attach(kernel, ["eth0"], wanted, check=False)

    assert counted(kernel, 2, "xdp_counters", FIRST) == (3, 4)
    each = MAPS["xdp_stats"].value_size // 8
    rest = (0,) * (each - 128)
    assert counted(kernel, 2, "xdp_stats", FIRST) == (*range(128), *rest, *range(500, 628), *rest)
    assert CPUS == 2


def test_what_is_counted_meanwhile_is_not_lost(kernel: FakeKernel, wanted: Wanted) -> None:
    """Between the copy and the swap the old program counts on, and after it the new one counts already."""
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    old = outdate(kernel, 2, "xdp_counters", "hosts_v4", "top_sources")
    [host] = kernel.tables[old["hosts_v4"]].values
    count(kernel, old["xdp_counters"], FIRST, 3, 4)

    def packets_before_the_swap() -> None:
        count(kernel, old["xdp_counters"], FIRST, 3, 14)
        kernel.tables[old["hosts_v4"]].values[host] = LIST_ENTRY.pack(2, 32, 0, 0, 9, 0)

    def packets_after_the_swap() -> None:
        new = kernel.attached(2).maps
        count(kernel, new["xdp_counters"], FIRST, 103, 4)
        kernel.tables[new["hosts_v4"]].values[host] = LIST_ENTRY.pack(2, 32, 0, 0, 1, 77)

    kernel.before_attach, kernel.after_attach = packets_before_the_swap, packets_after_the_swap
    attach(kernel, ["eth0"], wanted, check=False)

    assert sum(counted(kernel, 2, "xdp_counters", FIRST)) == 3 + 14 + 100
    assert kernel.tables[kernel.pins["hosts_v4"]].values[host] == LIST_ENTRY.pack(2, 32, 0, 0, 10, 77)


def test_where_the_new_one_has_to_go_again_the_old_maps_have_what_it_counted(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    attach(kernel, ["br0"], wanted, check=False)
    old = outdate(kernel, 2, "xdp_counters", "xdp_stats")
    kernel.outdate(kernel.attached(3).maps["xdp_counters"], max_entries=4)
    count(kernel, old["xdp_counters"], FIRST, 3, 4)
    pins = dict(kernel.pins)

    def packets() -> None:
        count(kernel, kernel.attached(2).maps["xdp_counters"], FIRST, 3, 34)
        kernel.nics["br0"].refuses["generic"] = NO_NATIVE

    kernel.after_attach = packets
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["eth0", "br0"], wanted, check=False)

    assert (kernel.attached(2).maps, kernel.pins) == (old, pins)
    assert sum(counted(kernel, 2, "xdp_counters", FIRST)) == 37
    assert kernel.tables[old["xdp_counters"]].shape.max_entries == 4


def test_tokens_and_top_sources_are_carried_over(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = outdate(kernel, 2, "rate_sources", "top_sources")
    source, bucket = bytes([192, 0, 2, 7]).ljust(12, b"\0"), RATE_BUCKET.pack(7, 8)
    top = TOP_SOURCE.pack(bytes(16), 5, 6, 7, 0) * CPUS
    kernel.tables[old["rate_sources"]].values[source] = bucket
    kernel.tables[old["top_sources"]].values[FIRST] = top

    attach(kernel, ["eth0"], wanted, check=False)

    new = kernel.attached(2).maps
    assert kernel.tables[new["rate_sources"]].values == {source: bucket}
    assert kernel.tables[new["top_sources"]].values[FIRST] == top


def test_settings_are_those_of_the_task(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted._replace(settings=Settings(audit=True)), check=False)
    outdate(kernel, 2, "xdp_settings")
    attach(kernel, ["eth0"], wanted, check=False)
    assert kernel.tables[kernel.attached(2).maps["xdp_settings"]].values == {FIRST: Settings().pack()}


def test_the_lists_of_an_older_version_are_carried_over_by_all_interfaces_at_once(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    outdate(kernel, 2, "hosts_v4")
    attach(kernel, ["br0", "eth0"], wanted, check=False)
    for ifindex in (2, 3):
        assert kernel.attached(ifindex).maps["hosts_v4"] == kernel.pins["hosts_v4"]


@pytest.mark.parametrize("check", [True, False])
def test_no_interface_is_left_behind_with_the_old_lists(kernel: FakeKernel, wanted: Wanted, check: bool) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    outdate(kernel, 2, "hosts_v4")
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["br0"], wanted, check)
    assert str(error.value) == "The lists are of another version: eth0 would go on with the old ones. Name it too"
    assert kernel.state() == before


def test_lists_without_a_program_are_carried_over_with_the_first(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    kernel.outdate(kernel.pins["hosts_v4"], max_entries=4)
    [outcome] = attach(kernel, ["eth0"], wanted, check=False)
    assert outcome.actions == ("attach to eth0 (native)", "carry the lists over to the maps of this version (hosts_v4)")
    assert len(kernel.tables[kernel.attached(2).maps["hosts_v4"]].values) == 1


def test_entries_come_and_go_in_tables_of_an_older_version(kernel: FakeKernel, wanted: Wanted) -> None:
    """A play fills the lists before it upgrades the filter."""
    attach(kernel, ["eth0"], wanted, check=False)
    outdate(kernel, 2, "hosts_v4", "list_gate")
    kernel.outdate(kernel.pins["hosts_v4"], value_size=32)
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)
    assert list(kernel.tables[kernel.pins["hosts_v4"]].values.values()) == [LIST_ENTRY.pack(1, 32, 0, 0, 0, 0)]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("name", [shape.name for shape in (*HOST_MAPS, *INTERFACE_MAPS)])
def test_what_a_later_version_made_is_refused_before_anything_happens(kernel: FakeKernel, wanted: Wanted, name: str, check: bool) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    table = kernel.tables[kernel.attached(2).maps[name]]
    table.shape = table.shape._replace(max_entries=table.shape.max_entries * 2)
    before = kernel.state()
    kernel.writes.clear()
    with pytest.raises(FastpathError, match=rf"/{name}: it was made by another version .+\. Remove the filter with state=absent"):
        attach(kernel, ["eth0"], wanted, check)
    assert (kernel.writes, kernel.state()) == ([], before)


class Killed(BaseException):
    """As SIGKILL is: nothing of ours runs afterwards."""


@pytest.mark.parametrize("moment", range(1, 40))
def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_mend(
    kernel: FakeKernel, wanted: Wanted, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    old = outdate(kernel, 2, *OLDER)
    count(kernel, old["xdp_counters"], FIRST, 3, 4)
    [entry] = kernel.tables[old["hosts_v4"]].values.items()
    kernel.writes.clear()

    def wrote(self: FakeKernel, *what: object) -> None:
        if len(self.writes) + 1 == moment:
            raise Killed
        self.writes.append(what)

    monkeypatch.setattr(FakeKernel, "wrote", wrote)
    try:
        attach(kernel, ["eth0", "br0"], wanted, check=False)
    except Killed:
        kernel.descriptors.clear()
        kernel.codes = {number: code for number, code in kernel.codes.items() if kernel.is_attached(number)}
    monkeypatch.undo()

    attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert [outcome.actions for outcome in attach(kernel, ["eth0", "br0"], wanted, check=False)] == [(), ()]
    for ifindex in (2, 3):
        assert kernel.pinned() | kernel.pinned(ifindex) == {name: kernel.attached(ifindex).maps[name] for name in MAPS}
    assert sum(counted(kernel, 2, "xdp_counters", FIRST)) == 7
    assert list(kernel.tables[kernel.pins["hosts_v4"]].values.items()) == [entry]
    assert len(kernel.tables) == len(HOST_MAPS) + 2 * (len(INTERFACE_MAPS) + 1), "none is orphaned"
