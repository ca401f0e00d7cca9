# SPDX-License-Identifier: GPL-3.0-or-later

"""Counters: each packet once, by reason, slot and method; bytes; who is dropped most."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import frames as f
import harness
import pytest
from cases import DROPPED, LAWFUL
from harness import FOREVER
from model import REGISTERED

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

OPTIONS = f.sip4(f.request(b"OPTIONS"))


def top(program: harness.Program) -> dict[str, tuple[int, str]]:
    """The sources that are dropped most: how often, and why the last time."""
    found = {}
    for _key, raw in program.maps["top_sources"].items():
        for packed, packets, last_seen, reason, _reserved in abi.TOP_SOURCE.iter_unpack(raw):
            if any(packed):
                assert last_seen
                address = IPv6Address(packed)
                found[str(address.ipv4_mapped or address)] = (packets, abi.REASONS[reason].name)
    return found


def test_every_case_is_counted_once(program: harness.Program) -> None:
    everything = LAWFUL + DROPPED
    uncounted = {reason.name for reason in abi.REASONS if reason.counter is None}
    for case in everything:
        program.run(case.frame)
    counted = [case for case in everything if case.reason not in uncounted]
    counts = program.counts()
    assert sum(counts.reasons.values()) == sum(counts.counters.values()) == len(counted)
    assert counts.bytes == sum(len(case.frame) for case in counted)
    for key, _words in abi.COUNTERS:
        wanted = sum(reason.counter == key for case in counted for reason in abi.REASONS if reason.name == case.reason)
        assert counts.counters.get(key, 0) == wanted


def test_the_first_five_slots_are_where_older_readers_look(program: harness.Program) -> None:
    program.list("203.0.113.1", block=FOREVER)
    program.run(OPTIONS)
    program.run(f.sip4(f.request()), repeat=2)
    program.run(f.sip4(f.request(), source="203.0.113.1"), repeat=3)
    program.run(f.sip4(b"\x80" * 40), repeat=4)
    values = [program.maps["xdp_counters"].lookup(struct.pack("=I", slot)) or b"" for slot in range(5)]
    assert [sum(struct.unpack(f"={len(value) // 8}Q", value)) for value in values] == [1, 0, 2, 3, 4]


@pytest.mark.parametrize("method", sorted(REGISTERED))
def test_methods_are_counted(program: harness.Program, method: bytes) -> None:
    program.run(f.sip4(f.request(method)))
    program.run(f.sip6(f.request(method.lower())))
    program.run(f.sip6(f.request(method + b"!")))
    assert program.counts().methods == {method.decode(): 2, "other": 1}


@pytest.mark.parametrize("method", [*abi.METHODS])
def test_stealth_is_by_method(program: harness.Program, method: str) -> None:
    program.set(stealth_methods=harness.mask(method))
    for name in (*abi.METHODS[1:], "FOO"):
        hit = name == method or (method == "other" and name == "FOO")
        assert program.run(f.sip4(f.request(name.encode()))) == ("drop" if hit else "pass")


@pytest.mark.parametrize("frame", [OPTIONS, f.sip6(f.request(b"OPTIONS"))], ids=["IPv4", "IPv6"])
def test_who_is_dropped_is_told(program: harness.Program, frame: bytes) -> None:
    source = f.OUTSIDE4 if frame == OPTIONS else f.OUTSIDE6
    program.run(frame, repeat=9)
    assert top(program) == {source: (9, "stealth")}
    program.set(malformed_scope=1)
    program.run(frame)
    assert top(program) == {source: (9, "stealth")}, "what passes is not told"
    program.list(source, block=FOREVER)
    program.run(frame)
    assert top(program) == {source: (10, "blocklist")}


def test_audit_tells_who_would_be_dropped(program: harness.Program) -> None:
    program.set(flags=abi.SETTING_AUDIT, stealth_methods=harness.mask("OPTIONS"))
    assert program.run(OPTIONS) == "pass"
    assert top(program) == {f.OUTSIDE4: (1, "stealth")}


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """Stay on one CPU, so that there is one per-CPU table to look at."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def test_a_heavy_source_stays_among_thousands_of_others(program: harness.Program, one_cpu: None) -> None:
    heavy = f.sip4(f.request(b"OPTIONS"), source="203.0.113.99")
    for number in range(8000):
        program.run(f.sip4(f.request(b"OPTIONS"), source=str(ip_address(0x64400000 + number * 7))))
        if number % 4 == 0:
            program.run(heavy)
    found = top(program)
    assert max(found, key=lambda source: found[source][0]) == "203.0.113.99"
    assert 1900 < found["203.0.113.99"][0] <= 2000
    assert len(found) <= abi.TOP_SOURCES_MAX


def test_headers_that_are_too_deep_have_a_source_but_tags_do_not(program: harness.Program) -> None:
    by_name = {case.name: case.frame for case in DROPPED}
    program.run(by_name["OPTIONS in five tags"])
    assert top(program) == {}
    program.run(by_name["OPTIONS behind 9 headers"])
    assert top(program) == {f.OUTSIDE6: (1, "ext_depth")}
