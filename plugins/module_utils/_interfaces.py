# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sysfs says of network interfaces, without netlink."""

from __future__ import annotations

import errno
import os
import re
import socket
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._ethtool import driver_name

__all__ = ("Interface", "NoInterface", "Neighbours", "device_mark", "find_interface", "interface_names", "neighbours", "receive_queues", "statistics")

SYS_NET = "/sys/class/net"
STATISTICS = ("rx_packets", "rx_bytes", "rx_dropped", "rx_errors", "tx_packets", "tx_bytes", "tx_dropped", "tx_errors")
"""The ones of C(/sys/class/net/*/statistics) that matter here."""

_GOING = (errno.ENOENT, errno.ENODEV, errno.EINVAL)  # EINVAL: netdev_show() of the kernel, until the folder goes too
_NAME = re.compile(r"[^\s/:]{1,15}\Z")  # dev_valid_name() of the kernel


class Interface(t.NamedTuple):
    """A network interface as it is now."""

    name: str
    ifindex: int
    driver: str
    """As ethtool names it; V(virtual) where there is none that says."""
    mtu: int
    operstate: str


class NoInterface(FastpathError):
    """There is none of this name, in this network namespace."""

    def __init__(self, name: str, others: t.Iterable[str]) -> None:
        super().__init__(name, "there is no such interface", "This host has: %s" % ", ".join(others))


class Neighbours(t.NamedTuple):
    """The names of the interfaces directly above one (a bond above its slaves) and below it."""

    uppers: t.Tuple[str, ...]
    lowers: t.Tuple[str, ...]


def interface_names() -> t.List[str]:
    """Return the names of the interfaces of this network namespace, sorted."""
    return sorted(name for name in os.listdir(SYS_NET) if os.path.isdir(os.path.join(SYS_NET, name)))


def find_interface(name: str) -> Interface:
    """Return the interface. Raises NoInterface, or FastpathError where the name can't be one."""
    if not _NAME.match(name) or name in (".", ".."):
        raise FastpathError(repr(name), "this can't be the name of an interface", "Use a name that 'ip link' shows")
    if not os.path.isdir(os.path.join(SYS_NET, name)):
        raise NoInterface(name, interface_names())
    try:
        driver = driver_name(name) or "virtual"
        return Interface(name, int(_read(name, "ifindex")), driver, int(_read(name, "mtu")), _read(name, "operstate"))
    except OSError as error:
        if error.errno not in _GOING:
            raise
        raise NoInterface(name, interface_names()) from error


def neighbours(name: str, sys_net: str = SYS_NET) -> Neighbours:
    """Return what lies directly above and below an interface. Raises C(OSError) where there is none."""
    entries = sorted(os.listdir(os.path.join(sys_net, name)))
    return Neighbours(*(tuple(entry[len(prefix):] for entry in entries if entry.startswith(prefix)) for prefix in ("upper_", "lower_")))


def device_mark(ifindex: int) -> t.Optional[str]:
    """Return what tells a device from another that has its number later: sysfs gives no inode number twice, a rename keeps it.

    V(none) where no device has the number.
    """
    try:
        name = socket.if_indextoname(ifindex)
    except OSError:
        return None
    return str(os.stat(os.path.join(SYS_NET, name, "")).st_ino)


def statistics(name: str) -> t.Dict[str, int]:
    """Return the interface's own counters since it was made (packets, bytes)."""
    return {key: int(_read(name, "statistics", key)) for key in STATISTICS}


def receive_queues(name: str) -> int:
    """Return how many receive queues an interface has."""
    return sum(1 for entry in os.listdir(os.path.join(SYS_NET, name, "queues")) if entry.startswith("rx-"))


def _read(*parts: str) -> str:
    with open(os.path.join(SYS_NET, *parts), encoding="ascii") as stream:
        return stream.read().strip()
