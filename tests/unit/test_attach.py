# SPDX-License-Identifier: GPL-3.0-or-later

"""Bringing interfaces to the filter that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._abi import INTERFACE_MAPS, MAPS, PROGRAM_NAME
from ansible_collections.vos.fastpath.plugins.module_utils._attach import Live, Wanted, attach, detach, plan_attach, read_live
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import BIG_MTU, NO_NATIVE, FakeKernel

ETH0 = Interface("eth0", 2, "virtio_net", 1500, "up")
TAG = "a" * 16


def live(mode: str = "native", tag: str = TAG, ours: bool = True) -> Live:
    program = Program(mode, 7, PROGRAM_NAME if ours else "other", tag, ours, {}, 1.0)
    return Live(ETH0, program, Config(), Settings()) if ours else Live(ETH0, program)


NOTHING_THERE = Live(ETH0, None)
AUDIT = Settings(audit=True)
PORTS = Config((5060, 5080))


@pytest.fixture
def wanted(filter_object: Path) -> Wanted:
    return Wanted(str(filter_object), allow_empty_allowlist=True)


def shown(kernel: FakeKernel, name: str) -> dict[str, object]:
    return read_live(kernel, name).describe()


@pytest.mark.parametrize(
    ("there", "wanted", "steps"),
    [
        pytest.param(NOTHING_THERE, Wanted(""), ("attach",), id="nothing"),
        pytest.param(NOTHING_THERE, Wanted("", "generic", force=True), ("attach",), id="nothing, forced"),
        pytest.param(live(), Wanted(""), (), id="as wanted"),
        pytest.param(live(), Wanted("", force=True), (), id="as wanted, forced"),
        pytest.param(live("native"), Wanted("", "native"), (), id="as wanted, in that mode"),
        pytest.param(live("generic"), Wanted("", "auto"), (), id="auto keeps the mode"),
        pytest.param(live("generic"), Wanted("", "native"), ("detach", "attach"), id="another mode"),
        pytest.param(live("native"), Wanted("", "generic"), ("detach", "attach"), id="another mode, the other way round"),
        pytest.param(live("native", tag="b" * 16), Wanted("", "generic", PORTS, AUDIT), ("detach", "attach"), id="everything else"),
        pytest.param(live(tag="b" * 16), Wanted(""), ("replace",), id="another version"),
        pytest.param(live(), Wanted("", config=PORTS), ("replace",), id="other ports"),
        pytest.param(live(), Wanted("", config=Config(af_xdp=False)), ("replace",), id="no AF_XDP"),
        pytest.param(live(), Wanted("", settings=AUDIT), ("configure",), id="other settings"),
        pytest.param(live(), Wanted("", config=PORTS, settings=AUDIT), ("replace",), id="other ports and settings"),
        pytest.param(live(ours=False), Wanted("", force=True), ("replace",), id="foreign, forced"),
        pytest.param(live("generic", ours=False), Wanted("", "native", force=True), ("detach", "attach"), id="foreign, another mode"),
    ],
)
def test_the_plan(there: Live, wanted: Wanted, steps: tuple[str, ...]) -> None:
    assert plan_attach(there, wanted, TAG) == steps


@pytest.mark.parametrize(
    ("mode", "flag"), [("native", "xdpdrv"), ("generic", "xdpgeneric"), ("offload", "xdpoffload"), ("multiple", "xdp")]
)
def test_a_foreign_program_is_an_error_that_says_how_to_remove_it(mode: str, flag: str) -> None:
    with pytest.raises(FastpathError) as error:
        plan_attach(live(mode, ours=False), Wanted(""), TAG)
    assert str(error.value) == (
        f"eth0: program 7 (other, tag {TAG}, {mode}) is attached, and it is not ours. "
        f"Remove it (ip link set dev eth0 {flag} off), or set force=true to have it replaced"
    )


def test_a_clean_interface_gets_the_filter_in_native_mode(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert outcome.actions == ("attach to eth0 (native)",)
    assert outcome.native_refused is None
    assert outcome.before.describe() == {"attached": False}
    assert outcome.after == shown(kernel, "eth0")
    assert outcome.after == {
        "attached": True,
        "mode": "native",
        "prog_id": kernel.attached(2).prog_id,
        "prog_name": "sip_logic",
        "tag": kernel.attached(2).tag,
        "ours": True,
        **Config()._asdict(),
        **Settings()._asdict(),
    }


def test_the_settings_are_there_before_the_first_packet(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    steps = [(what[0], what[1]) for what in kernel.writes]
    assert steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))


def test_its_maps_are_pinned(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    program = kernel.attached(2)
    assert {name: kernel.pins["if2/" + name] for name in (shape.name for shape in INTERFACE_MAPS)} == {
        shape.name: program.maps[shape.name] for shape in INTERFACE_MAPS
    }


def test_the_first_filter_goes_by_the_lists_that_are_made_later(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    kernel.allow("192.0.2.7")
    for ifindex in (2, 3):
        assert kernel.attached(ifindex).maps["hosts_v4"] == kernel.pins["hosts_v4"]
        assert kernel.attached(ifindex).maps["list_gate"] == kernel.pins["list_gate"]


def test_a_filter_whose_lists_were_unpinned_is_put_on_the_new_ones(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.forget()  # as when somebody mounts another BPF filesystem
    kernel.allow("192.0.2.7")

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace"]
    assert kernel.attached(2).maps["hosts_v4"] == kernel.pins["hosts_v4"]
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ()


def test_lists_that_were_unpinned_and_not_made_again_are(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.forget()
    assert attach(kernel, ["eth0"], wanted, check=True)[0].actions
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions
    assert kernel.attached(2).maps["list_gate"] == kernel.pins["list_gate"]


def test_where_native_is_refused_auto_is_generic_and_says_why(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["br0"], wanted, check=False)
    assert outcome.actions == ("attach to br0 (generic)",)
    assert outcome.native_refused == "Underlying driver does not support XDP in native mode"
    assert shown(kernel, "br0")["mode"] == "generic"


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


def test_lists_that_were_there_before_stay_if_nothing_could_be_attached(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.allow("192.0.2.7")
    before = kernel.state()
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["br0"], wanted._replace(mode="native"), check=False)
    assert kernel.state() == before


def test_lists_stay_for_the_interface_that_got_its_filter_before_another_could_not(kernel: FakeKernel, wanted: Wanted) -> None:
    with pytest.raises(FastpathError, match="br0: the kernel refused"):
        attach(kernel, ["eth0", "br0"], wanted._replace(mode="native"), check=False)
    assert kernel.attached(2).maps["hosts_v4"] == kernel.pins["hosts_v4"]
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ()


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


def test_a_second_run_changes_nothing(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    kernel.writes.clear()
    before = kernel.state()
    outcomes = attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert [outcome.actions for outcome in outcomes] == [(), ()]
    assert kernel.writes == []
    assert kernel.state() == before


def test_a_new_version_replaces_the_old_in_place_and_keeps_its_maps(kernel: FakeKernel, wanted: Wanted, filter_object: Path) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2)
    filter_object.write_text("version 2")
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert outcome.actions == (f"replace program {old.prog_id} (sip_logic, tag {old.tag}, native) on eth0 in place",)
    new = kernel.attached(2)
    assert new.tag != old.tag
    assert {name: new.maps[name] for name in MAPS} == {name: old.maps[name] for name in MAPS}
    assert [what for what in kernel.writes if what[0] == "attach"] == [("attach", "eth0", "native")]


def test_other_settings_change_nothing_but_the_settings(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    prog_id = kernel.attached(2).prog_id
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted._replace(settings=AUDIT), check=False)

    assert outcome.actions == ("change the settings of eth0",)
    assert kernel.writes == [("update", "xdp_settings", bytes(4))]
    assert outcome.after["audit"] is True
    assert kernel.attached(2).prog_id == prog_id


def test_another_mode_takes_the_old_program_off_first(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2)
    kernel.writes.clear()

    [outcome] = attach(kernel, ["eth0"], wanted._replace(mode="generic", settings=AUDIT), check=False)

    assert outcome.actions == (
        f"detach program {old.prog_id} (sip_logic, tag {old.tag}, native) from eth0",
        "attach to eth0 (generic)",
    )
    assert [what for what in kernel.writes if what[0] == "attach"] == [("attach", "eth0", "native"), ("attach", "eth0", "generic")]
    assert (outcome.after["mode"], outcome.after["audit"]) == ("generic", True)
    assert kernel.attached(2).maps["xdp_counters"] == old.maps["xdp_counters"]


def test_if_the_other_mode_is_refused_the_old_program_is_back(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["br0"], wanted, check=False)
    before = kernel.state()
    with pytest.raises(FastpathError, match=r"br0: the kernel refused .* \(native\)"):
        attach(kernel, ["br0"], wanted._replace(mode="native", settings=AUDIT), check=False)
    assert kernel.state() == before


def test_a_foreign_program_is_left_alone(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("br0", "generic")
    before = kernel.state()
    with pytest.raises(FastpathError, match="br0: program .* is not ours"):
        attach(kernel, ["eth0", "br0"], wanted, check=False)
    assert kernel.state() == before, "not even the interface before it was touched"


def test_a_foreign_program_is_replaced_if_so_told(kernel: FakeKernel, wanted: Wanted) -> None:
    prog_id = kernel.run_foreign("eth0", "native")
    [outcome] = attach(kernel, ["eth0"], wanted._replace(force=True), check=False)
    assert outcome.before.describe()["ours"] is False
    assert outcome.actions == (f"replace program {prog_id} (other, tag {'f0' * 8}, native) on eth0 in place",)
    assert outcome.after["ours"] is True
    assert outcome.after["stealth"] == ("OPTIONS",)


def test_the_settings_are_there_before_a_foreign_program_goes(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native")
    attach(kernel, ["eth0"], wanted._replace(force=True), check=False)
    steps = [(what[0], what[1]) for what in kernel.writes]
    assert steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))


def test_a_program_without_a_name_is_called_so(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native", program="")
    with pytest.raises(FastpathError, match=r"eth0: program \d+ \(no name, tag f0f0"):
        attach(kernel, ["eth0"], wanted, check=False)


def test_a_program_of_our_name_with_other_maps_is_not_ours(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native", program=PROGRAM_NAME)
    with pytest.raises(FastpathError, match="it is not ours"):
        attach(kernel, ["eth0"], wanted, check=False)


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
    kernel.after_attach = lambda: kernel.nics["eth0"].attached.clear()
    with pytest.raises(FastpathError, match="but nothing is attached. See who else manages XDP"):
        attach(kernel, ["eth0"], wanted, check=False)


def test_stealth_with_nobody_trusted_takes_an_explicit_yes(kernel: FakeKernel, wanted: Wanted) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=False)
    assert str(error.value) == (
        "stealth: OPTIONS: the allowlist is empty, so these requests would be dropped from everybody, monitoring and trunks included. "
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


def test_without_stealth_nobody_needs_to_be_trusted(kernel: FakeKernel, wanted: Wanted) -> None:
    open_to_all = wanted._replace(allow_empty_allowlist=False, settings=Settings(stealth=()))
    assert attach(kernel, ["eth0"], open_to_all, check=False)[0].actions


def test_an_allowlist_that_an_earlier_task_of_the_play_would_make_is_no_error_in_check_mode(kernel: FakeKernel, wanted: Wanted) -> None:
    [outcome] = attach(kernel, ["eth0"], wanted._replace(allow_empty_allowlist=False), check=True)
    assert outcome.actions == ("attach to eth0 (auto)",)


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


def test_an_object_that_an_earlier_task_of_the_play_would_build_has_no_tag_yet(
    kernel: FakeKernel, wanted: Wanted, filter_object: Path
) -> None:
    filter_object.unlink()
    [outcome] = attach(kernel, ["eth0"], wanted, check=True)
    assert outcome.actions == ("attach to eth0 (auto)",)
    assert outcome.after == {
        "attached": True, "mode": "auto", "prog_name": "sip_logic", "tag": "", "ours": True, **Config()._asdict(), **Settings()._asdict()
    }  # fmt: skip


def test_maps_of_another_version_are_not_taken_over(kernel: FakeKernel, wanted: Wanted, filter_object: Path) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    old = kernel.attached(2).maps["xdp_stats"]
    kernel.tables[old].shape = MAPS["xdp_stats"]._replace(value_size=8)
    filter_object.write_text("version 2")

    attach(kernel, ["eth0"], wanted, check=False)

    assert kernel.attached(2).maps["xdp_stats"] != old
    assert kernel.pins["if2/xdp_stats"] == kernel.attached(2).maps["xdp_stats"]


@pytest.mark.parametrize(("name", "size"), [(".rodata", 24), ("xdp_settings", 20)])
def test_a_filter_of_another_version_is_replaced_whatever_it_says(kernel: FakeKernel, wanted: Wanted, name: str, size: int) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    table = kernel.tables[kernel.attached(2).maps[name]]
    table.shape, table.values = table.shape._replace(value_size=size), {bytes(4): b"\xff" * size}
    kernel.writes.clear()
    assert "ports" not in shown(kernel, "eth0")

    [outcome] = attach(kernel, ["eth0"], wanted, check=False)

    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace"]
    assert (outcome.after["ports"], outcome.after["stealth"]) == ((5060,), ("OPTIONS",))
    steps = [(what[0], what[1]) for what in kernel.writes]
    before = steps.index(("update", "xdp_settings")) < steps.index(("attach", "eth0"))
    assert before == (name == "xdp_settings"), "before the first packet, but not while the old one goes by them"
    assert detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)[0].after == {"attached": False}


def test_a_filter_of_another_version_can_be_taken_off(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    table = kernel.tables[kernel.attached(2).maps[".rodata"]]
    table.values = {bytes(4): bytes(24)}
    assert detach(kernel, ["eth0"], force=False, keep_lists=True, check=False)[0].after == {"attached": False}


def test_lists_of_another_version_are_an_error(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.require_host_maps()
    kernel.tables[kernel.pins["hosts_v6"]].shape = MAPS["hosts_v6"]._replace(max_entries=10)
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["eth0"], wanted, check=False)
    assert str(error.value) == (
        "/sys/fs/bpf/vos_fastpath/hosts_v6: it was made by another version (type 1, key 16, value 40, 10 entries, "
        "this version has type 1, key 16, value 40, 1048576 entries). "
        "Remove the filter with state=absent and keep_lists=false, then attach it again"
    )
    assert kernel.attached(2) is None


def test_counters_outlive_a_program_that_somebody_took_off(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    counters = kernel.attached(2).maps["xdp_counters"]
    kernel.nics["eth0"].attached.clear()
    attach(kernel, ["eth0"], wanted, check=False)
    assert kernel.attached(2).maps["xdp_counters"] == counters


# Detaching.


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


# Check mode and idempotence, from any state to any other.

CONFIGS = st.builds(lambda ports, af_xdp: Config(tuple(sorted(ports)), af_xdp), st.sets(st.integers(1, 65535), min_size=1, max_size=8), st.booleans())
SETTINGS = st.builds(
    lambda *values: Settings(*values).check(),
    st.sampled_from([(), ("OPTIONS",), ("INVITE", "other"), ("all",)]),
    st.sampled_from(["off", "untrusted", "all"]),
    st.booleans(),
    st.integers(0, 1000),
    st.integers(1, 1000),
)
STATES = st.one_of(
    st.none(),
    st.tuples(st.just("foreign"), st.sampled_from(["native", "generic"])),
    st.tuples(st.sampled_from(["version 1", "version 2"]), st.sampled_from(["native", "generic"]), CONFIGS, SETTINGS),
)


def host_in(state: tuple | None, path: Path) -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_nic("eth0", 2)
    if state and state[0] == "foreign":
        kernel.run_foreign("eth0", state[1])
    elif state:
        path.write_text(state[0])
        attach(kernel, ["eth0"], Wanted(str(path), state[1], state[2], state[3], allow_empty_allowlist=True), check=False)
    kernel.writes.clear()
    return kernel


@given(state=STATES, mode=st.sampled_from(["auto", "native", "generic"]), config=CONFIGS, chosen=SETTINGS)
def test_check_mode_foretells_and_a_second_run_is_quiet(
    tmp_path: Path, state: tuple | None, mode: str, config: Config, chosen: Settings
) -> None:
    path = tmp_path / "object"
    kernel = host_in(state, path)
    path.write_text("version 1")
    wanted = Wanted(str(path), mode, config, chosen, force=True, allow_empty_allowlist=True)
    before = kernel.state()

    [foretold] = attach(kernel, ["eth0"], wanted, check=True)
    assert kernel.writes == [], "check mode writes nothing"
    assert kernel.state() == before

    [done] = attach(kernel, ["eth0"], wanted, check=False)
    only_then = {"prog_id"} | ({"mode"} if foretold.after["mode"] == "auto" else set())  # what only the kernel can tell
    assert {key: value for key, value in done.after.items() if key not in only_then} == {
        key: value for key, value in foretold.after.items() if key not in only_then
    }
    assert [action.replace("(native)", "(auto)") for action in done.actions] == [
        action.replace("(native)", "(auto)") for action in foretold.actions
    ]
    if foretold.actions and foretold.actions[0] != "change the settings of eth0":
        assert "prog_id" not in foretold.after, "the kernel has not numbered it yet"

    kernel.writes.clear()
    [again] = attach(kernel, ["eth0"], wanted, check=False)
    assert (again.actions, kernel.writes) == ((), [])
    assert (done.after["ports"], done.after["stealth"]) == (config.ports, chosen.stealth)


@given(state=STATES, force=st.booleans(), keep_lists=st.booleans())
def test_check_mode_foretells_what_detaching_does(tmp_path: Path, state: tuple | None, force: bool, keep_lists: bool) -> None:
    kernel = host_in(state, tmp_path / "object")
    before = kernel.state()

    [foretold] = detach(kernel, ["eth0"], force, keep_lists, check=True)
    assert kernel.writes == [], "check mode writes nothing"
    assert kernel.state() == before

    [done] = detach(kernel, ["eth0"], force, keep_lists, check=False)
    assert (done.actions, done.after) == (foretold.actions, foretold.after)
    assert detach(kernel, ["eth0"], force, keep_lists, check=False)[0].actions == ()
