# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking the filter off."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel, shown


def test_our_program_is_taken_off_and_the_lists_stay(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2)

    [outcome] = detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)

    assert outcome.actions == (
        f"detach program {old.prog_id} (sip_logic, tag {old.tag}, native) from eth0", "unpin the maps of eth0"
    )  # fmt: skip
    assert outcome.after == {"attached": False} == shown(kernel, "eth0")
    assert (kernel.is_pinned(2), kernel.is_pinned()) == (False, True)
    assert detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)[0].actions == ()


def test_the_lists_go_too_if_so_told(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    outcomes = detach(kernel, ["eth0", "br0"], force=False, keep_lists=False, check=False)
    assert outcomes[-1].actions[-1] == "remove the lists"
    assert "remove the lists" not in outcomes[0].actions
    assert (kernel.pins, kernel.tables, kernel.codes) == ({}, {}, {})
    assert detach(kernel, ["eth0", "br0"], force=False, keep_lists=False, check=False)[-1].actions == ()


@pytest.mark.parametrize("check", [True, False])
def test_the_lists_stay_while_another_interface_needs_them(kernel: FakeKernel, wanted: Wanted, check: bool) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        detach(kernel, ["eth0"], force=False, keep_lists=False, check=check)
    assert str(error.value) == "keep_lists: false: br0 would still carry our filter, which needs them. Name it too"
    assert kernel.state() == before


def test_the_programs_of_others_need_no_lists(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.run_foreign("br0", "generic")
    detach(kernel, ["eth0"], force=False, keep_lists=False, check=False)
    assert kernel.pins == {}
    assert kernel.attached(3).name == "other"


def test_a_foreign_program_stays_attached(kernel: FakeKernel) -> None:
    kernel.run_foreign("eth0", "native")
    before = kernel.state()
    [outcome] = detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)
    assert outcome.actions == ()
    assert outcome.after["prog_name"] == "other"
    assert kernel.state() == before


def test_pins_are_tidied_up_below_a_foreign_program(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.run_foreign("eth0", "native")
    [outcome] = detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)
    assert outcome.actions == ("unpin the maps of eth0",)
    assert kernel.attached(2).name == "other"
    assert not kernel.is_pinned(2)


def test_a_foreign_program_is_taken_off_if_so_told(kernel: FakeKernel) -> None:
    prog_id = kernel.run_foreign("eth0", "generic")
    [outcome] = detach(kernel, ["eth0"], force=True, keep_lists=True, check=False)
    assert outcome.actions == (f"detach program {prog_id} (other, tag {'f0' * 8}, generic) from eth0",)
    assert kernel.attached(2) is None


def test_an_interface_without_a_program_is_as_it_should_be(kernel: FakeKernel) -> None:
    before = kernel.state()
    [outcome] = detach(kernel, ["eth0"], force=True, keep_lists=False, check=False)
    assert (outcome.actions, outcome.after) == ((), {"attached": False})
    assert kernel.state() == before


def test_who_takes_our_place_while_we_leave_is_noticed(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.after_attach = lambda: kernel.run_foreign("eth0", "native", "late")
    with pytest.raises(FastpathError, match=r"eth0: after detaching, program \d+ \(late, .*\) is still there. Look at 'ip -details"):
        detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)


def refuse(*_arguments: object) -> None:
    raise FastpathError("/sys/fs/bpf", "Read-only file system (EROFS)", "Make it writable")


def test_where_pins_cannot_be_removed_the_filter_stays_on(kernel: FakeKernel, wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    before = kernel.state()
    monkeypatch.setattr(kernel, "forget", refuse)
    with pytest.raises(FastpathError, match="^/sys/fs/bpf: Read-only file system"):
        detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)
    assert kernel.state() == before


@pytest.mark.parametrize("keep_lists", [True, False])
def test_where_one_interface_refuses_the_others_are_filtered_as_before(kernel: FakeKernel, wanted: Wanted, keep_lists: bool) -> None:
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    before = kernel.attached(2), kernel.pins
    kernel.after_attach = lambda: kernel.run_foreign("br0", "generic", "quick")
    with pytest.raises(FastpathError, match="^br0: the kernel refused to change its XDP program"):
        detach(kernel, ["eth0", "br0"], force=False, keep_lists=keep_lists, check=False)
    assert (kernel.attached(2), kernel.pins) == before
    assert kernel.attached(3).name == "quick"


def test_what_is_attached_meanwhile_is_not_taken_off(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2).prog_id

    def swap() -> None:
        with kernel.opened(old):
            kernel.run_foreign("eth0", "native", "quick")

    kernel.before_attach = swap
    with pytest.raises(FastpathError, match="Active program does not match expected"):
        detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)
    assert kernel.attached(2).name == "quick"
    assert kernel.is_pinned(2)


@pytest.mark.parametrize("check", [True, False])
def test_an_interface_that_is_no_more_keeps_nobody_from_removing_the_filter(kernel: FakeKernel, wanted: Wanted, check: bool) -> None:
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    del kernel.nics["br0"]
    gone, there = detach(kernel, ["br0", "eth0"], force=False, keep_lists=False, check=check)
    assert (gone.actions, gone.after, gone.warnings) == ((), {"attached": False}, ("there is no such interface, and so no filter on it",))
    assert there.actions[0].startswith("detach program ")
    assert there.actions[-2:] == ("remove the lists", "unpin the maps of interface number 3, which is no more")
    if not check:
        assert (kernel.pins, kernel.attached(2)) == ({}, None)


def test_where_all_are_gone_the_lists_and_pins_go_too(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    attach(kernel, ["eth0"], wanted, check=False)
    del kernel.nics["eth0"]
    [outcome] = detach(kernel, ["eth0"], force=False, keep_lists=False, check=False)
    assert outcome.actions == ("remove the lists", "unpin the maps of interface number 2, which is no more")
    assert kernel.pins == {}
    assert detach(kernel, ["eth0"], force=False, keep_lists=False, check=False)[0].actions == ()


def test_a_wrong_name_is_refused_while_ours_is_on_another(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    before = kernel.state()
    with pytest.raises(FastpathError, match="^eht0: there is no such interface. This host has: br0, eth0, lo$"):
        detach(kernel, ["eht0"], force=False, keep_lists=True, check=False)
    assert kernel.state() == before
