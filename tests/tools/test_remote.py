# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on the hosts that are measured: nothing is left out, and what is missing is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.demo.remote import probe, traffic


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(SystemExit, match="no-such-program: it is not installed on this host"):
        probe.tool("no-such-program", "-j")


def test_what_is_not_answered_is_kept_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def round_trip(_address: str, _port: int, turn: int) -> float:
        if turn == 1:
            raise OSError("timed out")
        return float(turn)

    monkeypatch.setattr(traffic, "round_trip", round_trip)
    monkeypatch.setattr(traffic, "PAUSE", 0.0)
    assert traffic.round_trips(["192.0.2.1"], 5060, 3) == {"192.0.2.1": [0.0, None, 2.0]}


def test_who_is_to_answer_calls_is_waited_for() -> None:
    late = "import socket, time; time.sleep(0.3); s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 15080)); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", late]) as process:
        try:
            traffic.await_bound("127.0.0.1", 15080, process)
        finally:
            process.kill()


@pytest.mark.parametrize(("program", "start", "how"), [("sys.exit(7)", 30.0, "ended with status 7"), ("time.sleep(60)", 0.1, "is not ready after 0 s")])
def test_who_does_not_come_to_answer_calls_is_named(monkeypatch: pytest.MonkeyPatch, program: str, start: float, how: str) -> None:
    monkeypatch.setattr(traffic, "START", start)
    with subprocess.Popen([sys.executable, "-c", f"import sys, time; {program}"]) as process:
        with pytest.raises(SystemExit, match=f"SIPp, which was to answer calls on 127.0.0.1 port 15081, {how}"):
            traffic.await_bound("127.0.0.1", 15081, process)
        process.kill()
