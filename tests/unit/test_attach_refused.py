# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused, by us or by the kernel: in words, and with nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import BIG_MTU, NO_NATIVE, FakeKernel

AUDIT = Settings(audit=True)
HOUR = 3600 * ticks_per_second()


def test_native_by_name_does_not_fall_back(kernel: FakeKernel, wanted: Wanted) -> None:
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["br0"], wanted._replace(mode="native"), check=False)
    assert str(error.value) == (
        "br0: the kernel refused to change its XDP program (native): Underlying driver does not support XDP in native mode. "
        "Use mode=auto or mode=generic"
    )
    assert error.value.details == {"errno": 95}
    assert kernel.attached(3) is None
    assert not kernel.is_pinned()


def test_lists_that_were_there_outlive_a_refusal(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    with pytest.raises(FastpathError):
        attach(kernel, ["br0"], wanted._replace(mode="native"), check=False)
    assert kernel.is_pinned()


def test_where_nothing_could_be_attached_no_lists_are_left(kernel: FakeKernel, wanted: Wanted) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["br0"], wanted._replace(mode="native"), check=False)
    assert kernel.state() == before
    assert (kernel.pins, kernel.folders) == ({}, set())


NO_XDP = {"native": NO_NATIVE, "generic": (12, "Out of memory")}


@pytest.mark.parametrize("before", [None, Wanted("", mode="native"), Wanted("", mode="generic"), Wanted("", settings=AUDIT)])
@pytest.mark.parametrize("change", [{"config": Config((5080,))}, {"settings": Settings(malformed="all")}, {"mode": "native"}])
def test_all_interfaces_get_it_or_none_does(kernel: FakeKernel, wanted: Wanted, before: Wanted | None, change: dict[str, object]) -> None:
    kernel.allow("192.0.2.7")
    if before:
        attach(kernel, ["eth0"], wanted._replace(mode=before.mode, settings=before.settings), check=False)
    kernel.nics["br0"].refuses.update(NO_XDP)
    there = kernel.state()
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["eth0", "br0"], wanted._replace(**change), check=False)
    assert kernel.state() == there


def test_a_foreign_program_that_was_replaced_comes_back(kernel: FakeKernel, wanted: Wanted) -> None:
    foreign = kernel.run_foreign("eth0", "native")
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["eth0", "br0"], wanted._replace(mode="native", force=True), check=False)
    assert kernel.attached(2).prog_id == foreign


def test_what_somebody_else_attached_meanwhile_stays_there(kernel: FakeKernel, wanted: Wanted) -> None:
    def once_more() -> None:
        kernel.before_attach = lambda: kernel.run_foreign("eth0", "native")

    kernel.before_attach = once_more
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["eth0", "br0"], wanted._replace(mode="native"), check=False)
    assert kernel.attached(2).name == "other"


@pytest.mark.parametrize(
    ("mode", "refusal", "remedy"),
    [
        ("native", BIG_MTU, "Lower the MTU, or use mode=generic"),
        ("native", (22, "veth: can't set XDP, MTU too large"), "Lower the MTU, or use mode=generic"),
        ("native", NO_NATIVE, "Use mode=auto or mode=generic"),
        ("native", (1, "Operation not permitted"), "Run as root (CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON)"),
        ("native", (12, "Cannot allocate memory"), "See 'ip -details link show dev nic', then run the task again"),
        ("offload", (22, "Invalid argument"), "This NIC does not execute BPF, use mode=auto"),
    ],
)
def test_every_refusal_has_a_remedy(kernel: FakeKernel, wanted: Wanted, mode: str, refusal: tuple[int, str], remedy: str) -> None:
    kernel.add_nic("nic", 9, {mode: refusal})
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["nic"], wanted._replace(mode=mode), check=False)
    assert str(error.value) == f"nic: the kernel refused to change its XDP program ({mode}): {refusal[1]}. {remedy}"


def test_if_the_other_mode_is_refused_the_old_program_is_back(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["br0"], wanted, check=False)
    kernel.change("br0", features=("basic",))  # a claim is no promise
    before = kernel.state()
    with pytest.raises(FastpathError, match=r"br0: the kernel refused .* \(native\)"):
        attach(kernel, ["br0"], wanted._replace(mode="native", settings=AUDIT), check=False)
    assert kernel.state() == before


def test_who_attaches_between_our_reading_and_our_writing_is_not_pushed_off(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.before_attach = lambda: kernel.run_foreign("eth0", "native", "quick")
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0"], wanted, check=False)
    assert str(error.value) == (
        "eth0: the kernel refused to change its XDP program (native): Active program does not match expected. "
        "See 'ip -details link show dev eth0', then run the task again"
    )
    assert kernel.attached(2).name == "quick"


def test_who_attaches_after_us_is_noticed(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.after_attach = lambda: kernel.run_foreign("eth0", "generic", "late")
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0"], wanted, check=False)
    ours, late = (int(word) for word in str(error.value).split() if word.isdigit())
    assert str(error.value) == (
        f"eth0: the kernel accepted program {ours} (native), but program {late} (late, tag {'f0' * 8}, generic) is attached. "
        "See who else manages XDP on this interface"
    )


def test_who_detaches_us_is_noticed(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.after_attach = kernel.nics["eth0"].attached.clear
    with pytest.raises(FastpathError, match="but nothing is attached. See who else manages XDP"):
        attach(kernel, ["eth0"], wanted, check=False)


def test_stealth_with_nobody_trusted_takes_an_explicit_yes(kernel: FakeKernel, wanted: Wanted) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)
    assert str(error.value) == (
        "stealth: OPTIONS: the allowlist is empty (what has expired does not count), "
        "so these requests would be dropped from everybody, monitoring and trunks included. "
        "Fill it with vos.fastpath.xdp_allowlist first, or set allow_empty_allowlist=true if this is meant"
    )
    assert kernel.state() == before


@pytest.mark.parametrize("entry", ["192.0.2.7", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"])
def test_one_trusted_source_is_enough(kernel: FakeKernel, wanted: Wanted, entry: str) -> None:
    kernel.allow(entry)
    assert attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)[0].actions


def test_a_blocked_source_is_no_trusted_one(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.block("192.0.2.7")
    with pytest.raises(FastpathError, match="the allowlist is empty"):
        attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)


def test_a_source_whose_entry_has_expired_is_no_trusted_one(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7", until=current_tick())
    with pytest.raises(FastpathError, match="the allowlist is empty"):
        attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)
    kernel.allow("192.0.2.7", until=current_tick() + HOUR)
    assert attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)[0].actions


def test_without_stealth_nobody_needs_to_be_trusted(kernel: FakeKernel, wanted: Wanted) -> None:
    open_to_all = wanted._replace(allow_empty_allowlist=False, settings=Settings(stealth=()))
    assert attach(kernel, ["eth0"], open_to_all, check=False)[0].actions


def test_an_allowlist_that_an_earlier_task_of_the_play_would_make_is_no_error_in_check_mode(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=True)
    assert outcome.actions == ("attach to eth0 (native)",)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("names", [["nosuch"], ["eth0", "nosuch"]])
def test_an_interface_that_does_not_exist(kernel: FakeKernel, wanted: Wanted, names: list[str], check: bool) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        attach(kernel, names, wanted, check)
    assert str(error.value) == "nosuch: there is no such interface. This host has: br0, eth0, lo"
    assert kernel.state() == before


@pytest.mark.parametrize("check", [True, False])
def test_a_program_that_the_verifier_refuses_changes_nothing(
    kernel: FakeKernel, wanted: Wanted, filter_object: Path, check: bool
) -> None:
    filter_object.write_text("refused")
    before = kernel.state()
    with pytest.raises(FastpathError, match="refused to load it: Permission denied") as error:
        attach(kernel, ["eth0", "br0"], wanted, check)
    assert error.value.details == {"log": "R1 is bad"}
    assert kernel.state() == before


def test_an_object_that_is_not_there(kernel: FakeKernel, wanted: Wanted, filter_object: Path) -> None:
    filter_object.unlink()
    before = kernel.state()
    with pytest.raises(FastpathError, match=f"{filter_object}: No such file or directory"):
        attach(kernel, ["eth0"], wanted, check=False)
    assert kernel.state() == before


def test_a_program_without_a_name_is_called_so(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native", program="")
    with pytest.raises(FastpathError, match=r"eth0: program \d+ \(no name, tag f0f0"):
        attach(kernel, ["eth0"], wanted, check=False)


def test_a_program_of_our_name_with_other_maps_is_not_ours(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native", program=PROGRAM_NAME)
    with pytest.raises(FastpathError, match="it is not ours"):
        attach(kernel, ["eth0"], wanted, check=False)


def test_a_foreign_program_is_left_alone(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("br0", "generic")
    before = kernel.state()
    with pytest.raises(FastpathError, match="br0: program .* is not ours"):
        attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert kernel.state() == before, "not even the interface before it was touched"
