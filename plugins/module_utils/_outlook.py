# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mode to expect on a device, and why: what its driver, its kind and its settings mean for native XDP.

It is a forecast. What attaching tells is the truth, and is read back.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._devices import Device

__all__ = ("Outlook", "RELAYS", "Release", "bond_refuses", "outlook")

RELAYS = {
    "vlan": "a VLAN device",
    "macvlan": "a macvlan device",
    "macvtap": "a macvtap device",
    "ipvlan": "an ipvlan device",
    "bridge": "a bridge",
    "team": "a team",
}
"""Kinds of devices that get their packets from others, and have no native mode themselves."""

_MTU_LIMITS = {"veth": 3506, "virtio_net": 3506, "ena": 3498}
"""Without frags, on machines with pages of 4 KiB: veth.c, virtio_net.c and ena_netdev.h of Linux 6.18; veth's measured."""
_COMMON_LIMIT = 3498
_NO_LIMIT = ("tun",)
_BOND_NATIVE = ("balance-rr", "active-backup", "balance-xor", "802.3ad")
_GUEST_REMEDY = (
    "Turn them off for this guest where its NIC is defined (libvirt: <driver><guest csum='off' tso4='off' tso6='off' ufo='off'/></driver>, "
    "QEMU: guest_csum=off,guest_tso4=off,…; ethtool in the guest can't)"
)


class Outlook(t.NamedTuple):
    """Which mode to expect."""

    mode: str
    """V(native), V(generic), or V(auto) where it can't be told."""
    why: str
    remedy: str = ""
    """What would make it native."""


Release = t.Tuple[int, int]
"""The kernel's, its first two numbers."""
_Reason = t.Optional[t.Tuple[str, str]]


def outlook(device: Device, release: Release) -> Outlook:
    """Return the mode to expect with C(mode=auto)."""
    for reason in (_by_kind, _by_bond, _by_offloads, _by_merging, _by_features, _by_mtu, _by_queues):
        found = reason(device, release)
        if found:
            return Outlook("generic", *found)
    if device.features is None:
        return Outlook("auto", "kernel %d.%d does not tell what drivers can do (6.3 and later do), native is tried first" % release)
    return Outlook("native", "driver %s advertises %s" % (device.interface.driver, ", ".join(device.features)))


def bond_refuses(device: Device, release: Release) -> t.Optional[str]:
    """Return why this bond has no native mode."""
    if release < (5, 15):
        return "bonds have native XDP since kernel 5.15, this is %d.%d" % release
    if device.bond_mode not in _BOND_NATIVE:
        return "the bond's mode is %s, and native XDP takes one of %s" % (device.bond_mode, ", ".join(_BOND_NATIVE))
    if device.bond_policy == "vlan+srcmac" and device.bond_mode in ("balance-xor", "802.3ad"):
        return "the bond's hash policy is vlan+srcmac, with which it has no native XDP"
    return None


def _by_kind(device: Device, release: Release) -> _Reason:
    if device.kind not in RELAYS:
        return None
    number = "" if device.vlan_id is None else " (%d)" % device.vlan_id
    why = "it is %s%s and has no driver; " % (RELAYS[device.kind], number)
    if not device.lowers:
        return why + "nothing is below it in this network namespace", ""
    return why + "its packets come from %s" % ", ".join(device.lowers), "Name what is below it, or set resolve=true"


def _by_bond(device: Device, release: Release) -> _Reason:
    why = bond_refuses(device, release) if device.kind == "bond" else None
    return (why, "Set resolve=true to attach to its slaves (%s)" % ", ".join(device.lowers)) if why else None


def _by_offloads(device: Device, release: Release) -> _Reason:
    if not device.offloads:
        return None
    return "the virtual NIC has guest offloads that can't be turned off (%s)" % ", ".join(device.offloads), _GUEST_REMEDY


def _by_merging(device: Device, release: Release) -> _Reason:
    if not (device.merges and device.interface.driver == "mlx5_core"):
        return None
    return "large receive offload is on", "Turn it off: ethtool -K %s lro off" % device.interface.name


def _by_features(device: Device, release: Release) -> _Reason:
    if device.features is None or "basic" in device.features:
        return None
    return "driver %s advertises no native XDP" % device.interface.driver, ""


def _by_mtu(device: Device, release: Release) -> _Reason:
    driver, mtu = device.interface.driver, device.interface.mtu
    limit = _MTU_LIMITS.get(driver, _COMMON_LIMIT)
    if mtu <= limit or driver in _NO_LIMIT or release >= (5, 18) and (device.features is None or "rx-sg" in device.features):
        return None
    which = "" if driver in _MTU_LIMITS else "about "
    why = "MTU %d: without frags driver %s takes %s%d" % (mtu, driver, which, limit)
    return why, "Lower it: ip link set dev %s mtu %d" % (device.interface.name, limit)


def _by_queues(device: Device, release: Release) -> _Reason:
    driver, most, name = device.interface.driver, device.most_queues or 0, device.interface.name
    if driver == "ena" and device.rx_queues > most // 2:
        why = "%d of %d queues are in use, and driver ena wants half of them for XDP" % (device.rx_queues, most)
        return why, "Use fewer: ethtool -L %s combined %d" % (name, max(most // 2, 1))
    return None
