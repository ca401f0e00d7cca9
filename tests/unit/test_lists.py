# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of both lists: what is there, what is wanted, the difference, and how it gets into the kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, LIST_ENTRY, LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._entries import TABLES
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lists import HEAD, Changes, Heads
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.list_tasks import gate_of

A, B, NET, SIX = map(parse_prefix, ("192.0.2.1", "192.0.2.2", "198.51.100.0/24", "2001:db8::/32"))
NAMES = {"A": A, "B": B, "NET": NET, "SIX": SIX}
ALLOW, BLOCK = LISTS["allow"], LISTS["block"]
BOTH = ALLOW | BLOCK
NOTHING: Heads = {table: {} for table in TABLES}

Entry = tuple[int, int, int]
"""Lists, and the ticks at which the entry expires on either."""


def heads(entries: dict[Prefix, Entry]) -> Heads:
    """Return entries as they are in the tables."""
    found: Heads = {table: {} for table in TABLES}
    for prefix, (bits, allow, block) in entries.items():
        found[prefix.table][prefix.key] = HEAD.pack(bits, prefix.length, allow, block)
    return found


def listed(**lists: int | Entry) -> Heads:
    """Return entries by what a test calls them: A=ALLOW, or A=(ALLOW, 5, 0)."""
    return heads({NAMES[name]: bits if isinstance(bits, tuple) else (bits, 0, 0) for name, bits in lists.items()})


def wanted(*prefixes: Prefix, expires: int = 0) -> dict[str, dict[bytes, int]]:
    return {table: {prefix.key: expires for prefix in prefixes if prefix.table == table} for table in TABLES}


def keys(found: Heads) -> list[Prefix]:
    return [Prefix.from_key(table, key) for table, entries in found.items() for key in entries]


def fill(kernel: FakeKernel, entries: Heads) -> None:
    """Have exactly these entries there."""
    _lists.apply(kernel, NOTHING, Changes(entries, {}, {}))
    assert _lists.read(kernel) == entries
    kernel.writes.clear()


def after(current: Heads, changes: Changes) -> Heads:
    """What is there once the changes are made."""
    kernel = FakeKernel()
    fill(kernel, current)
    _lists.apply(kernel, current, changes)
    assert kernel.descriptors == {}
    return _lists.read(kernel)


@pytest.mark.parametrize(
    ("current", "asked", "state", "add", "remove"),
    [
        pytest.param(NOTHING, [A, NET], "present", [A, NET], [], id="present, nothing there"),
        pytest.param(listed(A=ALLOW), [B, A], "present", [B], [], id="present, one there"),
        pytest.param(listed(A=ALLOW), [], "present", [], [], id="present, nothing wanted"),
        pytest.param(listed(A=BLOCK), [A], "present", [A], [], id="present, on the other list"),
        pytest.param(listed(A=ALLOW, B=ALLOW), [A, NET], "absent", [], [A], id="absent"),
        pytest.param(listed(A=BLOCK), [A], "absent", [], [], id="absent, on the other list"),
        pytest.param(NOTHING, [A], "absent", [], [], id="absent, nothing there"),
        pytest.param(listed(B=ALLOW, A=ALLOW, NET=ALLOW), [NET, SIX], "exact", [SIX], [A, B], id="exact"),
        pytest.param(listed(A=ALLOW, B=BLOCK), [], "exact", [], [A], id="exact, nothing wanted"),
        pytest.param(listed(A=BOTH), [A], "exact", [], [], id="exact, as wanted"),
    ],
)
def test_the_plan(current: Heads, asked: list[Prefix], state: str, add: list[Prefix], remove: list[Prefix]) -> None:
    changes = _lists.plan(current, wanted(*asked), "allow", state)
    assert (keys(changes.add), sorted(keys(changes.remove))) == (add, remove)
    assert bool(changes) is bool(add or remove)


def test_what_comes_has_the_length_of_its_prefix_and_its_time() -> None:
    assert _lists.plan(NOTHING, wanted(A, NET, SIX), "allow", "present").add == listed(A=ALLOW, NET=ALLOW, SIX=ALLOW)
    assert _lists.plan(NOTHING, wanted(A, NET, expires=7), "allow", "present").add == listed(A=(ALLOW, 7, 0), NET=(ALLOW, 7, 0))
    assert _lists.plan(NOTHING, wanted(A, NET, expires=7), "block", "present").add == listed(A=(BLOCK, 0, 7), NET=(BLOCK, 0, 7))


def test_an_entry_can_be_on_both_lists() -> None:
    both = after(listed(A=ALLOW), _lists.plan(listed(A=ALLOW), wanted(A), "block", "present"))
    assert both == listed(A=BOTH)
    assert _lists.sizes(both) == {"allow": 1, "block": 1}
    assert _lists.listed(both, "allow") == _lists.listed(both, "block") == {**dict.fromkeys(TABLES, set()), "hosts_v4": {A.key}}
    assert after(both, _lists.plan(both, wanted(A), "allow", "absent")) == listed(A=BLOCK)


def test_an_entry_that_is_on_no_list_any_more_is_gone() -> None:
    there = listed(A=ALLOW, B=BLOCK)
    assert after(there, _lists.plan(there, wanted(A), "allow", "absent")) == listed(B=BLOCK)


@pytest.mark.parametrize("others", [0, 40], ids=["of all", "of few among many"])
@pytest.mark.parametrize(("name", "state"), [("allow", "present"), ("block", "absent")])
def test_what_the_program_counted_stays_with_the_entry(kernel: FakeKernel, name: str, state: str, others: int) -> None:
    there = listed(A=BLOCK if name == "allow" else BOTH)
    there["hosts_v4"].update((bytes([10, 0, 0, number]), HEAD.pack(BLOCK, 32, 0, 0)) for number in range(others))
    fill(kernel, there)
    changes = _lists.plan(there, wanted(A), name, state)
    with kernel.host_map("hosts_v4") as table:  # meanwhile packets come
        table.update(A.key, there["hosts_v4"][A.key] + LIST_ENTRY.pack(0, 0, 0, 0, 12, 99)[HEAD.size:])
    _lists.apply(kernel, there, changes)
    with kernel.host_map("hosts_v4") as table:
        lists, length, *_times, hits, last_seen = LIST_ENTRY.unpack(table.lookup(A.key))
    assert (lists, length, hits, last_seen) == (BOTH if name == "allow" else ALLOW, 32, 12, 99)


@pytest.mark.parametrize("others", [0, 40], ids=["of all", "of few among many"])
def test_an_entry_that_somebody_removed_meanwhile_is_made_anew(kernel: FakeKernel, others: int) -> None:
    there = listed(A=BLOCK)
    there["hosts_v4"].update((bytes([10, 0, 0, number]), HEAD.pack(BLOCK, 32, 0, 0)) for number in range(others))
    fill(kernel, there)
    changes = _lists.plan(there, wanted(A), "allow", "present")
    with kernel.host_map("hosts_v4") as table:
        table.delete(A.key)
    _lists.apply(kernel, there, changes)
    with kernel.host_map("hosts_v4") as table:
        assert table.lookup(A.key) == LIST_ENTRY.pack(BOTH, 32, 0, 0, 0, 0)


@pytest.mark.parametrize("name", ["allow", "block"])
def test_an_entry_that_is_made_again_has_not_expired(name: str) -> None:
    there = listed(A=(BOTH, 5, 5))
    gone = after(there, _lists.plan(there, wanted(A), name, "absent"))
    assert gone == listed(A=(BLOCK, 0, 5) if name == "allow" else (ALLOW, 5, 0))
    back = after(gone, _lists.plan(gone, wanted(A), name, "present"))
    assert back == listed(A=(BOTH, 0, 5) if name == "allow" else (BOTH, 5, 0))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(0, 1000, 1000, id="it gets one"),
        pytest.param(1000, 0, 0, id="it is for good from now on"),
        pytest.param(1000, 2000, 2000, id="later"),
        pytest.param(2000, 1000, 1000, id="earlier"),
        pytest.param(1000, 1010, 1000, id="about the same"),
        pytest.param(1010, 1000, 1010, id="about the same, the other way"),
        pytest.param(1000, 1011, 1011, id="just not the same"),
        pytest.param(5, 0, 0, id="never is not soon"),
        pytest.param(0, 5, 5, id="soon is not never"),
        pytest.param(1000, 1000, 1000, id="the same"),
    ],
)
@pytest.mark.parametrize("name", ["allow", "block"])
@pytest.mark.parametrize("state", ["present", "exact"])
def test_another_time_is_a_change_and_about_the_same_is_none(old: int, new: int, expected: int, name: str, state: str) -> None:
    def at(expires: int) -> Heads:
        return listed(A=(BOTH, expires, 77) if name == "allow" else (BOTH, 77, expires))

    changes = _lists.plan(at(old), wanted(A, expires=new), name, state, slack=10)
    assert bool(changes) is (expected != old)
    assert after(at(old), changes) == at(expected)


def test_what_is_on_the_other_list_only_has_no_time_here() -> None:
    there = listed(A=(BLOCK, 0, 5), B=ALLOW)
    assert keys(_lists.plan(there, wanted(B), "allow", "present").add) == []
    assert _lists.plan(there, wanted(A, expires=9), "allow", "present").add == listed(A=(BOTH, 9, 5))


def test_a_removal_asks_for_no_time() -> None:
    there = listed(A=(ALLOW, 5, 0))
    assert after(there, _lists.plan(there, wanted(A, expires=9), "allow", "absent")) == NOTHING


def test_the_gate_says_which_tables_have_entries() -> None:
    entries = listed(A=ALLOW, B=BOTH, NET=BLOCK, SIX=BLOCK)
    assert GATE.unpack(gate_of(entries)) == (2, 0, 1, 1, 2, 3)
    assert gate_of(NOTHING) == bytes(24)


def test_where_no_list_was_made_yet_there_is_nothing(kernel: FakeKernel) -> None:
    assert _lists.read(kernel) == NOTHING
    assert _lists.read_gate(kernel) is None
    assert not _lists.has_allowed(kernel, 10)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (listed(A=BLOCK), False),
        (listed(A=BLOCK, SIX=BOTH), True),
        (listed(A=(ALLOW, 10, 0)), False),
        (listed(A=(ALLOW, 11, 0)), True),
        (listed(A=(BOTH, 0, 10)), True),
        (NOTHING, False),
    ],
)
def test_whether_anybody_is_allowed(kernel: FakeKernel, entries: Heads, found: bool) -> None:
    fill(kernel, entries)
    assert _lists.has_allowed(kernel, 10) is found


def test_what_is_applied_is_there(kernel: FakeKernel) -> None:
    entries = listed(A=ALLOW, NET=BLOCK, SIX=BOTH)
    _lists.apply(kernel, NOTHING, Changes(entries, {}, {}))
    assert _lists.read(kernel) == entries
    assert _lists.read_gate(kernel) == gate_of(entries)
    with kernel.host_map("prefixes_v4") as table:
        assert table.lookup(NET.key) == LIST_ENTRY.pack(BLOCK, 24, 0, 0, 0, 0)
    assert _lists.has_allowed(kernel, 10)


def test_a_table_is_announced_before_its_first_entry_and_until_after_its_last(kernel: FakeKernel) -> None:
    def watched_writes() -> list[tuple[str, str]]:
        done = [(str(what[0]), str(what[1])) for what in kernel.writes if what[0] != "pin"]
        kernel.writes.clear()
        return done

    _lists.apply(kernel, NOTHING, _lists.plan(NOTHING, wanted(A), "allow", "present"))
    assert watched_writes() == [("update", "list_gate"), ("update", "hosts_v4"), ("update", "list_gate")]
    _lists.apply(kernel, listed(A=ALLOW), _lists.plan(listed(A=ALLOW), wanted(A), "allow", "absent"))
    waiting = ("wait", "programs")
    assert watched_writes() == [("update", "list_gate"), waiting, ("delete", "hosts_v4"), waiting, ("update", "list_gate")]


def test_the_gate_is_never_too_narrow_on_the_way(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kernel, listed(A=ALLOW))
    seen = []
    monkeypatch.setattr(kernel, "wrote", lambda what, table, key: seen.append((table, GATE.unpack(_lists.read_gate(kernel)))))
    _lists.apply(kernel, listed(A=ALLOW), _lists.plan(listed(A=ALLOW), wanted(NET), "allow", "exact"))
    gates = {table: (gate[0], gate[2]) for table, gate in seen if table in TABLES}
    assert gates == {"prefixes_v4": (1, 1), "hosts_v4": (1, 1)}, "both tables are looked up until all is done"


@pytest.mark.parametrize("new", ["192.0.2.2", "192.0.2.0/24", "2001:db8::1"])
def test_additions_come_before_removals(kernel: FakeKernel, new: str) -> None:
    """192.0.2.1 is trusted as a host, and from now on by its network: at no moment is it not."""
    prefix = parse_prefix(new)
    fill(kernel, listed(A=ALLOW))
    _lists.apply(kernel, listed(A=ALLOW), _lists.plan(listed(A=ALLOW), wanted(prefix), "allow", "exact"))
    entries = [(what[0], what[2]) for what in kernel.writes if what[1] != "list_gate"]
    waiting = ("wait", None)
    assert entries == [("update", prefix.key), waiting, ("delete", A.key), waiting], "and no packet straddles them"


def test_what_stays_is_not_written(kernel: FakeKernel) -> None:
    there = listed(A=ALLOW, SIX=BLOCK)
    fill(kernel, there)
    _lists.apply(kernel, there, _lists.plan(there, wanted(A, B), "allow", "exact"))
    assert [what[2] for what in kernel.writes if what[1] != "list_gate"] == [B.key]


def test_what_stays_on_the_other_list_is_changed_in_its_place(kernel: FakeKernel) -> None:
    fill(kernel, listed(A=BOTH))
    _lists.apply(kernel, listed(A=BOTH), _lists.plan(listed(A=BOTH), wanted(), "block", "exact"))
    assert [(what[0], what[2]) for what in kernel.writes if what[1].startswith("hosts")] == [("update", A.key)]
    assert _lists.read(kernel) == listed(A=ALLOW)


def refuse(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, *calls: tuple[str, bytes, int]) -> None:
    """Have the kernel fail at these writes of these keys, each once."""
    left = list(calls)

    def wrote(what: str, _table: str, key: bytes) -> None:
        call = next((call for call in left if call[:2] == (what, key)), None)
        if call is not None:
            left.remove(call)
            raise OSError(call[2], os.strerror(call[2]))

    monkeypatch.setattr(kernel, "wrote", wrote)


PUT_BACK = "All was put back as it was. Make room (memory, other entries), or list fewer"


def test_a_kernel_without_memory_says_so_and_all_is_as_it_was(kernel: FakeKernel) -> None:
    fill(kernel, listed(A=BLOCK))
    kernel.memory = 1
    changes = _lists.plan(listed(A=BLOCK), wanted(A, B, SIX), "allow", "present")
    with pytest.raises(FastpathError) as error:
        _lists.apply(kernel, listed(A=BLOCK), changes)
    assert str(error.value) == "The lists: Cannot allocate memory (ENOMEM). " + PUT_BACK
    assert _lists.read(kernel) == listed(A=BLOCK)
    assert _lists.read_gate(kernel) == gate_of(listed(A=BLOCK))
    kernel.memory = None
    _lists.apply(kernel, listed(A=BLOCK), changes)
    assert _lists.read(kernel) == listed(A=BOTH, B=ALLOW, SIX=ALLOW)


@pytest.mark.parametrize("code", [errno.E2BIG, errno.ENOSPC])
def test_a_table_that_is_full_all_the_same_says_so(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    kernel.require_host_maps()
    refuse(kernel, monkeypatch, ("update", B.key, code))
    with pytest.raises(FastpathError) as error:
        _lists.apply(kernel, NOTHING, _lists.plan(NOTHING, wanted(A, B), "allow", "present"))
    assert str(error.value) == "The lists: a table is full. " + PUT_BACK
    assert _lists.read(kernel) == NOTHING


def test_what_went_comes_back_before_what_came_goes(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    there = listed(A=BOTH, B=BLOCK, NET=BLOCK)
    fill(kernel, there)
    refuse(kernel, monkeypatch, ("delete", NET.key, errno.EIO))
    with pytest.raises(FastpathError, match="All was put back"):
        _lists.apply(kernel, there, _lists.plan(there, wanted(SIX), "block", "exact"))
    assert _lists.read(kernel) == there
    assert _lists.read_gate(kernel) == gate_of(there)


def test_what_can_not_even_be_put_back_is_for_the_next_run(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.require_host_maps()
    refuse(kernel, monkeypatch, ("update", B.key, errno.ENOMEM), ("delete", A.key, errno.EIO))
    with pytest.raises(FastpathError) as error:
        _lists.apply(kernel, NOTHING, _lists.plan(NOTHING, wanted(A, B), "allow", "present"))
    assert str(error.value) == "The lists: Input/output error (EIO). Run the task again: it makes what is missing"
    monkeypatch.undo()
    there = _lists.read(kernel)
    assert there == listed(A=ALLOW)
    _lists.apply(kernel, there, _lists.plan(there, wanted(A, B), "allow", "present"))
    assert _lists.read(kernel) == listed(A=ALLOW, B=ALLOW)


class Many(dict[bytes, bytes]):
    """More hosts than a test wants to make: as many as it says of itself, none of them one that the test names."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def __len__(self) -> int:
        return self.count

    def values(self) -> Iterator[bytes]:
        return iter(())


MOST = 1 << 20


def test_lists_that_vanish_meanwhile_are_an_error() -> None:
    class Swept(FakeKernel):
        """Somebody removes every pin right after it is made."""

        def require_host_maps(self) -> list[str]:
            return []

    with pytest.raises(FastpathError) as error:
        _lists.apply(Swept(), {table: {} for table in _lists.TABLES}, _lists.Changes({}, {}, {}))
    assert str(error.value) == "list_gate: somebody unpinned it while the lists were being changed. Run the task again"


def test_more_than_a_table_holds_is_refused_beforehand(kernel: FakeKernel) -> None:
    changes = _lists.plan(NOTHING, wanted(A), "allow", "present")
    assert GATE.unpack(_lists.gates({**NOTHING, "hosts_v4": Many(MOST - 1)}, changes).after)[0] == MOST
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        _lists.apply(kernel, {**NOTHING, "hosts_v4": Many(MOST)}, changes)
    assert str(error.value) == (
        "1048577 entries for hosts_v4: the table holds 1048576. Aggregate hosts to prefixes, or list fewer. Nothing was changed"
    )
    assert kernel.state() == before


def test_what_goes_makes_no_room_for_what_comes_since_it_comes_first() -> None:
    full = Many(MOST - 1)
    full[A.key] = listed(A=ALLOW)["hosts_v4"][A.key]
    changes = Changes(add=listed(B=ALLOW), renew={}, remove={"hosts_v4": {A.key: HEAD.pack(0, 32, 0, 0)}})
    assert GATE.unpack(_lists.gates({**NOTHING, "hosts_v4": full}, changes).after)[0] == MOST - 1
    full.count += 1
    with pytest.raises(FastpathError) as error:
        _lists.gates({**NOTHING, "hosts_v4": full}, changes)
    assert str(error.value) == (
        "1048577 entries for hosts_v4: the table holds 1048576, and new entries come before 1 old ones go. "
        "Remove old ones with a task of its own, state=absent, before this one. Nothing was changed"
    )


TICKS = st.sampled_from([0, 0, 1, 5, 1000])
PREFIXES = st.one_of(
    st.sampled_from([A, B, NET, SIX]),
    st.builds(lambda a: Prefix("v4", bytes(a), 32), st.binary(min_size=4, max_size=4)),
    st.builds(lambda a: Prefix("v6", bytes(a), 128), st.binary(min_size=16, max_size=16)),
    st.builds(lambda a: Prefix("v4", bytes(a) + b"\0", 24), st.binary(min_size=3, max_size=3)),
)
ENTRIES = st.dictionaries(
    PREFIXES,
    st.one_of(
        st.tuples(st.just(ALLOW), TICKS, st.just(0)),
        st.tuples(st.just(BLOCK), st.just(0), TICKS),
        st.tuples(st.just(BOTH), TICKS, TICKS),
    ),
    max_size=12,
).map(heads)
WANTED = st.dictionaries(PREFIXES, TICKS, max_size=8).map(
    lambda found: {table: {prefix.key: tick for prefix, tick in found.items() if prefix.table == table} for table in TABLES}
)


@given(ENTRIES, WANTED, st.sampled_from(sorted(LISTS)), st.sampled_from(["present", "absent", "exact"]))
def test_from_any_lists_to_any_others(current: Heads, asked: dict[str, dict[bytes, int]], name: str, state: str) -> None:
    kernel = FakeKernel()
    fill(kernel, current)
    assert _lists.read_gate(kernel) == gate_of(current)
    changes = _lists.plan(current, asked, name, state)
    foretold = _lists.gates(current, changes).after
    _lists.apply(kernel, current, changes)
    done = _lists.read(kernel)
    assert _lists.read_gate(kernel) == gate_of(done) == foretold
    assert kernel.descriptors == {}
    assert not _lists.plan(done, asked, name, state), "once the plan is done there is nothing left to do"


@given(ENTRIES, WANTED, st.sampled_from(sorted(LISTS)), st.sampled_from(["present", "absent", "exact"]))
def test_afterwards_the_list_has_what_is_wanted_and_the_other_is_as_it_was(
    current: Heads, asked: dict[str, dict[bytes, int]], name: str, state: str
) -> None:
    def on(entries: Heads, which: str) -> dict[tuple[str, bytes], int]:
        """When what is on a list expires."""
        found = {}
        for table in entries:
            for key, head in entries[table].items():
                bits, _length, *times = HEAD.unpack(head)
                if bits & LISTS[which]:
                    found[table, key] = times[("allow", "block").index(which)]
        return found

    done = after(current, _lists.plan(current, asked, name, state))
    before = on(current, name)
    named = {(table, key): tick for table in asked for key, tick in asked[table].items()}
    expected = {"present": {**before, **named}, "absent": {key: before[key] for key in before.keys() - named.keys()}, "exact": named}
    assert on(done, name) == expected[state]
    other = "block" if name == "allow" else "allow"
    assert on(done, other) == on(current, other)
    assert all(HEAD.unpack(head)[1] == Prefix.from_key(table, key).length for table in done for key, head in done[table].items())
