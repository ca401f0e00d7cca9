# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mode to expect, and why."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._outlook import Outlook, Release, outlook

NEW, OLD = (6, 12), (5, 10)
FULL = ("basic", "redirect", "rx-sg")


def nic(driver: str = "ice", mtu: int = 1500, **facts: Any) -> Device:
    found = Device(Interface("eth0", 2, driver, mtu, "up"), "nic", 4, 4, 8, features=FULL, hardware=True)
    return found._replace(**facts)


def bond(mode: str, policy: str = "layer2", **facts: Any) -> Device:
    return nic("bonding", kind="bond", bond_mode=mode, bond_policy=policy, lowers=("eth1", "eth2"), **facts)


def test_what_the_driver_advertises_is_to_be_expected() -> None:
    assert outlook(nic(), NEW) == Outlook("native", "driver ice advertises basic, redirect, rx-sg")


def test_an_older_kernel_does_not_tell() -> None:
    found = outlook(nic(features=None), OLD)
    assert found == Outlook("auto", "kernel 5.10 does not tell what drivers can do (6.3 and later do), native is tried first")


SLAVES = "Set resolve=true to attach to its slaves (eth1, eth2)"
BELOW = "Name what is below it, or set resolve=true"


@pytest.mark.parametrize(
    ("device", "release", "why", "remedy"),
    [
        (nic("e1000e", features=()), NEW, "driver e1000e advertises no native XDP", ""),
        (nic("8021q", kind="vlan", vlan_id=100, lowers=("bond0",), features=()), NEW,
         "it is a VLAN device (100) and has no driver; its packets come from bond0", BELOW),
        (nic("bridge", kind="bridge", lowers=("eth0", "tap0")), NEW, "it is a bridge and has no driver; its packets come from eth0, tap0", BELOW),
        (nic("macvlan", kind="macvlan"), NEW, "it is a macvlan device and has no driver; nothing is below it in this network namespace", ""),
        (bond("active-backup"), (5, 14), "bonds have native XDP since kernel 5.15, this is 5.14", SLAVES),
        (bond("balance-alb"), NEW,
         "the bond's mode is balance-alb, and native XDP takes one of balance-rr, active-backup, balance-xor, 802.3ad", SLAVES),
        (bond("802.3ad", "vlan+srcmac"), NEW, "the bond's hash policy is vlan+srcmac, with which it has no native XDP", SLAVES),
        (nic("mlx5_core", merges=True), NEW, "large receive offload is on", "Turn it off: ethtool -K eth0 lro off"),
        (nic("ena", 9001, features=("basic",)), NEW, "MTU 9001: without frags driver ena takes 3498", "Lower it: ip link set dev eth0 mtu 3498"),
        (nic("veth", 9000), OLD, "MTU 9000: without frags driver veth takes 3506", "Lower it: ip link set dev eth0 mtu 3506"),
        (nic("veth", 3507), OLD, "MTU 3507: without frags driver veth takes 3506", "Lower it: ip link set dev eth0 mtu 3506"),
        (nic("igb", 9000, features=("basic",)), NEW, "MTU 9000: without frags driver igb takes about 3498",
         "Lower it: ip link set dev eth0 mtu 3498"),
        (nic("ena", rx_queues=5, features=("basic",)), NEW, "5 of 8 queues are in use, and driver ena wants half of them for XDP",
         "Use fewer: ethtool -L eth0 combined 4"),
        (nic("ena", rx_queues=1, most_queues=None), NEW, "1 of 0 queues are in use, and driver ena wants half of them for XDP",
         "Use fewer: ethtool -L eth0 combined 1"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_native_has_a_reason_and_a_remedy(device: Device, release: Release, why: str, remedy: str) -> None:
    assert outlook(device, release) == Outlook("generic", why, remedy)


def test_offloads_of_a_virtual_nic_are_turned_off_outside() -> None:
    found = outlook(nic("virtio_net", offloads=("guest_csum", "guest_tso4")), NEW)
    assert (found.mode, found.why) == ("generic", "the virtual NIC has guest offloads that can't be turned off (guest_csum, guest_tso4)")
    assert "tso4='off'" in found.remedy


@pytest.mark.parametrize(
    ("device", "release"),
    [
        (bond("active-backup"), (5, 15)),
        (bond("802.3ad", "layer3+4"), NEW),
        (bond("active-backup", "vlan+srcmac"), NEW),
        (nic("mlx5_core"), NEW),
        (nic("ice", merges=True), NEW),
        (nic("veth", 9000), NEW),
        (nic("veth", 9000), (5, 18)),
        (nic("veth", 3506), OLD),
        (nic("tun", 9000, features=("basic",)), NEW),
        (nic("ena", rx_queues=4), NEW),
        (nic("virtio_net", tx_queues=8), OLD),  # seen on 5.10.223 with one queue of one, and two CPUs
    ],
)
def test_what_is_just_right_stays_native(device: Device, release: Release) -> None:
    assert outlook(device, release).mode == "native"


def test_frags_are_hoped_for_where_the_kernel_could_have_them_and_does_not_tell() -> None:
    assert outlook(nic("ice", 9000, features=None), (6, 1)).mode == "auto"
