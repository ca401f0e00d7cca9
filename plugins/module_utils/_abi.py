# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What user space knows of files/sip_abi.h: names, numbers and layouts. A test compares the two."""

from __future__ import annotations

import struct
import typing as t

__all__ = (
    "COUNTERS",
    "CONFIG",
    "CONFIG_AF_XDP",
    "CONFIG_FRAGS",
    "GATE",
    "HOST_MAPS",
    "INTERFACE_MAPS",
    "LISTS",
    "LIST_ENTRY",
    "MALFORMED_SCOPES",
    "MAPS",
    "MapShape",
    "METHODS",
    "METHOD_SLOTS",
    "PORTS_MAX",
    "PROGRAM_NAME",
    "RATE_BUCKET",
    "RATE_CHURN",
    "RATE_SOURCE",
    "RATE_SOURCES_MAX",
    "REASONS",
    "REASON_SLOTS",
    "Reason",
    "SETTINGS",
    "SETTING_AUDIT",
    "STATS_NUMBERS",
    "TOP_SOURCE",
    "TOP_SOURCES_MAX",
    "XSK_QUEUES_MAX",
)

PROGRAM_NAME = "sip_logic"

COUNTERS = (
    ("options_dropped", "OPTIONS dropped (stealth)"),
    ("redirected", "Redirected (AF_XDP)"),
    ("passed", "Passed to stack"),
    ("blocked", "Blocked source"),
    ("malformed", "Malformed"),
)
"""The slots of C(xdp_counters) in their order: key, and the words a report uses."""


class Reason(t.NamedTuple):
    """Why a packet got its verdict: a row of the decision table."""

    name: str
    verdict: str
    """C(pass), C(drop) or C(redirect)."""
    counter: t.Optional[str]
    """The slot of C(xdp_counters) that counts it too; V(none) where the packet is not counted at all."""


REASONS = (
    Reason("short", "pass", None),
    Reason("vlan_depth", "drop", "malformed"),
    Reason("not_ip", "pass", None),
    Reason("ip_invalid", "pass", None),
    Reason("fragment", "pass", None),
    Reason("ext_depth", "drop", "malformed"),
    Reason("not_udp", "pass", None),
    Reason("other_port", "pass", None),
    Reason("blocklist", "drop", "blocked"),
    Reason("udp_len", "drop", "malformed"),
    Reason("stun", "pass", "passed"),
    Reason("keepalive", "pass", "passed"),
    Reason("tiny_fragment", "drop", "malformed"),
    Reason("leading_blanks", "drop", "malformed"),
    Reason("response", "pass", "passed"),
    Reason("status_line", "drop", "malformed"),
    Reason("stealth", "drop", "options_dropped"),
    Reason("short_payload", "pass", "passed"),
    Reason("malformed_method", "drop", "malformed"),
    Reason("line_cut", "pass", "passed"),
    Reason("malformed_start_line", "drop", "malformed"),
    Reason("rate_limit", "drop", "blocked"),
    Reason("redirect", "redirect", "redirected"),
    Reason("request", "pass", "passed"),
)
"""Indexed by C(enum sip_reason)."""

REASON_SLOTS = 32

METHODS = (
    "other",
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
)
"""Indexed by C(enum sip_method)."""

METHOD_SLOTS = 16

STATS_NUMBERS = 4 * REASON_SLOTS + METHOD_SLOTS
"""In C(struct sip_stats), all u64: packets and bytes by reason, the same of what audit mode would drop, requests by method."""

MALFORMED_SCOPES = ("off", "untrusted", "all")
"""Indexed by C(enum sip_malformed_scope)."""

LISTS = {"allow": 1, "block": 2}
"""Bits of C(enum sip_list)."""

SETTING_AUDIT = 1
PORTS_MAX = 8
XSK_QUEUES_MAX = 256
RATE_SOURCES_MAX = 65536
TOP_SOURCES_MAX = 1024

CONFIG_AF_XDP = 1
CONFIG_FRAGS = 2

CONFIG = struct.Struct("=I16sII")
"""C(struct sip_config), which is all of .rodata: port_count, ports (8 x u16, network byte order), flags (C(CONFIG_*)), hz.

C(hz) is the kernel's ticks per second, C(_clock.HZ).
"""

SETTINGS = struct.Struct("=IIIIII")
"""C(struct sip_settings): flags, stealth_methods, malformed_scope, rate_per_second, rate_burst, reserved."""

LIST_ENTRY = struct.Struct("=IIQQQQ")
"""C(struct list_entry): lists, prefix_len (of its key, 32 or 128 for a host), allow_expires, block_expires, hits, last_seen.

Times are in ticks, see C(_clock.py).
"""

RATE_SOURCE = struct.Struct("=8sI")
"""C(struct rate_source): network (an IPv4 address and zeros, or the first 8 bytes of an IPv6 one), family (4 or 6)."""

RATE_BUCKET = struct.Struct("=QQ")
"""C(struct rate_bucket): filled, level."""

RATE_CHURN = struct.Struct("=QQ")
"""C(struct rate_churn): tick, created."""

TOP_SOURCE = struct.Struct("=16sQQII")
"""C(struct top_source): address (IPv4 as ::ffff:a.b.c.d), packets, last_seen (tick), reason, reserved."""

GATE = struct.Struct("=IIIIII")
"""C(struct list_gate): entries in hosts_v4, hosts_v6, prefixes_v4, prefixes_v6; entries allowed, blocked."""


class MapShape(t.NamedTuple):
    """A map as the object defines it; C(type) and C(flags) are numbers of linux/bpf.h."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0


_HASH, _ARRAY, _PERCPU_ARRAY, _LRU_HASH, _LPM_TRIE, _XSKMAP = 1, 2, 6, 9, 11, 17
_NO_PREALLOC = 1

HOST_MAPS = (
    MapShape("hosts_v4", _HASH, 4, LIST_ENTRY.size, 1 << 20, _NO_PREALLOC),
    MapShape("hosts_v6", _HASH, 16, LIST_ENTRY.size, 1 << 20, _NO_PREALLOC),
    MapShape("prefixes_v4", _LPM_TRIE, 8, LIST_ENTRY.size, 1 << 20, _NO_PREALLOC),
    MapShape("prefixes_v6", _LPM_TRIE, 20, LIST_ENTRY.size, 1 << 20, _NO_PREALLOC),
    MapShape("list_gate", _ARRAY, 4, GATE.size, 1),
)
"""One per host, shared by the programs of all interfaces."""

INTERFACE_MAPS = (
    MapShape("xdp_counters", _PERCPU_ARRAY, 4, 8, len(COUNTERS)),
    MapShape("xdp_stats", _PERCPU_ARRAY, 4, 8 * STATS_NUMBERS, 1),
    MapShape("xdp_settings", _ARRAY, 4, SETTINGS.size, 1),
    MapShape("xsks_map", _XSKMAP, 4, 4, XSK_QUEUES_MAX),
    MapShape("rate_sources", _LRU_HASH, RATE_SOURCE.size, RATE_BUCKET.size, RATE_SOURCES_MAX),
    MapShape("rate_churn", _PERCPU_ARRAY, 4, RATE_CHURN.size, 1),
    MapShape("top_sources", _PERCPU_ARRAY, 4, TOP_SOURCE.size, TOP_SOURCES_MAX),
)
"""One per interface: its counters, its settings, its AF_XDP sockets (whose queue numbers are the interface's own)."""

MAPS = {shape.name: shape for shape in HOST_MAPS + INTERFACE_MAPS}
