# SPDX-License-Identifier: GPL-3.0-or-later

"""The rate limit over time, per source, and what bounds it."""

from __future__ import annotations

import struct
import time

import frames as f
import harness
import pytest
from harness import FOREVER

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

INVITE4, INVITE6 = f.sip4(f.request()), f.sip6(f.request())
NEW_SOURCES_PER_TICK = 64  # files/sip_rate.h


@pytest.fixture
def limited(program: harness.Program) -> harness.Program:
    """Ten requests a second, five at once."""
    program.set(rate_per_second=10, rate_burst=5)
    return program


def passed(program: harness.Program, frame: bytes, times: int) -> int:
    return [program.run(frame) for _time in range(times)].count("pass")


def wait_for_room(program: harness.Program) -> None:
    """Into a fresh tick, in which new sources are remembered."""
    time.sleep(0.02)


@pytest.mark.parametrize("frame", [INVITE4, INVITE6], ids=["IPv4", "IPv6"])
def test_a_burst_passes_and_then_the_rate(limited: harness.Program, frame: bytes) -> None:
    assert passed(limited, frame, 50) == 5
    time.sleep(0.35)
    assert passed(limited, frame, 50) in (3, 4)
    time.sleep(1.0)
    assert passed(limited, frame, 50) == 5, "never more than the burst"
    assert limited.counts().reasons["rate_limit"] >= 135
    assert limited.counts().counters["blocked"] == limited.counts().reasons["rate_limit"]


def test_over_a_second_the_rate_is_the_rate(program: harness.Program) -> None:
    program.set(rate_per_second=1000, rate_burst=1000)
    while program.run(INVITE4) == "pass":
        pass
    began = time.monotonic()
    through = 0
    while time.monotonic() < began + 1.0:
        through += program.run(INVITE4) == "pass"
    assert through == pytest.approx(1000 * (time.monotonic() - began), abs=30)


def _hz(program: harness.Program) -> int:
    """Ticks per second, as the program has them."""
    return struct.unpack_from("=I", harness.config(), abi.CONFIG.size - 4)[0]


def test_every_source_has_its_own_bucket(limited: harness.Program) -> None:
    for last in range(1, 6):
        wait_for_room(limited)
        assert passed(limited, f.sip4(f.request(), source=f"198.51.100.{last}"), 20) == 5


def test_of_ipv6_a_64_is_a_source(limited: harness.Program) -> None:
    assert passed(limited, f.sip6(f.request(), source="2001:db8:5::1"), 20) == 5
    assert passed(limited, f.sip6(f.request(), source="2001:db8:5:0:1:2:3:4"), 20) == 0
    wait_for_room(limited)
    assert passed(limited, f.sip6(f.request(), source="2001:db8:5:1::1"), 20) == 5


def test_an_ipv6_network_is_no_ipv4_address(limited: harness.Program) -> None:
    assert passed(limited, f.sip4(f.request(), source="32.1.13.184"), 20) == 5
    wait_for_room(limited)
    assert passed(limited, f.sip6(f.request(), source="2001:db8::1"), 20) == 5


def test_only_requests_of_untrusted_sources_take_tokens(limited: harness.Program) -> None:
    assert passed(limited, f.sip4(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"), 50) == 50
    assert passed(limited, f.sip4(b"\r\n\r\n"), 50) == 50
    limited.list(f.OUTSIDE4, allow=FOREVER)
    assert passed(limited, INVITE4, 50) == 50
    limited.list(f.OUTSIDE4, block=FOREVER)
    assert passed(limited, INVITE4, 50) == 0
    assert list(limited.maps["rate_sources"].items()) == []


def test_in_audit_the_rate_only_counts(limited: harness.Program) -> None:
    limited.set(flags=abi.SETTING_AUDIT, rate_per_second=10, rate_burst=5)
    assert passed(limited, INVITE4, 50) == 50
    counts = limited.counts()
    assert counts.would_drop["rate_limit"] + counts.reasons["request"] == 50
    assert counts.would_drop["rate_limit"] >= 44


def test_changing_the_rate_keeps_nobody_out(limited: harness.Program) -> None:
    assert passed(limited, INVITE4, 20) == 5
    limited.set(rate_per_second=100000, rate_burst=1000)
    time.sleep(0.05)
    assert passed(limited, INVITE4, 50) == 50
    limited.set(rate_per_second=1, rate_burst=2)
    assert passed(limited, INVITE4, 50) == 2
    limited.set()
    assert passed(limited, INVITE4, 50) == 50


def test_an_idle_bucket_is_full_however_long_ago(limited: harness.Program) -> None:
    key = abi.RATE_SOURCE.pack(bytes((198, 51, 100, 7)), 4)
    limited.maps["rate_sources"].update(key, abi.RATE_BUCKET.pack(1, 0))
    limited.set(rate_per_second=(1 << 32) - 1, rate_burst=(1 << 32) - 1)
    assert passed(limited, INVITE4, 50) == 50
    limited.maps["rate_sources"].update(key, abi.RATE_BUCKET.pack(1 << 62, 0))
    assert passed(limited, INVITE4, 1) == 0, "a bucket filled by a clock that is ahead gains nothing"


def test_spoofed_sources_churn_the_table_within_bounds(limited: harness.Program) -> None:
    sent = [f.sip4(f.request(), source=f"100.64.{number // 256}.{number % 256}") for number in range(5000)]
    wait_for_room(limited)
    began = time.monotonic()
    verdicts = [limited.run(frame) for frame in sent]
    ticks = (time.monotonic() - began) * _hz(limited) + 2
    assert set(verdicts) == {"pass"}
    remembered = len(list(limited.maps["rate_sources"].items()))
    assert NEW_SOURCES_PER_TICK <= remembered <= NEW_SOURCES_PER_TICK * ticks
    assert remembered < len(sent)
