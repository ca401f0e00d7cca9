# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists change all the time while packets flow, and none of these meets a wrong verdict."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix
from ansible_collections.vos.fastpath.tests.live.entries import change, hits, listed, prefixes
from ansible_collections.vos.fastpath.tests.live.packets import packed, request, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

ALLOWED = ("203.0.113.5", "198.18.0.0/16", "2001:db8:a::5", "2001:db8:aa::/48")
BLOCKED = ("203.0.113.66", "198.18.7.0/24", "2001:db8:b::66", "2001:db8:aa:b::/64")
"""Hosts and prefixes; some of the blocked ones are within allowed ones."""

EXPECTED = {
    "203.0.113.5": "request",
    "198.18.200.1": "request",
    "2001:db8:a::5": "request",
    "2001:db8:aa::1": "request",
    "203.0.113.66": "blocklist",
    "198.18.7.7": "blocklist",
    "2001:db8:b::66": "blocklist",
    "2001:db8:aa:b::1": "blocklist",
    "203.0.113.99": "stealth",
    "198.19.0.1": "stealth",
    "2001:db8:c::1": "stealth",
}
"""What becomes of OPTIONS from there."""

OTHERS = 2000
PACKETS = 300 * len(EXPECTED)
LEAST_CHANGES = 20


def others(choice: random.Random) -> list[Prefix]:
    """Hosts and prefixes that none of the sources is in, some of them next to one."""
    found = []
    for _each in range(OTHERS):
        host = bytes((10, *choice.randbytes(3)))
        found.append(choice.choice((Prefix("v4", host, 32), Prefix("v4", host[:3] + b"\0", 24))))
        host = packed("2001:db8:10::")[:6] + choice.randbytes(10)
        found.append(choice.choice((Prefix("v6", host, 128), Prefix("v6", host[:8] + bytes(8), 64))))
    near = prefixes("203.0.113.4", "203.0.113.67", "198.18.7.8", "198.18.6.0/24", "198.18.201.0/24", "2001:db8:aa:c::/64", "198.19.1.0/24")
    return list(dict.fromkeys(found + choice.sample(near, 4)))


class Churn:
    """Another thread that changes the lists until it is told to stop: exact replacements, additions, removals."""

    def __init__(self, change_once: Callable[[int], None]) -> None:
        self.changes = 0
        self._change_once = change_once
        self._ending = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Churn:
        self._future = self._pool.submit(self._run)
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._future.result()
        self._pool.shutdown()

    def goes_on(self, changes: int) -> bool:
        """Whether fewer changes than these were made; raises what went wrong."""
        if self._future.done():
            self._future.result()
        return self.changes < changes

    def _run(self) -> None:
        while not self._ending.is_set():
            self._change_once(self.changes)
            self.changes += 1


def replace_all(kernel: Kernel, choice: random.Random) -> Callable[[int], None]:
    """By turns: each list is made to be exactly the sources' entries and others, or gets and loses others."""
    keys = {"allow": prefixes(*ALLOWED), "block": prefixes(*BLOCKED)}
    added: list[Prefix] = []

    def once(turn: int) -> None:
        name = ("allow", "block")[turn % 2]
        if turn % 6 < 2:
            change(kernel, name, keys[name] + others(choice), "exact")
        elif turn % 6 < 4:
            added[:] = [prefix for prefix in others(choice) if prefix not in keys["allow"] + keys["block"]]
            change(kernel, name, added, "present")
        else:
            change(kernel, name, added if turn % 12 < 6 else others(choice), "absent")

    return once


def test_no_packet_meets_a_wrong_verdict_while_the_lists_change(native: Box, note: Callable[[str], None]) -> None:
    native.protect("native")
    listed(native.kernel, "allow", *ALLOWED)
    listed(native.kernel, "block", *BLOCKED)
    with Churn(replace_all(native.kernel, random.Random(3))) as churn:
        sent = send_while(native, lambda: churn.goes_on(LEAST_CHANGES))
    note(f"{sent} packets while the lists changed {churn.changes} times by about {2 * OTHERS} entries: no wrong verdict")


def test_no_packet_meets_a_wrong_verdict_while_tables_get_their_first_and_lose_their_last_entry(native: Box) -> None:
    """Then the program stops looking into them, and begins again."""
    native.protect("native")
    listed(native.kernel, "allow", "203.0.113.5", "2001:db8:aa::/48")
    listed(native.kernel, "block", "203.0.113.66", "2001:db8:aa:b::/64")
    expected = ("203.0.113.5", "2001:db8:aa::1", "203.0.113.66", "2001:db8:aa:b::1", "203.0.113.99")
    emptied = prefixes("10.0.0.0/8", "2001:db8:10::1", "10.1.2.3", "2001:db8:11::/48")

    def once(turn: int) -> None:
        change(native.kernel, "block", emptied, ("present", "absent")[turn % 2])

    with Churn(once) as churn:
        send_while(native, lambda: churn.goes_on(10 * LEAST_CHANGES), {source: EXPECTED[source] for source in expected})


def test_a_source_stays_blocked_while_its_entry_gives_way_to_its_networks_and_back(native: Box) -> None:
    """What is new is there before what it replaces goes."""
    native.protect("native")
    entries = (["203.0.113.66", "2001:db8:b::66"], ["203.0.113.0/24", "2001:db8:b::/48"])
    listed(native.kernel, "block", *entries[1])

    def once(turn: int) -> None:
        change(native.kernel, "block", prefixes(*entries[turn % 2]), "exact")

    with Churn(once) as churn:
        send_while(native, lambda: churn.goes_on(20 * LEAST_CHANGES), dict.fromkeys(entries[0], "blocklist"))


def test_an_entry_knows_what_it_decided(native: Box) -> None:
    native.protect("native")
    listed(native.kernel, "block", "203.0.113.66", "198.18.7.0/24")
    sources = ["203.0.113.66"] * 30 + ["198.18.7.7"] * 20 + ["198.18.7.8"] * 5 + ["203.0.113.99"]
    assert native.send_counted(udp(source, request(source)) for source in sources) == {"blocklist": 55, "stealth": 1}
    assert (hits(native.kernel, "203.0.113.66"), hits(native.kernel, "198.18.7.0/24")) == (30, 25)


def send_while(box: Box, wanted: Callable[[], bool], expected: Mapping[str, str] = MappingProxyType(EXPECTED)) -> int:
    """Send OPTIONS from every source in turn, and hold each window against what is expected; returns how many."""
    frames = {source: udp(source, request(source)) for source in expected}
    total = 0
    while wanted() or total < PACKETS:
        sources = list(itertools.islice(in_turn(expected), 4 * len(expected)))
        assert box.send_counted(frames[source] for source in sources) == Counter(expected[source] for source in sources)
        total += len(sources)
    return total


def in_turn(expected: dict[str, str]) -> Iterator[str]:
    """The sources, again and again."""
    return itertools.cycle(expected)
