# SPDX-License-Identifier: GPL-3.0-or-later

"""From the name that an operator knows to the devices that get the packets."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._levels import carriers, resolve
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._stack import above, below
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel


@pytest.fixture
def kernel(kernel: FakeKernel) -> FakeKernel:
    """Two NICs in a bond, a VLAN device and a bridge above it, a guest's tap beside it."""
    kernel.change("eth0", hardware=True)
    kernel.add_nic("eth1", 11)
    kernel.change("eth1", hardware=True)
    for number, (name, kind) in enumerate({"bond0": "bond", "bond0.100": "vlan", "tap0": "tun", "mac0": "macvlan"}.items(), 20):
        kernel.add_nic(name, number, {"native": NO_NATIVE} if kind in ("vlan", "macvlan") else None)
        kernel.change(name, kind=kind)
    kernel.change("bond0", bond_mode="802.3ad", bond_policy="layer3+4")
    kernel.change("br0", kind="bridge")
    kernel.stack("bond0", "eth0", "eth1")
    kernel.stack("bond0.100", "bond0")
    kernel.stack("br0", "bond0.100", "tap0")
    kernel.stack("mac0", "bond0")
    kernel.add_nic("top0", 30)
    kernel.stack("top0", "bond0.100", "mac0")
    return kernel


def test_what_lies_above_and_below(kernel: FakeKernel) -> None:
    assert [each.name for each in above(kernel, "eth0")] == ["bond0", "bond0.100", "mac0", "br0", "top0"]
    assert [each.name for each in below(kernel, "br0")] == ["bond0.100", "tap0", "bond0", "eth0", "eth1"]
    assert (above(kernel, "br0"), below(kernel, "eth1")) == ([], [])


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (["eth0"], {"eth0": ["eth0"]}),
        (["bond0"], {"bond0": ["bond0"]}),
        (["bond0.100"], {"bond0": ["bond0.100"]}),
        (["mac0"], {"bond0": ["mac0"]}),
        (["br0"], {"bond0": ["br0"]}),
        (["br0", "bond0.100", "bond0"], {"bond0": ["br0", "bond0.100", "bond0"]}),
        (["tap0", "bond0.100"], {"tap0": ["tap0"], "bond0": ["bond0.100"]}),
    ],
)
def test_a_name_is_resolved_to_where_a_driver_is(kernel: FakeKernel, named: list[str], found: dict[str, list[str]]) -> None:
    assert resolve(kernel, named) == found


@pytest.mark.parametrize("change", [{"bond_mode": "balance-alb"}, {"bond_policy": "vlan+srcmac"}])
def test_a_bond_that_has_no_native_mode_leaves_it_to_its_slaves(kernel: FakeKernel, change: dict[str, str]) -> None:
    kernel.change("bond0", **change)
    assert resolve(kernel, ["bond0.100"]) == {"eth0": ["bond0.100"], "eth1": ["bond0.100"]}


def test_a_bond_on_an_old_kernel_leaves_it_to_its_slaves(kernel: FakeKernel) -> None:
    kernel.runs_on = (5, 10)
    assert list(resolve(kernel, ["bond0"])) == ["eth0", "eth1"]


def test_a_bridge_of_guests_only_is_all_its_ports(kernel: FakeKernel) -> None:
    kernel.change("br0", lowers=("tap0",))
    assert resolve(kernel, ["br0"]) == {"tap0": ["br0"]}


@pytest.mark.parametrize("name", ["br0", "mac0", "bond0.100"])
def test_where_nothing_is_below_it_can_not_be_resolved(kernel: FakeKernel, name: str) -> None:
    kernel.change(name, lowers=())
    with pytest.raises(FastpathError) as error:
        resolve(kernel, [name])
    assert str(error.value) == (
        f"{name}: nothing is below it in this network namespace that could carry the filter. "
        "Name the interface that SIP arrives on, or set resolve=false"
    )


def test_what_carries_it_is_found_wherever_it_is(kernel: FakeKernel) -> None:
    assert carriers(kernel, ["bond0.100"]) == {"bond0": ["bond0.100"]}, "nothing does: where it would be"
    kernel.folders.add("if11")  # pins of eth1
    assert carriers(kernel, ["bond0.100"]) == {"eth1": ["bond0.100"]}


def test_a_name_that_is_no_more_is_its_own_carrier(kernel: FakeKernel) -> None:
    assert carriers(kernel, ["eth9", "bond0.100"]) == {"eth9": ["eth9"], "bond0": ["bond0.100"]}


@pytest.mark.parametrize("check", [True, False])
def test_of_a_bond_of_which_only_some_slaves_are_filtered_it_is_said(kernel: FakeKernel, wanted: Wanted, check: bool) -> None:
    [outcome] = attach(kernel, ["eth0"], wanted, check)
    assert outcome.warnings == (
        "it is a slave of bond0, and what comes in by eth1 is not filtered. Name them too, or bond0 in place of them",
    )  # fmt: skip
    assert [each.warnings for each in attach(kernel, ["eth0", "eth1"], wanted, check)] == [(), ()]


def test_slaves_that_have_the_filter_already_are_not_left_out(kernel: FakeKernel, wanted: Wanted) -> None:
    attach(kernel, ["eth1"], wanted, check=False)
    assert attach(kernel, ["eth0"], wanted, check=False)[0].warnings == ()
