# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network devices: of what kind, above and below which others, and what their drivers say they can do for XDP."""

from __future__ import annotations

import errno
import os
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._asking import GENERIC, ROUTE, ask, attribute, attributes, number
from ansible_collections.vos.fastpath.plugins.module_utils._ethtool import channels, merges_packets
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import SYS_NET, Interface, neighbours

__all__ = ("Device", "FEATURES", "Link", "guest_offloads", "parse_link", "read_device", "xdp_features")

FEATURES = ("basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg")
"""C(enum netdev_xdp_act), linux/netdev.h, by bit."""
BOND_MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
BOND_POLICIES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")

_GET_LINK, _LINK_INFO = 18, 18  # RTM_GETLINK, IFLA_LINKINFO
_ETHERNET, _LOOPBACK = 1, 772  # ARPHRD_ETHER, ARPHRD_LOOPBACK, whose packets have an Ethernet header, too
_INFO_KIND, _INFO_DATA = 1, 2
_VLAN_ID, _BOND_MODE, _BOND_ACTIVE, _BOND_POLICY = 1, 1, 2, 14
_QUEUES_TX, _QUEUES_RX = 31, 32
_IFINFO = struct.Struct("=BxHiII")
_CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 0x10, 3, 1, 2
_NETDEV, _GET_DEVICE, _DEVICE_INDEX, _DEVICE_FEATURES = b"netdev\0", 1, 1, 3
_CONTROL_OFFLOADS = 2  # VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
_GUEST = {1: "guest_csum", 7: "guest_tso4", 8: "guest_tso6", 9: "guest_ecn", 10: "guest_ufo", 54: "guest_uso4", 55: "guest_uso6"}
"""By their bits, the offloads of C(virtio_net.h) that hand a guest packets that never were on a wire."""


Question = t.Callable[[int, int, bytes], bytes]
"""Takes a netlink protocol, a type of message and its payload, and returns the answer's."""


class Link(t.NamedTuple):
    """What rtnetlink tells."""

    kind: str
    """As C(ip link) names it; V(nic) for hardware, V(loopback)."""
    rx_queues: int
    tx_queues: int
    vlan_id: t.Optional[int] = None
    bond_mode: t.Optional[str] = None
    bond_policy: t.Optional[str] = None
    active: t.Optional[int] = None
    """The number of the slave that is active."""
    ethernet: bool = True
    """Whether its packets have an Ethernet header; those of tunnels, and of PPP, have none."""


class Device(t.NamedTuple):
    """An interface, and what decides how XDP works there."""

    interface: Interface
    kind: str
    rx_queues: int
    tx_queues: int
    most_queues: t.Optional[int]
    uppers: t.Tuple[str, ...] = ()
    lowers: t.Tuple[str, ...] = ()
    features: t.Optional[t.Tuple[str, ...]] = None
    """What the driver advertises, of C(FEATURES); V(none) where the kernel does not tell (before 6.3)."""
    vlan_id: t.Optional[int] = None
    bond_mode: t.Optional[str] = None
    bond_policy: t.Optional[str] = None
    active_slave: t.Optional[str] = None
    merges: bool = False
    """Large receive offload is on."""
    offloads: t.Tuple[str, ...] = ()
    """Offloads of a virtio device that the guest can't turn off."""
    hardware: bool = False
    ethernet: bool = True

    def describe(self) -> t.Dict[str, t.Any]:
        """Return it as plain data, for results."""
        found = {**self.interface._asdict(), **self._asdict()}
        del found["interface"], found["merges"], found["hardware"], found["ethernet"]
        found.update({key: list(found[key]) for key in ("uppers", "lowers", "offloads")})
        found.update(features=None if self.features is None else list(self.features), lro=self.merges)
        return found


def read_device(interface: Interface, sys_net: str = SYS_NET, question: Question = ask) -> Device:
    """Return what is known of an interface. Raises C(OSError) where it is gone."""
    link = parse_link(question(ROUTE, _GET_LINK, _IFINFO.pack(0, 0, interface.ifindex, 0, 0)))
    queues, around = channels(interface.name), neighbours(interface.name, sys_net)
    hardware = os.path.join(sys_net, interface.name, "device")
    return Device(
        interface,
        link.kind,
        queues.rx if queues else link.rx_queues,
        queues.tx if queues else link.tx_queues,
        queues.most if queues else None,
        around.uppers,
        around.lowers,
        xdp_features(interface.ifindex, question),
        link.vlan_id,
        link.bond_mode,
        link.bond_policy,
        next((name for name in around.lowers if _ifindex(sys_net, name) == link.active), None),
        merges_packets(interface.name),
        guest_offloads(os.path.join(hardware, "features")) if interface.driver == "virtio_net" else (),
        os.path.lexists(hardware),
        link.ethernet,
    )


def parse_link(raw: bytes) -> Link:
    """Read an answer to C(RTM_GETLINK)."""
    found = attributes(raw[_IFINFO.size:])
    info = attributes(found.get(_LINK_INFO, b""))
    data = attributes(info.get(_INFO_DATA, b""))
    kind = info.get(_INFO_KIND, b"").rstrip(b"\0").decode("ascii", "replace")
    hardware = _IFINFO.unpack_from(raw)[1]
    link = Link(
        kind or ("loopback" if hardware == _LOOPBACK else "nic"),
        number(found.get(_QUEUES_RX)) or 1,
        number(found.get(_QUEUES_TX)) or 1,
        ethernet=hardware in (_ETHERNET, _LOOPBACK),
    )
    if kind == "vlan":
        return link._replace(vlan_id=number(data.get(_VLAN_ID)))
    if kind == "bond":
        mode, policy = _word(BOND_MODES, data.get(_BOND_MODE)), _word(BOND_POLICIES, data.get(_BOND_POLICY))
        return link._replace(bond_mode=mode, bond_policy=policy, active=number(data.get(_BOND_ACTIVE)))
    return link


def xdp_features(ifindex: int, question: Question = ask) -> t.Optional[t.Tuple[str, ...]]:
    """Return what the driver advertises (netdev generic netlink, kernel 6.3 and later); V(none) where it can't be asked."""
    try:
        family = attributes(question(GENERIC, _CONTROL, _general(_GET_FAMILY, _FAMILY_NAME, _NETDEV))[4:])
        kind = number(family.get(_FAMILY_ID)) or 0
        answer = attributes(question(GENERIC, kind, _general(_GET_DEVICE, _DEVICE_INDEX, struct.pack("=I", ifindex)))[4:])
    except OSError:
        return None
    bits = number(answer.get(_DEVICE_FEATURES)) or 0
    return tuple(name for bit, name in enumerate(FEATURES) if bits & 1 << bit)


def guest_offloads(path: str) -> t.Tuple[str, ...]:
    """Return the offloads that keep C(virtio_net) from XDP, because this guest can't turn them off.

    C(path) is what sysfs has of the features that guest and host agreed on, a digit for each.
    """
    try:
        with open(path, encoding="ascii") as stream:
            agreed = {bit for bit, digit in enumerate(stream.read().strip()) if digit == "1"}
    except OSError as error:
        if error.errno == errno.ENOENT:
            return ()
        raise
    return () if _CONTROL_OFFLOADS in agreed else tuple(name for bit, name in _GUEST.items() if bit in agreed)


def _general(command: int, kind: int, value: bytes) -> bytes:
    return struct.pack("=BBxx", command, 1) + attribute(kind, value)


def _word(words: t.Sequence[str], raw: t.Optional[bytes]) -> t.Optional[str]:
    at = number(raw)
    return words[at] if at is not None and at < len(words) else None


def _ifindex(sys_net: str, name: str) -> int:
    with open(os.path.join(sys_net, name, "ifindex"), encoding="ascii") as stream:
        return int(stream.read())
