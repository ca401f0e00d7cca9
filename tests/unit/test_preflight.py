# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the way of an attachment is told before anything is changed, each with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._preflight import in_the_way
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel
from ansible_collections.vos.fastpath.tests.unit.test_attach_task import DEFAULTS


@pytest.fixture
def kernel(kernel: FakeKernel) -> FakeKernel:
    """A bridge above a NIC, and a VLAN device above the bridge."""
    kernel.change("br0", kind="bridge")
    kernel.add_nic("br0.7", 9, {"native": NO_NATIVE})
    kernel.change("br0.7", kind="vlan", vlan_id=7)
    kernel.stack("br0", "eth0")
    kernel.stack("br0.7", "br0")
    return kernel


def refusal(kernel: FakeKernel, names: list[str], wanted: Wanted) -> str:
    """The same in check mode and without, and nothing is changed."""
    before, messages = kernel.state(), set()
    for check in (True, False):
        with pytest.raises(FastpathError) as error:
            attach(kernel, names, wanted, check)
        messages.add(str(error.value))
    assert kernel.state() == before
    [message] = messages
    return message


@pytest.mark.parametrize("upper", ["br0", "br0.7"])
def test_our_filter_above_would_count_twice(kernel: FakeKernel, wanted: Wanted, upper: str) -> None:
    attach(kernel, [upper], wanted, check=False)
    assert refusal(kernel, ["eth0"], wanted._replace(force=True)) == (
        f"eth0: {upper} above it carries our filter already: packets would be judged and counted twice. "
        f"Take it off there first (state=absent for {upper})"
    )


def test_another_program_above_keeps_the_kernel_from_changing_anything(kernel: FakeKernel, wanted: Wanted) -> None:
    number = kernel.run_foreign("br0", "generic")
    assert refusal(kernel, ["eth0"], wanted._replace(force=True)) == (
        f"eth0: on br0 above it is program {number} (other, tag {'f0' * 8}, generic), and the kernel lets nothing be changed below a program. "
        "Remove that first (ip link set dev br0 xdpgeneric off), or name br0"
    )


def test_where_there_is_no_ethernet_nothing_would_be_found(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.change("eth0", kind="wireguard", ethernet=False)
    words = "its packets have no Ethernet header (kind wireguard), and the filter would find no SIP in them"
    assert refusal(kernel, ["eth0"], wanted) == f"eth0: {words}. Leave it out, and filter there with a firewall (nftables)"


@pytest.mark.parametrize(("lowers", "words"), [(("eth0",), "eth0"), ((), "nothing is yet")])
def test_a_program_on_a_vrf_would_never_run(kernel: FakeKernel, wanted: Wanted, lowers: tuple[str, ...], words: str) -> None:
    kernel.add_nic("vrf-sip", 10, {"native": NO_NATIVE})
    kernel.change("vrf-sip", kind="vrf")
    kernel.stack("vrf-sip", *lowers)
    reason = "it is a VRF, which gets its packets behind the place where a program would see them"
    assert refusal(kernel, ["vrf-sip"], wanted) == f"vrf-sip: {reason}. Name what is in it: {words}"
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ("attach to eth0 (native)",)


def test_another_program_far_above_comes_after_ours(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("br0.7", "generic")
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ("attach to eth0 (native)",)


@pytest.mark.parametrize("upper", ["br0", "br0.7"])
def test_our_filter_below_would_count_twice(kernel: FakeKernel, wanted: Wanted, upper: str) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    assert refusal(kernel, [upper], wanted._replace(force=True)) == (
        f"{upper}: eth0 below it carries our filter already: packets would be judged and counted twice. "
        "Name eth0 instead, or take it off there first (state=absent)"
    )


def test_another_program_below_sees_the_packets_first(kernel: FakeKernel, wanted: Wanted) -> None:
    number = kernel.run_foreign("eth0", "native")
    assert refusal(kernel, ["br0"], wanted) == (
        f"br0: on eth0 below it is program {number} (other, tag {'f0' * 8}, native): it sees the packets first, "
        "and with ours above it nobody could replace it or take it off. "
        "Remove it (ip link set dev eth0 xdpdrv off), or set force=true if both are meant"
    )
    assert attach(kernel, ["br0"], wanted._replace(force=True), check=False)[0].actions == ("attach to br0 (generic)",)


def test_two_levels_at_once_are_one_too_many(kernel: FakeKernel, wanted: Wanted) -> None:
    assert refusal(kernel, ["br0", "eth0"], wanted) == (
        "eth0: br0 lies above it, so that packets would be judged and counted on both. Name one of them"
    )


def test_all_that_is_in_the_way_is_told_at_once(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_nic("eth1", 30)
    kernel.run_foreign("eth0", "native")
    message = refusal(kernel, ["br0", "br0.7", "eth1"], wanted)
    assert message.startswith("These interfaces: something is in the way:\n- br0: br0.7 lies above it")
    assert (message.count("\n- "), message.endswith("Nothing was changed")) == (3, True)


def test_what_is_not_to_be_changed_has_nothing_in_its_way(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth0"], wanted, check=False)
    kernel.run_foreign("br0", "generic")
    assert attach(kernel, ["eth0"], wanted, check=False)[0].actions == ()


def test_a_filter_does_not_come_off_for_a_mode_that_is_known_to_be_refused(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["br0"], wanted, check=False)
    assert refusal(kernel, ["br0"], wanted._replace(mode="native")) == (
        "br0: native is not possible: it is a bridge and has no driver; its packets come from eth0. "
        "Name what is below it, or set resolve=true"
    )


def test_where_there_is_no_remedy_it_stays_as_it_is(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_nic("old0", 31, {"native": NO_NATIVE})
    attach(kernel, ["old0"], wanted, check=False)
    assert refusal(kernel, ["old0"], wanted._replace(mode="native")) == (
        "old0: native is not possible: driver virtual advertises no native XDP. Leave it in generic mode (mode=auto)"
    )


def test_what_the_kernel_refuses_is_explained_by_what_is_known(kernel: FakeKernel, wanted: Wanted) -> None:
    with pytest.raises(FastpathError) as error:
        attach(kernel, ["br0"], wanted._replace(mode="native"), check=False)
    assert str(error.value) == (
        "br0: the kernel refused to change its XDP program (native): Underlying driver does not support XDP in native mode. "
        "Name what is below it, or set resolve=true, or use mode=generic "
        "(it is a bridge and has no driver; its packets come from eth0)"
    )


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_program_in_a_bpf_link_is_beyond_force(kernel: FakeKernel, wanted: Wanted, state: str) -> None:
    kernel.run_foreign("eth0", "native", link_id=12)
    before = kernel.state()
    with pytest.raises(FastpathError, match="held by BPF link 12 is attached, and it is not ours"):
        if state == "present":
            attach(kernel, ["eth0"], wanted._replace(force=True), check=False)
        else:
            detach(kernel, ["eth0"], force=True, keep_lists=True, check=False)
    assert kernel.state() == before


def test_a_dispatcher_is_called_by_its_name(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.run_foreign("eth0", "native", "xdp_dispatcher")
    message = refusal(kernel, ["eth0"], wanted)
    assert "libxdp's dispatcher for the programs of others is attached" in message
    assert "Remove it (xdp-loader unload eth0 --all)" in message


def test_a_process_that_may_not_is_told_before_anything_is_read(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.lacks = ["CAP_NET_ADMIN"]
    assert refusal(kernel, ["nosuch"], wanted).startswith("CAP_NET_ADMIN: this process does not have it")


@pytest.mark.parametrize("check", [True, False])
def test_mounting_a_bpf_filesystem_is_something_that_is_done(kernel: FakeKernel, wanted: Wanted, check: bool) -> None:
    kernel.has_bpffs = False
    [outcome] = attach(kernel, ["eth0"], wanted, check)
    assert outcome.actions == ("mount the BPF filesystem at /sys/fs/bpf", "attach to eth0 (native)")
    kernel.has_bpffs = True
    assert attach(kernel, ["eth0"], wanted, check)[0].actions in ((), ("attach to eth0 (native)",))


def test_check_mode_says_which_mode_to_expect_and_why(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_nic("old0", 31)
    kernel.change("old0", features=None)
    found = attach(kernel, ["br0.7", "old0"], wanted, check=True)
    assert [outcome.after["mode"] for outcome in found] == ["generic", "auto"]
    assert found[0].notes == ("generic expected: it is a VLAN device (7) and has no driver; its packets come from br0",)
    assert found[1].notes[0].startswith("auto expected: kernel 6.12 does not tell")
    assert attach(kernel, ["old0"], wanted._replace(mode="generic"), check=True)[0].notes == ()


def test_what_is_in_the_way_can_be_asked_for(kernel: FakeKernel, wanted: Wanted) -> None:
    number = kernel.run_foreign("br0", "generic")
    [error] = in_the_way(kernel, kernel.interface("br0"))
    assert str(error).startswith(f"br0: program {number} (other,")
    assert in_the_way(kernel, kernel.interface("br0"), force=True) == []


# A name that is resolved.


@pytest.fixture
def params(filter_object: Path) -> dict[str, object]:
    return {**DEFAULTS, "interfaces": ["br0.7"], "object": str(filter_object), "allow_empty_allowlist": True, "resolve": True}


def test_the_device_below_carries_it(kernel: FakeKernel, params: dict[str, object]) -> None:
    foretold = attach_task(params, True, kernel)
    done = attach_task(params, False, kernel)
    assert foretold["actions"] == done["actions"] == ["attach to eth0 (native)"]
    found = done["interfaces"]["eth0"]
    assert (list(done["interfaces"]), found["carries"], found["mode"]) == (["eth0"], ["br0.7"], "native")
    assert found["notes"] == ["carries the filter for br0.7; SIP of everything else that is above eth0 is filtered too"]
    assert attach_task(params, False, kernel)["changed"] is False


def test_it_is_taken_off_by_the_same_name(kernel: FakeKernel, params: dict[str, object]) -> None:
    attach_task(params, False, kernel)
    done = attach_task({**params, "state": "absent"}, False, kernel)
    assert list(done["interfaces"]) == ["eth0"]
    assert kernel.attached(2) is None
    assert attach_task({**params, "state": "absent"}, False, kernel)["changed"] is False


def test_where_it_is_at_the_wrong_level_already_the_way_out_is_named(kernel: FakeKernel, params: dict[str, object]) -> None:
    attach_task({**params, "resolve": False}, False, kernel)
    with pytest.raises(FastpathError, match=r"br0\.7 above it carries our filter already.*state=absent for br0\.7"):
        attach_task(params, False, kernel)
