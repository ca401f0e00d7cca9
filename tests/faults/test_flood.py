# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter is replaced again and again while it is flooded: nothing leaks, nothing is lost, every frame is counted once."""

from __future__ import annotations

import itertools
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ansible_collections.vos.fastpath.plugins.module_utils import _pins
from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, attach_task
from ansible_collections.vos.fastpath.tests.faults.flood import Flood, Server, keep_receiving, received
from ansible_collections.vos.fastpath.tests.faults.host import NAME, STRANGER, Host
from ansible_collections.vos.fastpath.tests.faults.runs import run
from ansible_collections.vos.fastpath.tests.live.packets import request, udp
from ansible_collections.vos.fastpath.tests.live.world import Outside

UPGRADES, BY_PROCESSES = 500, 20
FRAMES = 5_000_000
FLOOD = ((udp(STRANGER, request(STRANGER, "OPTIONS")), 8192), (udp(STRANGER, request(STRANGER, "INVITE")), 64))
"""Scans, and calls among them."""
DEFAULTS = {name: option.get("default") for name, option in ARGUMENT_SPEC.items()}


class Watch(threading.Thread):
    """Reads the counters by their pin, as a monitor does, and notes where one goes back."""

    def __init__(self, ifindex: int) -> None:
        super().__init__()
        self.samples = 0
        self.backwards: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self._path = _pins.interface_path(ifindex, "xdp_counters")
        self._ending = threading.Event()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        """Until the end."""
        last = counted(self._path)
        while not self._ending.wait(0.005):
            now = counted(self._path)
            self.samples += 1
            if any(later < before for before, later in zip(last, now)):
                self.backwards.append((last, now))
            last = now


def counted(path: str) -> tuple[int, ...]:
    """The counters: of each the sum over all CPUs."""
    opened = _pins.open_pinned(path)
    assert opened is not None
    with opened:
        return tuple(sum(value for (value,) in struct.iter_unpack("=Q", raw)) for _key, raw in sorted(opened.items()))


def udp_errors() -> int:
    """Datagrams that a socket had no room for."""
    with open("/proc/self/net/snmp", encoding="ascii") as stream:
        names, values = (line.split() for line in stream if line.startswith("Udp:"))
    return int(dict(zip(names, values))["RcvbufErrors"])


@contextmanager
def flooded(host: Host, outside: Outside, note: Callable[[str], None]) -> Iterator[Flood]:
    """Flood the host meanwhile; afterwards what arrived, what was counted and what the interface received have to agree."""
    keep_receiving(NAME)
    path, program = _pins.interface_path(host.ifindex, "xdp_counters"), host.program()
    before, frames, errors = counted(path), received(NAME), udp_errors()
    with Server() as server, Watch(host.ifindex) as watch:
        with Flood(outside, "far0", FLOOD) as flood:
            yield flood
        settle(lambda: counted(path))
    frames = received(NAME) - frames
    dropped, _redirected, passed, *others = (now - then for then, now in zip(before, counted(path)))
    note(f"{flood.sent:,} frames sent, {frames:,} received, {dropped:,} OPTIONS dropped, {passed:,} calls passed, {watch.samples} samples")
    assert server.got.keys() == {b"INVITE "}, "something leaked, or nothing arrived"
    assert server.got == Counter({b"INVITE ": passed})
    assert udp_errors() == errors
    assert dropped + passed + sum(others) == frames
    assert not any(others)
    assert dropped and watch.samples
    assert not watch.backwards
    found = host.program()
    assert program is not None and found is not None and found.prog_id != program.prog_id


def settle(state: Callable[[], object]) -> None:
    """Wait until it stays as it is."""
    last = None
    while (now := state()) != last:
        last = now
        time.sleep(0.2)


def test_500_upgrades_under_flood(host: Host, outside: Outside, note: Callable[[str], None]) -> None:
    """By the module's task, in this process: another upgrade begins as soon as the last is done."""
    wishes = itertools.cycle((host.present("two", malformed="all"), host.present("one", af_xdp=False)))
    assert run(host.present())["changed"]
    tags = set()
    with flooded(host, outside, note) as flood:
        for wish in itertools.islice(wishes, UPGRADES):
            done = attach_task({**DEFAULTS, **wish.options}, False)
            assert [action.split()[0] for action in done["actions"]] == ["replace"]
            tags.add(done["interfaces"][NAME]["tag"])
        while flood.sent < FRAMES:
            time.sleep(0.1)
    assert len(tags) == 2
    assert flood.sent >= FRAMES


def test_upgrades_by_the_module_under_flood(host: Host, outside: Outside, note: Callable[[str], None]) -> None:
    """By processes, as on a host."""
    assert run(host.present())["changed"]
    with flooded(host, outside, note):
        for version in itertools.islice(itertools.cycle(("two", "one")), BY_PROCESSES - 1):
            assert [action.split()[0] for action in run(host.present(version))["actions"]] == ["replace"]
