# SPDX-License-Identifier: GPL-3.0-or-later

"""vos-fastpath stats and top."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command_stats
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander


def test_stats_are_those_of_the_module(commander: Commander) -> None:
    code, lines = commander("stats", "eth0")
    assert (code, lines[0].startswith("eth0: native")) == (0, True)
    facts = commander.json("stats")
    assert set(facts["interfaces"]) == {"br0", "eth0"}
    assert facts["lists"] == {"allow": 2, "block": 2}


def test_rates_take_an_interval(commander: Commander) -> None:
    assert commander.json("stats", "--interval", "0.01")["rates"]


@pytest.fixture
def three_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever watches leaves after three rounds."""
    rounds = itertools.count()

    def asked(params: dict[str, Any], check: bool, kernel: Any) -> dict[str, Any]:
        if next(rounds) == 3:
            raise KeyboardInterrupt
        assert params["interval"] == 0.1
        return stats_task({**params, "interval": 0.0}, check, kernel)

    monkeypatch.setattr(_command_stats, "stats_task", asked)


def test_watching_goes_on_until_one_leaves(commander: Commander, three_rounds: None) -> None:
    code, lines = commander("stats", "eth0", "--watch", "0")
    assert (code, len([line for line in lines if line.startswith("eth0: ")])) == (0, 3)


def test_watching_for_scripts_is_a_line_a_round(commander: Commander, three_rounds: None) -> None:
    code, lines = commander("stats", "--watch", "0", "--json")
    assert (code, [set(json.loads(line)["interfaces"]) for line in lines]) == (0, [{"br0", "eth0"}] * 3)


def test_on_a_terminal_a_round_takes_the_place_of_the_last(
    commander: Commander, three_rounds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_command_stats.sys.stdout, "isatty", lambda: True)
    assert commander("stats", "--watch", "0")[1][0].startswith("\x1b[H\x1b[2J")


def test_top_names_the_sources_that_are_dropped_most(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commander("top") == (0, ["nothing was dropped yet"])

    def source(address: str, packets: int) -> dict[str, Any]:
        return {"address": address, "packets": packets, "reason": "stealth", "last_seen": "", "seconds_ago": 2.0}

    facts = {"interfaces": {"br0": {"top_sources": [source("192.0.2.1", 5)]}, "eth0": {"top_sources": [source("2001:db8::1", 70)]}, "eth1": {}}}
    monkeypatch.setattr(_command_stats, "stats_task", lambda *given: {"ansible_facts": {"vos_fastpath": facts}})
    lines = [line.split() for line in commander("top")[1]]
    assert [line[:4] for line in lines] == [["2001:db8::1", "70", "stealth", "eth0,"], ["192.0.2.1", "5", "stealth", "br0,"]]
    assert [each["address"] for each in commander.json("top", "--number", "1")["top_sources"]] == ["2001:db8::1"]
