# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_allowlist and xdp_blocklist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._attach import Wanted, attach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


def task(
    kernel: FakeKernel, name: str, entries: list[str], state: str = "present", check: bool = False, allow_empty: bool = False
) -> dict[str, Any]:
    return list_task(name, {"entries": entries, "state": state, "allow_empty": allow_empty}, check, kernel)


def texts(kernel: FakeKernel, name: str) -> list[str]:
    bit = _lists.LISTS[name]
    return [str(prefix) for prefix, entry in sorted(_lists.read(kernel).items()) if entry.lists & bit]


def test_entries_are_added(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.9")
    result = task(kernel, "allow", ["192.0.2.7", "2001:db8::/32", "192.0.2.7/32", "192.0.2.9"])
    assert result == {
        "changed": True,
        "actions": ["add 192.0.2.7", "add 2001:db8::/32"],
        "added": ["192.0.2.7", "2001:db8::/32"],
        "removed": [],
        "duplicates": 1,
        "size": 3,
        "diff": {"before": "192.0.2.9\n", "after": "192.0.2.7\n192.0.2.9\n2001:db8::/32\n"},
    }
    assert texts(kernel, "allow") == ["192.0.2.7", "192.0.2.9", "2001:db8::/32"]


def test_entries_are_removed(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7", "192.0.2.8")
    result = task(kernel, "block", ["192.0.2.7", "192.0.2.77"], "absent")
    assert (result["removed"], result["size"], result["changed"]) == (["192.0.2.7"], 1, True)
    assert texts(kernel, "block") == ["192.0.2.8"]


def test_a_list_is_made_equal(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7", "192.0.2.8")
    result = task(kernel, "allow", ["192.0.2.9", "192.0.2.8"], "exact")
    assert result["actions"] == ["add 192.0.2.9", "remove 192.0.2.7"]
    assert texts(kernel, "allow") == ["192.0.2.8", "192.0.2.9"]


def test_a_second_run_changes_nothing(kernel: FakeKernel) -> None:
    task(kernel, "allow", ["192.0.2.7"], "exact")
    kernel.writes.clear()
    result = task(kernel, "allow", ["192.0.2.7"], "exact")
    assert (result["changed"], result["actions"], kernel.writes) == (False, [], [])
    assert result["diff"]["before"] == result["diff"]["after"]


def test_nothing_to_do_on_a_clean_host_makes_nothing(kernel: FakeKernel) -> None:
    assert task(kernel, "block", [], "exact")["changed"] is False
    assert kernel.pins == {}


def test_the_two_lists_are_two(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    task(kernel, "block", ["192.0.2.7", "192.0.2.8"], "exact")
    assert (texts(kernel, "allow"), texts(kernel, "block")) == (["192.0.2.7"], ["192.0.2.7", "192.0.2.8"])
    task(kernel, "block", [], "exact")
    assert (texts(kernel, "allow"), texts(kernel, "block")) == (["192.0.2.7"], [])


@pytest.mark.parametrize("check", [True, False])
def test_one_bad_entry_and_nothing_is_changed(kernel: FakeKernel, check: bool) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "allow", ["192.0.2.7", "10.1.2.abc"], check=check)
    assert str(error.value) == (
        "Entry 2: 10.1.2.abc: it is neither an IPv4 nor an IPv6 address. "
        "Write an address or a prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32. Nothing was changed"
    )
    assert kernel.state() == before


def test_a_wrong_gate_is_mended(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    with kernel.host_map("list_gate") as gate:  # as if a task had been killed halfway
        gate.update(bytes(4), bytes(24))
    kernel.writes.clear()
    foretold = task(kernel, "allow", ["192.0.2.7"], check=True)
    assert kernel.writes == []
    result = task(kernel, "allow", ["192.0.2.7"])
    assert result == foretold
    assert (result["changed"], result["actions"]) == (True, ["correct the sizes that the program goes by"])
    assert _lists.read_gate(kernel) == _lists.gate_of(_lists.read(kernel))
    assert task(kernel, "allow", ["192.0.2.7"])["changed"] is False


def protect(kernel: FakeKernel, path: Path, stealth: tuple[str, ...]) -> None:
    chosen = Settings(stealth=stealth)
    attach(kernel, ["eth0"], Wanted(str(path), settings=chosen, allow_empty_allowlist=True), check=False)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("entries", "state"), [([], "exact"), (["192.0.2.7"], "absent")])
def test_the_last_trusted_source_is_not_taken_away_under_stealth(
    kernel: FakeKernel, filter_object: Path, entries: list[str], state: str, check: bool
) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("192.0.2.8")
    kernel.run_foreign("br0", "generic")
    protect(kernel, filter_object, ("OPTIONS", "INVITE"))
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "allow", entries, state, check)
    assert str(error.value) == (
        "entries: the allowlist would be empty, and eth0 drops INVITE, OPTIONS from everybody who is not on it. "
        "Keep an entry, or set allow_empty=true if this is meant. Nothing was changed"
    )
    assert kernel.state() == before
    assert task(kernel, "allow", entries, state, allow_empty=True)["size"] == 0


def test_it_may_be_taken_away_where_nothing_is_hidden(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.allow("192.0.2.7")
    protect(kernel, filter_object, ())
    assert task(kernel, "allow", [], "exact")["removed"] == ["192.0.2.7"]


def test_the_last_blocked_source_may_always_be_forgiven(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.block("192.0.2.7")
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "block", [], "exact")["removed"] == ["192.0.2.7"]


def test_an_allowlist_that_was_empty_before_may_stay_so(kernel: FakeKernel, filter_object: Path) -> None:
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "allow", [], "exact")["changed"] is False


SOURCES = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.0/24", "2001:db8::1", "2001:db8::/64"]), max_size=6)


@given(SOURCES, SOURCES, SOURCES, st.sampled_from(["allow", "block"]), st.sampled_from(["present", "absent", "exact"]))
def test_check_mode_foretells(allowed: list[str], blocked: list[str], entries: list[str], name: str, state: str) -> None:
    kernel = FakeKernel()
    if allowed:
        kernel.allow(*allowed)
    if blocked:
        kernel.block(*blocked)
    kernel.writes.clear()

    foretold = task(kernel, name, entries, state, check=True)
    assert kernel.writes == []
    done = task(kernel, name, entries, state)
    assert done == foretold
    assert done["size"] == len(texts(kernel, name))
    assert done["diff"]["after"] == "".join(text + "\n" for text in texts(kernel, name))
    kernel.writes.clear()
    assert task(kernel, name, entries, state)["changed"] is False
    assert kernel.writes == []
