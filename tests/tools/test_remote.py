# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on the hosts that are measured: nothing is left out, and what is missing is named."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
    assert traffic.round_trips({"192.0.2.1": 5060}, 3, 0.0) == {"192.0.2.1": [0.0, None, 2.0]}


def test_answers_are_timed_over_the_whole_phase_since_scanners_need_a_while_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(traffic, "round_trip", lambda *_: asked.append(time.monotonic()) or 1.0)
    monkeypatch.setattr(traffic, "PAUSE", 0.0)
    traffic.round_trips({"192.0.2.1": 5060}, 5, 0.5)
    assert asked[-1] - asked[0] >= 0.4


def test_where_nobody_answers_fewer_questions_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "round_trip", lambda *_: time.sleep(0.02))
    monkeypatch.setattr(traffic, "PAUSE", 0.0)
    monkeypatch.setattr(traffic, "LONGEST", 0.1)
    assert 1 <= len(traffic.round_trips({"192.0.2.1": 5060}, 1000, 0.0)["192.0.2.1"]) < 10


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traffic source that has all it needs, and no route for IPv6."""
    monkeypatch.setattr(traffic, "need", lambda _programs: None)
    monkeypatch.setattr(traffic, "route", lambda address: {} if ":" in address else {"dev": "eth9", "prefsrc": "192.0.2.9"})
    monkeypatch.setattr(traffic, "run", lambda *_argv, **_input: '{"nftables": []}')


LOOK: dict[str, Any] = {"look": True, "trusted": True}


@pytest.mark.usefixtures("source")
def test_an_address_without_a_route_is_told_from_those_that_have_one() -> None:
    assert traffic.main({**LOOK, "addresses": {"192.0.2.1": 5060, "2001:db8::1": 5060}}) == {"sent": {}, "unrouted": ["2001:db8::1"]}
    with pytest.raises(SystemExit, match="a route to none of 2001:db8::1"):
        traffic.main({**LOOK, "addresses": {"2001:db8::1": 5060}})


@pytest.mark.usefixtures("source")
def test_two_runs_do_not_send_from_one_host_at_once() -> None:
    with traffic.alone(), pytest.raises(SystemExit, match="another run sends from this traffic source just now"):
        traffic.main({**LOOK, "addresses": {}})
    assert traffic.main({**LOOK, "addresses": {}})["unrouted"] == []


@pytest.mark.usefixtures("source")
def test_what_is_sent_is_counted_at_the_port_of_each_address() -> None:
    rules = traffic.ruleset({"192.0.2.1": 5060, "192.0.2.2": 5090})
    assert "ip daddr 192.0.2.1 udp dport 5060 counter name c0" in rules
    assert "ip daddr 192.0.2.2 udp dport 5090 counter name c1" in rules


def test_calls_that_were_not_made_are_no_calls_that_were_not_answered(tmp_path: Path) -> None:
    statistics = tmp_path / "0.csv"

    def outcome(status: int, rows: str, columns: tuple[str, ...]) -> dict[str, int]:
        statistics.write_text("TotalCallCreated;SuccessfulCall(C);FailedUnexpectedMessage(C)\n" + rows)
        with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"]) as process:
            return traffic.outcome("192.0.2.1", process, str(statistics), columns)

    assert outcome(1, "0;0;0\n20;12;3\n", traffic.COMPLETED) == {"made": 20, "completed": 12}
    assert outcome(1, "0;0;0\n20;12;3\n", traffic.ANSWERED) == {"made": 20, "completed": 15}
    with pytest.raises(SystemExit, match="SIPp sent nothing to 192.0.2.1 and ended with status 254"):
        outcome(254, "0;0;0\n", traffic.COMPLETED)


def test_a_driver_is_named_without_ethtool_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe.shutil, "which", lambda _program: None)
    assert probe.driver("lo", {"linkinfo": {"info_kind": "veth"}}) == "veth"
    assert probe.driver("lo", {}) == ""


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
