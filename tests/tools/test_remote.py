# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs on the hosts that are measured: nothing is left out, and what is missing is named."""

from __future__ import annotations

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
