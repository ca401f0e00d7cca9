# SPDX-License-Identifier: GPL-3.0-or-later

"""Rate limits and expiry, as time goes by."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._clock import seconds_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.live.entries import last_seen, listed, set_expiry
from ansible_collections.vos.fastpath.tests.live.packets import request, response, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

SOURCE, SOURCE6, NEIGHBOUR6, FAR6 = "198.51.100.7", "2001:db8:7::7", "2001:db8:7::8", "2001:db8:8::7"
RATE, BURST = 50, 20
TICK = 1 / ticks_per_second()
PRECISION = 0.005
"""Seconds in which a packet can be sent and its verdict read."""
SLACK = PRECISION + 3 * TICK
SOON = 0.6
"""Seconds until an entry expires."""


def invites(source: str, count: int) -> list[bytes]:
    """So many calls."""
    return [udp(source, request(source, "INVITE"))] * count


def limit(box: Box, mode: str = "native") -> None:
    """Limit the requests of strangers, and have all tokens there."""
    box.protect(mode, Settings(rate_limit=RATE, rate_burst=BURST))


def most(seconds: float) -> int:
    """The tokens that a source can have had in this time: the burst, and what time brings, a tick on either side."""
    return BURST + int(RATE * (seconds + 2 * TICK)) + 1


def test_a_burst_passes_and_what_exceeds_it_does_not(native: Box) -> None:
    limit(native)
    begin = time.monotonic()
    found = native.send_counted(invites(SOURCE, 200))
    passed = found["request"]
    assert BURST <= passed <= most(time.monotonic() - begin)
    assert found == {"request": passed, "rate_limit": 200 - passed}
    assert native.counters()["blocked"] == 200 - passed


def test_over_time_the_rate_is_what_passes(native: Box) -> None:
    """For two seconds more is asked for than there is."""
    limit(native)
    begin, passed, sent = time.monotonic(), 0, 0
    while time.monotonic() < begin + 2:
        found = native.send_counted(invites(SOURCE, 5))
        passed, sent = passed + found["request"], sent + 5
    elapsed = time.monotonic() - begin
    assert sent > 2 * passed, "too few were sent to exceed the rate"
    assert BURST + RATE * (elapsed - 2 * TICK) - 5 <= passed <= most(elapsed)


def test_a_pause_fills_the_bucket_and_no_more_than_that(native: Box) -> None:
    limit(native)
    native.send_counted(invites(SOURCE, 100))
    time.sleep(2 * BURST / RATE)
    begin = time.monotonic()
    assert BURST <= native.send_counted(invites(SOURCE, 100))["request"] <= most(time.monotonic() - begin)


def test_sources_have_buckets_of_their_own_and_a_64_shares_one(native: Box) -> None:
    limit(native)
    begin = time.monotonic()
    native.send_counted(invites(SOURCE, 100))
    assert native.send_counted(invites("198.51.100.8", BURST)) == {"request": BURST}
    passed = native.send_counted(invites(SOURCE6, 100))["request"]
    passed += native.send_counted(invites(NEIGHBOUR6, 100))["request"]
    assert BURST <= passed <= most(time.monotonic() - begin)
    assert native.send_counted(invites(FAR6, BURST)) == {"request": BURST}


def test_known_peers_and_responses_are_not_limited(native: Box) -> None:
    limit(native)
    listed(native.kernel, "allow", "203.0.113.5")
    assert native.send_counted(invites("203.0.113.5", 300)) == {"request": 300}
    assert native.send_counted([udp(SOURCE, response(SOURCE))] * 300) == {"response": 300}


@pytest.mark.parametrize("audit", [True, False])
def test_the_limit_is_turned_while_packets_flow(native: Box, audit: bool) -> None:
    """Audit mode lets pass what it would drop; no limit drops nothing. Neither is a reload."""
    limit(native)
    assert native.send_counted(invites(SOURCE, 100))["rate_limit"] > 0
    before = native.kernel.attached(native.ifindex)
    settings = Settings(rate_limit=RATE if audit else 0, rate_burst=BURST, audit=audit)
    native.protect("native", settings)
    after = native.kernel.attached(native.ifindex)
    assert before and after and before.prog_id == after.prog_id
    blocked = native.counters()["blocked"]
    for frame in invites(SOURCE, 100):
        native.send(frame)
    deadline = time.monotonic() + 20
    while native.counters()["passed"] < 100:
        assert time.monotonic() < deadline, native.counters()
    assert native.counters()["blocked"] == blocked


class Clock(NamedTuple):
    """The program's clock, read off the wire: it was this tick at this time of CLOCK_MONOTONIC, give or take a tick or two."""

    tick: int
    monotonic: float

    def at(self, monotonic: float) -> int:
        """The tick at another time."""
        return self.tick + round((monotonic - self.monotonic) / TICK)


def clock_of(box: Box) -> Clock:
    """See when a packet was seen, as quickly as it can be done."""
    source = "203.0.113.250"
    listed(box.kernel, "allow", source)
    best, least = Clock(0, 0.0), 1.0
    for _try in range(30):
        begin = time.monotonic()
        box.send_counted(invites(source, 1))
        end = time.monotonic()
        if end - begin < least:
            best, least = Clock(last_seen(box.kernel, source), (begin + end) / 2), end - begin
    assert least < PRECISION, "this machine is too busy to tell the time"
    return best


def test_the_clock_of_user_space_is_the_one_of_the_program(native: Box, note: Callable[[str], None]) -> None:
    """But for what the kernel took from its first nanosecond to its first tick."""
    native.protect("native")
    clock = clock_of(native)
    ahead = clock.monotonic - seconds_of(clock.tick)
    note(f"the clock of user space is {1000 * ahead:.0f} ms ahead of the program's, a tick is {1000 * TICK:.0f} ms")
    assert -2 * TICK < ahead < 1


class Sighting(NamedTuple):
    """What became of a packet that was sent after one moment and judged before another."""

    after: float
    before: float
    reason: str


def watch(box: Box, source: str, end: float) -> list[Sighting]:
    """Send OPTIONS one by one until some time."""
    frame, found = udp(source, request(source)), []
    while (after := time.monotonic()) < end:
        (reason,) = box.send_counted([frame])
        found.append(Sighting(after, time.monotonic(), reason))
        time.sleep(0.005)
    return found


def expire(box: Box, name: str, text: str) -> float:
    """Have an entry expire soon; returns when."""
    clock, expiry = clock_of(box), time.monotonic() + SOON
    set_expiry(box.kernel, name, text, clock.at(expiry))
    return expiry


@pytest.mark.parametrize("source", ["203.0.113.5", "2001:db8:a::5"])
@pytest.mark.parametrize("length", ["host", "prefix"])
@pytest.mark.parametrize(("name", "there", "gone"), [("allow", "request", "stealth"), ("block", "blocklist", "stealth")])
def test_an_entry_counts_until_its_tick_and_not_after(
    native: Box, source: str, length: str, name: str, there: str, gone: str
) -> None:
    native.protect("native")
    networks = {"203.0.113.5": "203.0.113.0/25", "2001:db8:a::5": "2001:db8:a::/48"}
    expiry = expire(native, name, source if length == "host" else networks[source])
    check(watch(native, source, expiry + SOON / 4), expiry, there, gone)


def test_an_expired_prefix_gives_way_to_the_shorter_one(native: Box) -> None:
    native.protect("native")
    listed(native.kernel, "block", "203.0.0.0/16")
    expiry = expire(native, "allow", "203.0.113.0/24")
    check(watch(native, "203.0.113.5", expiry + SOON / 4), expiry, "request", "blocklist")


def test_a_source_on_both_lists_is_allowed_again_when_its_block_expires(native: Box) -> None:
    native.protect("native")
    listed(native.kernel, "allow", "203.0.113.5")
    expiry = expire(native, "block", "203.0.113.5")
    check(watch(native, "203.0.113.5", expiry + SOON / 4), expiry, "blocklist", "request")


def check(sightings: list[Sighting], expiry: float, there: str, gone: str) -> None:
    """Before it is one way, afterwards the other; a packet that was on its way in that very moment may be either."""
    assert [reason for reason, _group in itertools.groupby(seen.reason for seen in sightings)] == [there, gone]
    wrong = [seen for seen in sightings if seen.before < expiry - SLACK and seen.reason != there]
    wrong += [seen for seen in sightings if seen.after > expiry + SLACK and seen.reason != gone]
    assert not wrong, f"the entry expires at {expiry}, a tick is {TICK} s"
