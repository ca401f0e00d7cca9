# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of both lists: what is there, what is wanted, the difference, and how it gets into the kernel."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, LIST_ENTRY, LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lists import Changes, Entries, Entry
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix, parse_prefixes
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

A, B, NET, SIX = parse_prefixes(["192.0.2.1", "192.0.2.2", "198.51.100.0/24", "2001:db8::/32"])
ALLOW, BLOCK = LISTS["allow"], LISTS["block"]


def listed(**lists: int) -> Entries:
    """Return entries by what a test calls them: A=ALLOW."""
    names = {"A": A, "B": B, "NET": NET, "SIX": SIX}
    return {names[name]: Entry(bits, names[name].length) for name, bits in lists.items()}


@pytest.mark.parametrize(
    ("current", "wanted", "state", "add", "remove"),
    [
        pytest.param({}, [A, NET], "present", (A, NET), (), id="present, nothing there"),
        pytest.param(listed(A=ALLOW), [B, A], "present", (B,), (), id="present, one there"),
        pytest.param(listed(A=ALLOW), [], "present", (), (), id="present, nothing wanted"),
        pytest.param(listed(A=BLOCK), [A], "present", (A,), (), id="present, on the other list"),
        pytest.param(listed(A=ALLOW, B=ALLOW), [A, NET], "absent", (), (A,), id="absent"),
        pytest.param(listed(A=BLOCK), [A], "absent", (), (), id="absent, on the other list"),
        pytest.param({}, [A], "absent", (), (), id="absent, nothing there"),
        pytest.param(listed(B=ALLOW, A=ALLOW, NET=ALLOW), [NET, SIX], "exact", (SIX,), (A, B), id="exact"),
        pytest.param(listed(A=ALLOW, B=BLOCK), [], "exact", (), (A,), id="exact, nothing wanted"),
        pytest.param(listed(A=ALLOW | BLOCK), [A], "exact", (), (), id="exact, as wanted"),
    ],
)
def test_the_plan(current: Entries, wanted: list[Prefix], state: str, add: tuple[Prefix, ...], remove: tuple[Prefix, ...]) -> None:
    assert _lists.plan(current, wanted, "allow", state) == Changes(add, remove)


def test_an_entry_can_be_on_both_lists() -> None:
    both = _lists.after(listed(A=ALLOW), "block", Changes((A,), ()))
    assert both[A].lists == ALLOW | BLOCK
    assert _lists.after(both, "allow", Changes((), (A,)))[A].lists == BLOCK
    assert _lists.sizes(both) == {"allow": 1, "block": 1}


def test_an_entry_that_is_on_no_list_any_more_is_gone() -> None:
    assert _lists.after(listed(A=ALLOW, B=BLOCK), "allow", Changes((), (A,))) == listed(B=BLOCK)


def test_what_the_program_counted_stays_with_the_entry() -> None:
    there = {A: Entry(BLOCK, 32, 0, 0, hits=12, last_seen=99)}
    assert _lists.after(there, "allow", Changes((A,), ())) == {A: Entry(ALLOW | BLOCK, 32, 0, 0, hits=12, last_seen=99)}


@pytest.mark.parametrize(("name", "other"), [("allow", "block"), ("block", "allow")])
def test_an_entry_that_is_made_again_has_not_expired(name: str, other: str) -> None:
    there = {A: Entry(ALLOW | BLOCK, 32, allow_expires=5, block_expires=5)}
    gone = _lists.after(there, name, Changes((), (A,)))
    back = _lists.after(gone, name, Changes((A,), ()))[A]
    assert getattr(back, name + "_expires") == 0
    assert getattr(back, other + "_expires") == 5


def test_the_gate_says_which_tables_have_entries() -> None:
    entries = listed(A=ALLOW, B=ALLOW | BLOCK, NET=BLOCK, SIX=BLOCK)
    assert GATE.unpack(_lists.gate_of(entries)) == (2, 0, 1, 1, 2, 3)
    assert _lists.gate_of({}) == bytes(24)


def test_where_no_list_was_made_yet_there_is_nothing(kernel: FakeKernel) -> None:
    assert _lists.read(kernel) == {}
    assert _lists.read_gate(kernel) is None
    assert not _lists.has_allowed(kernel)


def test_what_is_applied_is_there(kernel: FakeKernel) -> None:
    wanted = listed(A=ALLOW, NET=BLOCK, SIX=ALLOW | BLOCK)
    _lists.apply(kernel, {}, wanted)
    assert _lists.read(kernel) == wanted
    assert _lists.read_gate(kernel) == _lists.gate_of(wanted)
    with kernel.host_map("prefixes_v4") as table:
        assert table.lookup(NET.key) == LIST_ENTRY.pack(BLOCK, 24, 0, 0, 0, 0)
    assert _lists.has_allowed(kernel)


def test_a_table_is_announced_before_its_first_entry_and_until_after_its_last(kernel: FakeKernel) -> None:
    def watched_writes() -> list[tuple[str, str]]:
        done = [(str(what[0]), str(what[1])) for what in kernel.writes if what[0] != "make"]
        kernel.writes.clear()
        return done

    _lists.apply(kernel, {}, listed(A=ALLOW))
    assert watched_writes() == [("update", "list_gate"), ("update", "hosts_v4"), ("update", "list_gate")]
    _lists.apply(kernel, listed(A=ALLOW), {})
    assert watched_writes() == [("update", "list_gate"), ("delete", "hosts_v4"), ("update", "list_gate")]


def test_the_gate_is_never_too_narrow_on_the_way(kernel: FakeKernel) -> None:
    _lists.apply(kernel, {}, listed(A=ALLOW))
    kernel.memory = 0
    with pytest.raises(FastpathError):
        _lists.apply(kernel, listed(A=ALLOW), listed(NET=ALLOW))
    gate = GATE.unpack(_lists.read_gate(kernel))
    assert (gate[0], gate[2]) == (1, 1), "both tables are looked up until all is done"


def test_additions_come_before_removals(kernel: FakeKernel) -> None:
    _lists.apply(kernel, {}, listed(A=ALLOW))
    kernel.writes.clear()
    _lists.apply(kernel, listed(A=ALLOW), listed(B=ALLOW))
    entries = [(what[0], what[2]) for what in kernel.writes if what[1] == "hosts_v4"]
    assert entries == [("update", B.key), ("delete", A.key)]


def test_additions_to_one_table_come_before_removals_from_another(kernel: FakeKernel) -> None:
    """192.0.2.1 is trusted as a host, and from now on by its network: at no moment is it not."""
    wide = parse_prefix("192.0.2.0/24")
    _lists.apply(kernel, {}, listed(A=ALLOW))
    kernel.writes.clear()
    _lists.apply(kernel, listed(A=ALLOW), {wide: Entry(ALLOW, 24)})
    entries = [(what[0], what[2]) for what in kernel.writes if what[1] != "list_gate"]
    assert entries == [("update", wide.key), ("delete", A.key)]


def test_what_stays_is_not_written(kernel: FakeKernel) -> None:
    _lists.apply(kernel, {}, listed(A=ALLOW, SIX=BLOCK))
    kernel.writes.clear()
    _lists.apply(kernel, listed(A=ALLOW, SIX=BLOCK), listed(A=ALLOW, SIX=BLOCK, B=ALLOW))
    assert [what[2] for what in kernel.writes if what[1] != "list_gate"] == [B.key]


def test_a_kernel_without_memory_says_so_and_how_to_go_on(kernel: FakeKernel) -> None:
    kernel.require_host_maps()
    kernel.memory = 1
    with pytest.raises(FastpathError) as error:
        _lists.apply(kernel, {}, listed(A=ALLOW, B=ALLOW))
    assert str(error.value) == "hosts_v4: Cannot allocate memory (ENOMEM). Run the task again: it makes what is missing"
    kernel.memory = None
    _lists.apply(kernel, _lists.read(kernel), listed(A=ALLOW, B=ALLOW))
    assert _lists.read(kernel) == listed(A=ALLOW, B=ALLOW)


def test_more_than_a_table_holds_is_refused_beforehand() -> None:
    class Full(dict):
        """More hosts than a test wants to make: as many as it says of itself."""

        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

        def __iter__(self):
            return itertools.repeat(SimpleNamespace(table="hosts_v4"), self.count)

    _lists._check_room(Full(1 << 20))
    with pytest.raises(FastpathError) as error:
        _lists._check_room(Full((1 << 20) + 1))
    assert str(error.value) == (
        "1048577 entries for hosts_v4: the table holds 1048576. Aggregate hosts to prefixes, or list fewer. Nothing was changed"
    )


PREFIXES = st.one_of(
    st.sampled_from([A, B, NET, SIX]),
    st.builds(lambda a: Prefix("v4", bytes(a), 32), st.binary(min_size=4, max_size=4)),
    st.builds(lambda a: Prefix("v6", bytes(a), 128), st.binary(min_size=16, max_size=16)),
    st.builds(lambda a: Prefix("v4", bytes(a) + b"\0", 24), st.binary(min_size=3, max_size=3)),
)
ENTRIES = st.dictionaries(PREFIXES, st.sampled_from([ALLOW, BLOCK, ALLOW | BLOCK]), max_size=12).map(
    lambda found: {prefix: Entry(bits, prefix.length) for prefix, bits in found.items()}
)


@given(ENTRIES, ENTRIES)
def test_from_any_lists_to_any_others(current: Entries, wanted: Entries) -> None:
    kernel = FakeKernel()
    _lists.apply(kernel, {}, current)
    assert _lists.read(kernel) == current
    _lists.apply(kernel, current, wanted)
    assert _lists.read(kernel) == wanted
    assert _lists.read_gate(kernel) == _lists.gate_of(wanted)
    assert kernel.descriptors == {}


@given(ENTRIES, st.lists(PREFIXES, unique=True, max_size=8), st.sampled_from(sorted(LISTS)), st.sampled_from(["present", "absent", "exact"]))
def test_once_the_plan_is_done_there_is_nothing_left_to_do(current: Entries, wanted: list[Prefix], name: str, state: str) -> None:
    done = _lists.after(current, name, _lists.plan(current, wanted, name, state))
    assert _lists.plan(done, wanted, name, state) == Changes((), ())

    def on(entries: Entries, bit: int) -> set[Prefix]:
        return {prefix for prefix, entry in entries.items() if entry.lists & bit}

    bit, other = LISTS[name], (ALLOW | BLOCK) & ~LISTS[name]
    before = on(current, bit)
    expected = {"present": before | set(wanted), "absent": before - set(wanted), "exact": set(wanted)}
    assert on(done, bit) == expected[state]
    assert on(done, other) == on(current, other), "the other list is as it was"
