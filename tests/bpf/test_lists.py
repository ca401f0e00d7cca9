# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program makes of the lists: longest prefix, expiry, hits, gates, and a million of them."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import frames as f
import harness
import pytest
from harness import FOREVER

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi
from ansible_collections.vos.fastpath.plugins.module_utils import _clock

OPTIONS4, OPTIONS6 = f.sip4(f.request(b"OPTIONS")), f.sip6(f.request(b"OPTIONS"))
PAST = 1.0
BOOT = 1.0
"""Ticks are counted from a little after CLOCK_MONOTONIC starts, so conversions are right to this many seconds (0.2 seen)."""


def verdict(program: harness.Program, frame: bytes) -> str:
    """The reason the frame was counted for."""
    before = program.counts().reasons
    program.run(frame)
    after = program.counts().reasons
    (reason,) = (name for name in after if after[name] != before.get(name))
    return reason


FAMILIES = pytest.mark.parametrize(("frame", "host", "near", "far"), [
    (OPTIONS4, f.OUTSIDE4, "198.51.100.0/25", "198.51.0.0/16"),
    (OPTIONS6, f.OUTSIDE6, "2001:db8:5::/64", "2001:db8::/32"),
], ids=["IPv4", "IPv6"])  # fmt: skip


@FAMILIES
def test_the_longest_prefix_decides(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    assert verdict(program, frame) == "stealth"
    program.list(far, block=FOREVER)
    assert verdict(program, frame) == "blocklist"
    program.list(near, allow=FOREVER)
    assert verdict(program, frame) == "request"
    program.list(host, block=FOREVER)
    assert verdict(program, frame) == "blocklist"


@FAMILIES
def test_on_a_tie_the_blocklist_wins(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    for where in (host, near, far):
        program.forget()
        program.list(where, allow=FOREVER, block=FOREVER)
        assert verdict(program, frame) == "blocklist"


@FAMILIES
def test_an_expired_entry_leaves_the_next_shorter_prefix(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    program.list(host, allow=PAST)
    program.list(near, allow=PAST)
    program.list(far, block=FOREVER)
    assert verdict(program, frame) == "blocklist"
    assert [program.entry(where)[4] for where in (host, near, far)] == [0, 0, 1]


@FAMILIES
def test_each_list_of_an_entry_expires_for_itself(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    for where in (host, near):
        program.forget()
        program.list(where, allow=FOREVER, block=PAST)
        assert verdict(program, frame) == "request"
        program.list(where, allow=PAST, block=FOREVER)
        assert verdict(program, frame) == "blocklist"
        program.list(where, allow=PAST, block=PAST)
        assert verdict(program, frame) == "stealth"


def test_three_expired_prefixes_are_stepped_over_and_a_fourth_is_not(program: harness.Program) -> None:
    for length in (30, 29, 28):
        program.list(f"198.51.100.0/{length - 2}", allow=PAST)
    program.list("198.0.0.0/8", block=FOREVER)
    assert verdict(program, OPTIONS4) == "blocklist"
    program.list("198.51.100.0/25", allow=PAST)
    assert verdict(program, OPTIONS4) == "stealth"


@FAMILIES
def test_an_entry_works_until_its_time(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    for where in (host, far):
        program.forget()
        program.list(where, block=time.clock_gettime(time.CLOCK_MONOTONIC) + 0.3)
        assert verdict(program, frame) == "blocklist"
        time.sleep(0.3 + BOOT)
        assert verdict(program, frame) == "stealth"


@FAMILIES
def test_hits_and_last_seen(program: harness.Program, frame: bytes, host: str, near: str, far: str) -> None:
    for where in (host, near):
        program.forget()
        program.list(where, allow=FOREVER)
        assert program.entry(where)[4:] == (0, 0)
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        program.run(frame, repeat=5)
        program.run(frame)
        hits, last_seen = program.entry(where)[4:]
        assert hits == 6
        assert before - BOOT < _clock.seconds_of(last_seen) < time.clock_gettime(time.CLOCK_MONOTONIC) + BOOT


def test_what_is_no_sip_leaves_no_hit(program: harness.Program) -> None:
    program.list(f.OUTSIDE4, block=FOREVER)
    assert program.run(f.sip4(b"x" * 172, port=16384)) == "pass"
    assert program.entry(f.OUTSIDE4)[4] == 0


@pytest.mark.parametrize(("table", "where", "frame"), [
    ("hosts_v4", f.OUTSIDE4, OPTIONS4), ("prefixes_v4", "198.51.100.0/24", OPTIONS4),
    ("hosts_v6", f.OUTSIDE6, OPTIONS6), ("prefixes_v6", "2001:db8:5::/64", OPTIONS6),
])  # fmt: skip
def test_a_table_is_asked_only_where_its_gate_is_open(program: harness.Program, table: str, where: str, frame: bytes) -> None:
    program.list(where, block=FOREVER)
    assert verdict(program, frame) == "blocklist"
    program.maps["list_gate"].update(harness.FIRST, bytes(abi.GATE.size))
    assert verdict(program, frame) == "stealth"
    names = [shape.name for shape in abi.HOST_MAPS[:4]]
    for other in names:
        program.maps["list_gate"].update(harness.FIRST, abi.GATE.pack(*(int(name == other) for name in names), 1, 1))
        assert verdict(program, frame) == ("blocklist" if other == table else "stealth")


def test_a_trusted_source_may_scan_and_be_wrong(program: harness.Program) -> None:
    junk = f.sip4(b"no SIP at all, but more than twenty bytes")
    assert verdict(program, junk) == "malformed_start_line"
    program.list(f.OUTSIDE4, allow=FOREVER)
    assert verdict(program, junk) == "request"
    assert verdict(program, f.sip4(b"SIP/hello, this is wrong")) == "response"
    assert verdict(program, f.sip4(b"\n" * 65)) == "leading_blanks"
    program.set(malformed_scope=2)
    assert verdict(program, junk) == "malformed_start_line"


def test_a_million_hosts(object_file: Path) -> None:
    entry = abi.LIST_ENTRY.pack(abi.LISTS["block"], 32, 0, 0, 0, 0)
    with harness.load(object_file) as program:
        hosts = [struct.pack("!I", 0x0A000000 + number) for number in range(1_000_000)]
        program.maps["hosts_v4"].update_many(hosts, [entry] * len(hosts))
        program.maps["list_gate"].update(harness.FIRST, abi.GATE.pack(len(hosts), 0, 0, 0, 0, len(hosts)))
        for source in ("10.0.0.0", "10.7.161.32", "10.15.66.63"):
            assert verdict(program, f.sip4(f.request(), source=source)) == "blocklist"
        for source in ("9.255.255.255", "10.15.66.64"):
            assert verdict(program, f.sip4(f.request(), source=source)) == "request"
