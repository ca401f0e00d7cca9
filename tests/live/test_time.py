# SPDX-License-Identifier: GPL-3.0-or-later

"""Rate limits and expiry, as time goes by."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import NamedTuple

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.live.entries import listed, set_expiry
from ansible_collections.vos.fastpath.tests.live.packets import request, response, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

SOURCE, SOURCE6, NEIGHBOUR6, FAR6 = "198.51.100.7", "2001:db8:7::7", "2001:db8:7::8", "2001:db8:8::7"
RATE, BURST = 50, 20
TICK = 1 / ticks_per_second()
SOON = 1.0
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


@pytest.mark.parametrize("source", ["203.0.113.5", "2001:db8:a::5"])
@pytest.mark.parametrize("prefix_length", ["host", "prefix"])
@pytest.mark.parametrize(("name", "there", "gone"), [("allow", "request", "stealth"), ("block", "blocklist", "stealth")])
def test_an_entry_counts_until_its_tick_and_not_after(
    native: Box, source: str, prefix_length: str, name: str, there: str, gone: str
) -> None:
    native.protect("native")
    networks = {"203.0.113.5": "203.0.113.0/24", "2001:db8:a::5": "2001:db8:a::/48"}
    expiry = time.monotonic() + SOON
    set_expiry(native.kernel, name, source if prefix_length == "host" else networks[source], ticks_of(expiry))
    check(watch(native, source, expiry + SOON / 3), expiry, there, gone)


def test_an_expired_prefix_gives_way_to_the_shorter_one(native: Box) -> None:
    native.protect("native")
    listed(native.kernel, "block", "203.0.0.0/16")
    expiry = time.monotonic() + SOON
    set_expiry(native.kernel, "allow", "203.0.113.0/24", ticks_of(expiry))
    check(watch(native, "203.0.113.5", expiry + SOON / 3), expiry, "request", "blocklist")


def test_a_source_on_both_lists_is_allowed_again_when_its_block_expires(native: Box) -> None:
    native.protect("native")
    listed(native.kernel, "allow", "203.0.113.5")
    expiry = time.monotonic() + SOON
    set_expiry(native.kernel, "block", "203.0.113.5", ticks_of(expiry))
    check(watch(native, "203.0.113.5", expiry + SOON / 3), expiry, "blocklist", "request")


def check(sightings: list[Sighting], expiry: float, there: str, gone: str) -> None:
    """Before it is one way, afterwards the other; a packet that was on its way in that very moment may be either."""
    reasons = [reason for reason, _group in itertools.groupby(seen.reason for seen in sightings)]
    assert reasons == [there, gone]
    wrong = [seen for seen in sightings if seen.before < expiry - 2 * TICK and seen.reason != there]
    wrong += [seen for seen in sightings if seen.after > expiry + 2 * TICK and seen.reason != gone]
    assert not wrong, f"the entry expires at {expiry}, a tick is {TICK} s"
    assert min(Counter(seen.reason for seen in sightings).values()) >= 3
