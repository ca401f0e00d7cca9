# SPDX-License-Identifier: GPL-3.0-or-later

"""Counters are zeroed while packets come: every packet is in exactly one of the snapshots."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable

from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.live import packets
from ansible_collections.vos.fastpath.tests.live.world import PATIENCE, WINDOW, Box

FRAMES = 15_000
MINE = {"OPTIONS": 2, "INVITE": 1}
"""Of three frames so many."""


def taken(box: Box) -> Counter[str]:
    """What the filter counted since the last time: reasons, methods and counters, in one."""
    params = {"interfaces": [box.name], "interval": 0.0, "top": 10, "reset": True, "query": None}
    found = stats_task(params, False)["ansible_facts"]["vos_fastpath"]
    reasons = {reason: both["packets"] for reason, both in found["reasons"].items()}
    size = {"bytes": sum(both["bytes"] for both in found["reasons"].values())}
    return Counter({**reasons, **found["methods"], **found["counters"], **size})


def flood(box: Box, frames: list[bytes]) -> None:
    """Send, never more than the interface can queue; its own counters are nobody's to reset."""
    before = box.kernel.statistics(box.name)["rx_packets"]
    for number, frame in enumerate(itertools.islice(itertools.cycle(frames), FRAMES), 1):
        box.send(frame)
        if number % WINDOW == 0:
            deadline = time.monotonic() + PATIENCE
            while box.kernel.statistics(box.name)["rx_packets"] < before + number:
                assert time.monotonic() < deadline, "the interface has lost a frame"


def test_no_packet_is_lost_between_two_snapshots_or_counted_in_both(box: Box, note: Callable[[str], None]) -> None:
    taken(box)
    frames = [packets.udp("198.18.0.7", packets.request("198.18.0.7", method)) for method in ("OPTIONS", "INVITE", "OPTIONS")]
    sender = threading.Thread(target=flood, args=(box, frames))
    total, snapshots = Counter[str](), 0

    sender.start()
    while sender.is_alive():
        total += taken(box)
        snapshots += 1
    sender.join()
    total += taken(box)

    third = FRAMES // 3
    assert total == Counter({
        "stealth": 2 * third, "options_dropped": 2 * third, "OPTIONS": 2 * third,
        "request": third, "passed": third, "INVITE": third,
        "bytes": third * sum(map(len, frames)),
    })  # fmt: skip
    assert snapshots > 3, "there was nothing to be torn apart"
    assert taken(box) == Counter(), "nothing is left"
    note(f"{FRAMES:,} frames are the sum of {snapshots} snapshots")
