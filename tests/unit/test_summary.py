# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts for people."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._stats_summary import summary

NO_LISTS = {"lists": {"allow": 0, "block": 0}, "tables": {"hosts_v4": {"entries": 0, "capacity": 1 << 20, "fill": 0.0}}}


def counted(**numbers: int) -> dict[str, Any]:
    """Packets and bytes by reason, where each packet has 411 bytes."""
    return {reason: {"packets": number, "bytes": 411 * number} for reason, number in numbers.items()}


def filtered(**more: Any) -> dict[str, Any]:
    """The facts of an interface with our filter."""
    found = {
        "attached": True, "mode": "native", "driver": "virtio_net", "prog_id": 12, "uptime": 273906.4, "audit": False,
        "reasons": counted(blocklist=0, stealth=0, request=0), "would_drop": counted(stealth=0), "methods": {"OPTIONS": 0, "INVITE": 0},
        "rates": None, "top_sources": [], "af_xdp_queues": [], "af_xdp_misplaced": [],
    }  # fmt: skip
    return {**found, **more}


def lines(**interfaces: dict[str, Any]) -> list[str]:
    """The summary of these interfaces; the last line, of the lists, left out."""
    return summary({"interfaces": {name: {"carries": [name], **found} for name, found in interfaces.items()}, **NO_LISTS})[:-1]


def test_a_host_without_a_filter() -> None:
    assert summary({"interfaces": {}, **NO_LISTS}) == ["No interface carries a filter", "lists: allow 0, block 0"]


def test_an_interface_without_ours() -> None:
    assert lines(
        eth0={"attached": False, "prog_id": None, "mode": None},
        eth1={"attached": False, "prog_id": 7, "mode": "generic"},
    ) == ["eth0: no filter", "eth1: program 7 of somebody else, generic"]


def test_what_carries_the_filter_for_a_name_above_says_so() -> None:
    assert lines(bond0={"attached": False, "prog_id": None, "carries": ["bond0.100", "bond0"]}) == ["bond0, for bond0.100: no filter"]


def test_a_filter_that_counted_nothing_has_no_zeros() -> None:
    assert lines(eth0=filtered()) == ["eth0: native, virtio_net, program 12, up 3 d 4 h", "  no SIP packet yet"]


def test_what_was_counted_is_aligned_and_drops_come_first() -> None:
    found = filtered(reasons=counted(blocklist=17, stealth=1200, request=88123), methods={"OPTIONS": 1200, "INVITE": 311, "BYE": 0})
    assert lines(eth0=found)[1:] == [
        "  drop  stealth     1,200  493.2 kB",
        "  drop  blocklist      17    7.0 kB",
        "  pass  request    88,123   36.2 MB",
        "  requests: OPTIONS 1,200, INVITE 311",
    ]


def test_rates_are_beside_the_numbers() -> None:
    rates = {"reasons": {"stealth": {"packets": 1234.5, "bytes": 0.0}, "request": {"packets": 0.0, "bytes": 0.0}}, "would_drop": {}}
    assert lines(eth0=filtered(reasons=counted(stealth=2, request=1), rates=rates))[1:] == [
        "  drop  stealth  2  822 B  1,234.5/s",
        "  pass  request  1  411 B      0.0/s",
    ]


def test_audit_mode_is_said_and_what_it_would_drop() -> None:
    assert lines(eth0=filtered(audit=True, reasons=counted(request=1), would_drop=counted(stealth=20))) == [
        "eth0: native, virtio_net, program 12, up 3 d 4 h, AUDIT: nothing is dropped",
        "  pass        request   1   411 B",
        "  would drop  stealth  20  8.2 kB",
    ]


def test_who_is_dropped_most() -> None:
    sources = [
        {"address": "198.18.0.2", "packets": 1200, "reason": "stealth", "seconds_ago": 0.3},
        {"address": "2001:db8::4", "packets": 17, "reason": "blocklist", "seconds_ago": 3700.0},
    ]
    assert lines(eth0=filtered(top_sources=sources))[-3:] == [
        "  dropped most:",
        "    198.18.0.2   1,200  stealth    0 s ago",
        "    2001:db8::4     17  blocklist  1 h 1 min ago",
    ]


def test_sockets_are_named_and_lost_packets_shouted_about() -> None:
    assert lines(eth0=filtered(af_xdp_queues=[0, 2], af_xdp_misplaced=[1]))[-2:] == [
        "  AF_XDP sockets: queue 0, 2",
        "  LOST, AF_XDP socket of another queue: queue 1",
    ]


def test_the_lists_and_how_full_their_tables_are() -> None:
    tables = {"hosts_v4": {"fill": 0.954}, "hosts_v6": {"fill": 0.0}, "prefixes_v4": {"fill": 0.25}}
    found = summary({"interfaces": {}, "lists": {"allow": 2, "block": 1262144}, "tables": tables})
    assert found[-1] == "lists: allow 2, block 1,262,144; hosts_v4 95 % full; prefixes_v4 25 % full"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h")])
def test_time_is_told_in_two_units(seconds: float, words: str) -> None:
    assert lines(eth0=filtered(uptime=seconds))[0].endswith("up " + words)


@pytest.mark.parametrize(("packets", "words"), [(1, "411 B"), (10**15, "411.0 PB"), (10**18, "411000.0 PB")])
def test_bytes_are_told_in_units(packets: int, words: str) -> None:
    assert lines(eth0=filtered(reasons=counted(request=packets)))[1].endswith("  " + words)
