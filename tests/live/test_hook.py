# SPDX-License-Identifier: GPL-3.0-or-later

"""The hook on a real kernel: what a SIP server says of a source holds for its next packet, a thousand times a second.

VOS_FASTPATH_CALLS is how many calls are made.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._entries import empty
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.live.packets import request, udp
from ansible_collections.vos.fastpath.tests.live.world import Box
from ansible_collections.vos.fastpath.tests.serving import Serving, bound

CALLS = int(os.environ.get("VOS_FASTPATH_CALLS") or 3000)
CALLERS = 4
RATE = 1000
PATIENCE = 60.0


class Hook:
    """A hook that runs."""

    def __init__(self, folder: Path, serving: Serving) -> None:
        self.folder = folder
        self.serving = serving

    def connect(self) -> socket.socket:
        """Be a caller."""
        caller = socket.socket(socket.AF_UNIX)
        caller.settimeout(PATIENCE)
        caller.connect(str(self.folder / "hook.sock"))
        return caller

    def call(self, rate: float) -> tuple[list[float], float]:
        """Allow that many sources, so many a second (0: as fast as it goes); how long each took, and all of them."""
        times: list[float] = []
        begin = time.monotonic()

        def calling(first: int) -> None:
            with self.connect() as caller, caller.makefile("r") as answers:
                for number in range(first, CALLS, CALLERS):
                    time.sleep(max(0.0, begin + number / rate - time.monotonic()) if rate else 0.0)
                    sent = time.monotonic()
                    caller.sendall(f"allow {source(number)} 3600 registered user{number}\n".encode())
                    assert answers.readline() == "ok\n"
                    times.append(time.monotonic() - sent)

        threads = [threading.Thread(target=calling, args=(first,)) for first in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(times), time.monotonic() - begin


def source(number: int) -> str:
    """One of many."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


@pytest.fixture
def hook(native: Box, tmp_path: Path, collections_path: Path) -> Iterator[Hook]:
    """The hook of a box whose filter drops OPTIONS from strangers."""
    native.protect("native")
    saved = Saved(str(tmp_path / "etc"))
    saved.install({"allow": empty(), "block": empty()})
    with bound(tmp_path / "hook.sock", socket.SOCK_STREAM) as stream, bound(tmp_path / "hook.dgram", socket.SOCK_DGRAM) as datagrams:
        serving = Serving(collections_path, saved.folder, [stream, datagrams])
        yield Hook(tmp_path, serving)
        serving.process.send_signal(signal.SIGTERM)
        assert serving.end() == (0, "")


def test_who_is_allowed_gets_his_next_packet_through_and_who_is_blocked_does_not(native: Box, hook: Hook) -> None:
    options, invite = udp("198.51.100.7", request("198.51.100.7", "OPTIONS", "a")), udp("198.51.100.7", request("198.51.100.7", "INVITE", "b"))
    with hook.connect() as caller, caller.makefile("r") as answers:
        seen = [native.send_counted([options, invite])]
        for line in (b"allow 198.51.100.7 60\n", b"unallow 198.51.100.7\n", b"block 198.51.100.7 60\n", b"unblock 198.51.100.7\n"):
            caller.sendall(line)
            assert answers.readline() == "ok\n"
            seen.append(native.send_counted([options, invite]))
    stranger = {"stealth": 1, "request": 1}
    assert seen == [stranger, {"request": 2}, stranger, {"blocklist": 2}, stranger]


def test_a_thousand_calls_a_second_are_kept_up_with(native: Box, hook: Hook, note: Callable[[str], None]) -> None:
    """What is asserted is that all of them are carried out; how fast is said."""
    times, took = hook.call(RATE)
    used = hook.serving.seconds()
    note(
        f"{CALLS} calls at {CALLS / took:.0f} a second: half in {1e3 * times[len(times) // 2]:.1f} ms, 99 % in "
        f"{1e3 * times[len(times) * 99 // 100]:.1f} ms, all in {1e3 * times[-1]:.0f} ms; the hook took {100 * used / took:.0f} % of a CPU"
    )
    assert _lists.sizes(_lists.read(native.kernel))["allow"] == CALLS
    frames = [udp(source(number), request(source(number), "OPTIONS", str(number))) for number in range(0, CALLS, 10)]
    assert native.send_counted(frames) == {"request": len(frames)}


def test_as_many_as_go(native: Box, hook: Hook, note: Callable[[str], None]) -> None:
    times, took = hook.call(0)
    note(f"{CALLS} calls by {CALLERS} callers who wait for each answer: {CALLS / took:.0f} a second, 99 % in {1e3 * times[len(times) * 99 // 100]:.1f} ms")
    assert _lists.sizes(_lists.read(native.kernel))["allow"] == CALLS


def test_datagrams_are_carried_out_though_nobody_is_answered(native: Box, hook: Hook, note: Callable[[str], None]) -> None:
    begin = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(hook.folder / "hook.dgram"))
        for number in range(CALLS):
            sender.send(f"allow {source(number)} 3600".encode())  # waits while the hook's queue is full
    while (found := _lists.sizes(_lists.read(native.kernel))["allow"]) < CALLS:
        assert time.monotonic() < begin + PATIENCE, f"{found} of {CALLS}"
        time.sleep(0.05)
    note(f"{CALLS} datagrams as fast as they are taken: {CALLS / (time.monotonic() - begin):.0f} a second")
