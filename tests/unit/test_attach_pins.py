# SPDX-License-Identifier: GPL-3.0-or-later

"""Pins that somebody removed, that are left over, or that can't be made."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, INTERFACE_MAPS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel

REMOVALS: dict[str, Callable[[str], bool]] = {
    "everything": lambda path: True,  # rm -r, or another BPF filesystem is mounted
    "lists": lambda path: "/" not in path,
    "one list": lambda path: path == "hosts_v4",
    "interface": lambda path: path.startswith("if2/"),
    "one map": lambda path: path == "if2/xdp_counters",
}


def remove(kernel: FakeKernel, which: Callable[[str], bool]) -> None:
    """Have somebody remove pins by hand."""
    kernel.pins = {path: number for path, number in kernel.pins.items() if not which(path)}
    kernel.folders = {""} | {path.partition("/")[0] for path in kernel.pins if "/" in path} if kernel.pins else set()


def all_right(kernel: FakeKernel, *ifindexes: int) -> bool:
    """Whether every program goes by what is pinned."""
    return all(
        kernel.pinned() | kernel.pinned(ifindex) == {name: kernel.attached(ifindex).maps[name] for name in MAPS} for ifindex in ifindexes
    )


@pytest.mark.parametrize(
    ("removed", "actions"),
    [
        ("everything", ("pin the maps of eth0 again", "pin the maps of br0 again", "pin the lists again")),
        ("lists", ("pin the lists again",)),
        ("one list", ("pin the lists again",)),
        ("interface", ("pin the maps of eth0 again",)),
        ("one map", ("pin the maps of eth0 again",)),
    ],
)
def test_pins_that_somebody_removed_are_back_with_all_that_was_in_the_maps(
    kernel: FakeKernel, wanted: Wanted, removed: str, actions: tuple[str, ...]
) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    before, programs = dict(kernel.pins), (kernel.attached(2), kernel.attached(3))
    remove(kernel, REMOVALS[removed])

    foretold = attach(kernel, ["eth0", "br0"], wanted, check=True)
    done = attach(kernel, ["eth0", "br0"], wanted, check=False)

    assert tuple(action for outcome in done for action in outcome.actions) == actions
    assert [outcome.actions for outcome in foretold] == [outcome.actions for outcome in done]
    assert [outcome.after for outcome in foretold] == [outcome.after for outcome in done]
    assert kernel.pins == before
    assert (kernel.attached(2), kernel.attached(3)) == programs, "no program was touched"
    assert [outcome.actions for outcome in attach(kernel, ["eth0", "br0"], wanted, check=False)] == [(), ()]


def test_settings_change_along_with_pins(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    remove(kernel, REMOVALS["everything"])
    [outcome] = attach(kernel, ["eth0"], wanted._replace(settings=Settings(audit=True)), check=False)
    assert outcome.actions == ("change the settings of eth0", "pin the maps of eth0 again", "pin the lists again")
    assert outcome.after["audit"] is True


def test_an_upgrade_pins_without_more_words(kernel: FakeKernel, wanted: Wanted, filter_object: Path) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    remove(kernel, REMOVALS["interface"])
    filter_object.write_text("version 2")
    [outcome] = attach(kernel, ["eth0"], wanted, check=False)
    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace"]
    assert all_right(kernel, 2)


def test_a_list_is_changed_where_the_programs_see_it_even_if_its_pins_were_removed(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    remove(kernel, REMOVALS["everything"])

    kernel.block("192.0.2.8")

    assert len(kernel.tables[kernel.attached(2).maps["hosts_v4"]].values) == 2
    assert kernel.pins["hosts_v4"] == kernel.attached(2).maps["hosts_v4"]


@pytest.fixture
def left_behind(kernel: FakeKernel, wanted: Wanted) -> Iterator[FakeKernel]:
    """Killed after the programs were moved to maps of this version, but before these were pinned."""
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    old = {name: kernel.pins[name] for name in ("hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6")}
    for number in old.values():
        kernel.outdate(number, max_entries=4)
    with contextlib.ExitStack() as stack:
        for number in old.values():
            stack.enter_context(kernel.map_by_id(number))
        attach(kernel, ["eth0"], wanted, check=False)
        kernel.pins.update(old)
    assert not all_right(kernel, 2)
    yield kernel


def test_a_list_is_changed_where_the_programs_see_it_even_if_its_pins_were_left_behind(left_behind: FakeKernel) -> None:
    left_behind.block("192.0.2.8")
    assert len(left_behind.tables[left_behind.attached(2).maps["hosts_v4"]].values) == 2
    assert all_right(left_behind, 2)


def test_pins_that_were_left_behind_follow_without_a_change_of_the_program(left_behind: FakeKernel, wanted: Wanted) -> None:
    program = left_behind.attached(2)
    [outcome] = attach(left_behind, ["eth0"], wanted, check=False)
    assert outcome.actions == ("pin the lists again",)
    assert (left_behind.attached(2), all_right(left_behind, 2)) == (program, True)


def test_an_interface_from_elsewhere_does_not_bring_its_lists(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    remove(kernel, REMOVALS["everything"])
    came, kernel.nics["eth0"].attached = kernel.nics["eth0"].attached, {}
    with kernel.opened(next(iter(came.values()))):
        kernel.block("192.0.2.7")  # before any filter is attached here
        before = dict(kernel.pins)
        kernel.nics["eth0"].attached = came
    kernel.block("192.0.2.8")
    assert kernel.pins == before
    assert len(kernel.tables[before["hosts_v4"]].values) == 2


def test_of_several_programs_the_one_that_shares_most_with_the_pins_has_the_lists(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = dict(kernel.pins)
    kernel.nics["eth0"].attached, kept = {}, kernel.nics["eth0"].attached
    held = kernel.opened(next(iter(kept.values())))
    with held:
        remove(kernel, REMOVALS["everything"])
        kernel._collect()
        attach(kernel, ["br0"], wanted, check=False)  # on lists of its own
        kernel.nics["eth0"].attached = kept
    remove(kernel, REMOVALS["one list"])
    with kernel.host_map("hosts_v4") as found:
        assert found.info.id == kernel.attached(3).maps["hosts_v4"] != old["hosts_v4"]
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert all_right(kernel, 2, 3)


def test_the_last_filter_does_not_take_loose_lists_with_it(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    remove(kernel, REMOVALS["everything"])

    foretold = detach(kernel, ["eth0"], force=False, keep_lists=True, check=True)
    assert kernel.pins == {}
    done = detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)

    assert foretold[0].actions == done[0].actions
    assert done[0].actions[-1] == "pin the lists again"
    assert len(kernel.tables[kernel.pins["hosts_v4"]].values) == 1


@pytest.mark.parametrize("state", ["present", "absent"])
def test_pins_of_an_interface_that_is_no_more_are_removed(kernel: FakeKernel, wanted: Wanted, state: str) -> None:
    def run(check: bool) -> tuple[str, ...]:
        if state == "present":
            return attach(kernel, ["br0"], wanted, check)[-1].actions
        return detach(kernel, ["br0"], force=False, keep_lists=True, check=check)[-1].actions

    attach(kernel, ["eth0", "br0"], wanted, check=False)
    del kernel.nics["eth0"]
    kernel._collect()
    before = kernel.state()

    foretold = run(check=True)
    assert kernel.state() == before
    assert foretold[-1] == "unpin the maps of interface number 2, which is no more"
    assert run(check=False) == foretold
    assert (kernel.is_pinned(2), kernel.is_pinned()) == (False, True)
    assert not any("no more" in action for action in run(check=False))


def test_an_interface_that_was_made_anew_starts_anew(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    counters = kernel.attached(2).maps["xdp_counters"]
    del kernel.nics["eth0"]
    kernel.add_nic("eth0", 9)

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert outcome.actions == ("attach to eth0 (native)", "unpin the maps of interface number 2, which is no more")
    assert kernel.attached(9).maps["xdp_counters"] != counters
    assert (kernel.pinned_interfaces(), all_right(kernel, 9)) == ([9], True)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_an_interface_that_got_the_number_of_another_one_does_not_get_its_maps(kernel: FakeKernel, wanted: Wanted, state: str) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    of_another = {kernel.pins[path] for path in kernel.pins if path.startswith("if2/")}
    del kernel.nics["eth0"]
    kernel.add_nic("eth1", 2)
    forgotten = "unpin the maps of interface number 2, which is no more"
    if state == "absent":
        assert detach(kernel, ["br0"], force=False, keep_lists=True, check=False)[-1].actions == (forgotten,)
        assert (kernel.is_pinned(2), kernel.is_pinned()) == (False, True)

    foretold = attach(kernel, ["eth1"], wanted, check=True)
    [outcome] = attach(kernel, ["eth1"], wanted, check=False)

    assert foretold[0].actions == outcome.actions == ("attach to eth1 (native)", forgotten)[: 2 - (state == "absent")]
    assert of_another.isdisjoint(kernel.attached(2).maps.values())
    assert all_right(kernel, 2)
    assert attach(kernel, ["eth1"], wanted, check=False)[0].actions == ()


def test_taking_off_what_got_the_number_of_another_one_unpins_once(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    del kernel.nics["eth0"]
    kernel.add_nic("eth1", 2)
    [outcome] = detach(kernel, ["eth1"], force=False, keep_lists=True, check=False)
    assert outcome.actions == ("unpin the maps of eth1",)
    assert not kernel.is_pinned(2)


CHANGES = {"first": {}, "upgrade": {"config": Config((5080,))}, "another mode": {"mode": "generic"}, "settings": {"settings": Settings(audit=True)}}


@pytest.mark.parametrize("change", CHANGES)
def test_what_can_not_be_pinned_is_not_attached(kernel: FakeKernel, wanted: Wanted, change: str) -> None:
    if change != "first":
        kernel.block("192.0.2.7")
        attach(kernel, ["eth0"], wanted, check=False)
        remove(kernel, REMOVALS["one map"])
    kernel.read_only = True
    before = kernel.state()
    with pytest.raises(FastpathError, match=r"Read-only file system \(EROFS\)"):
        attach(kernel, ["eth0"], wanted._replace(**CHANGES[change]), check=False)
    assert kernel.state() == before


@pytest.mark.parametrize("moment", range(1, 5))
def test_where_pinning_fails_halfway_the_old_pins_are_back(
    kernel: FakeKernel, wanted: Wanted, monkeypatch: pytest.MonkeyPatch, filter_object: Path, moment: int
) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.outdate(kernel.pins["hosts_v4"], max_entries=4)
    kernel.outdate(kernel.pins["if2/xdp_counters"], max_entries=4)
    kernel.outdate(kernel.pins["if2/top_sources"], max_entries=4)
    remove(kernel, REMOVALS["one map"])
    before = kernel.state()
    wrote, done = FakeKernel.wrote, []

    def failing(self: FakeKernel, *what: object) -> None:
        if what[0] == "pin":
            done.append(what)
            if len(done) == moment:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        wrote(self, *what)

    monkeypatch.setattr(FakeKernel, "wrote", failing)
    if moment < 4:  # so many pins there are to make
        with pytest.raises(OSError, match="Cannot allocate memory"):
            attach(kernel, ["eth0"], wanted, check=False)
        assert kernel.state() == before
    else:
        attach(kernel, ["eth0"], wanted, check=False)


def test_what_can_not_be_put_back_is_said_and_the_rest_is_put_back(
    kernel: FakeKernel, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.block("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    kernel.add_nic("eth1", 9, {"native": NO_NATIVE, "generic": (12, "Out of memory")})
    before = kernel.attached(3)

    def stubborn() -> None:
        kernel.after_attach = stubborn if kernel.attached(3) == before else None
        kernel.nics["eth0"].refuses["native"] = (28, "No space left on device")

    kernel.after_attach = stubborn
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0", "br0", "eth1"], wanted._replace(config=Config((5080,))), check=False)
    assert str(error.value).startswith("Half done: eth1: the kernel refused to change its XDP program (generic): Out of memory.")
    assert "What was there before could not be put back altogether. eth0: the kernel refused" in str(error.value)
    assert kernel.attached(3).prog_id == before.prog_id
    kernel.nics["eth0"].refuses.clear()
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert all_right(kernel, 2, 3)
    assert len(HOST_MAPS) + len(INTERFACE_MAPS) == len(MAPS)
