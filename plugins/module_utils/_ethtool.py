# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ethtool tells of a device: its driver, its queues, what it joins to larger packets before anybody sees them."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import typing as t

__all__ = ("Channels", "channels", "driver_name", "merges_packets")

_SIOCETHTOOL, _IFREQ_SIZE = 0x8946, 40
_GET_DRIVER_INFO, _DRIVER_INFO_SIZE = 0x03, 196
_GET_FLAGS, _FLAG_LRO = 0x25, 1 << 15
_GET_CHANNELS, _CHANNELS = 0x3C, struct.Struct("=9I")


class Channels(t.NamedTuple):
    """Queues in use, and how many the device could have (C(ethtool -l))."""

    rx: int
    tx: int
    most: int


def driver_name(name: str) -> t.Optional[str]:
    """Return the driver's name (C(struct ethtool_drvinfo)); V(none) where there is none that says."""
    info = _ethtool(name, _GET_DRIVER_INFO, _DRIVER_INFO_SIZE)
    return info[4:36].split(b"\0", 1)[0].decode("ascii", "replace") if info else None


def merges_packets(name: str) -> bool:
    """Whether the device merges packets (large receive offload), which some drivers don't do together with XDP."""
    flags = _ethtool(name, _GET_FLAGS, 8)
    return bool(flags and struct.unpack_from("=4xI", flags)[0] & _FLAG_LRO)


def channels(name: str) -> t.Optional[Channels]:
    """Return the queues (C(struct ethtool_channels)); V(none) where the driver does not tell."""
    raw = _ethtool(name, _GET_CHANNELS, _CHANNELS.size)
    if raw is None:
        return None
    _command, _most_rx, most_tx, _other, most_combined, rx, tx, _other_count, combined = _CHANNELS.unpack(raw)
    return Channels(rx + combined, tx + combined, most_tx + most_combined)


def _ethtool(name: str, command: int, size: int) -> t.Optional[bytes]:
    """Return what the driver fills in, V(none) where it does not know the question."""
    answer = ctypes.create_string_buffer(struct.pack("=I", command), size)
    request = struct.pack("16sP", name.encode(), ctypes.addressof(answer)).ljust(_IFREQ_SIZE, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        try:
            fcntl.ioctl(anything, _SIOCETHTOOL, request)
        except OSError:
            return None
    return answer.raw
