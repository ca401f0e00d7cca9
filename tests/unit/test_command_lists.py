# SPDX-License-Identifier: GPL-3.0-or-later

"""vos-fastpath allow, block, unallow, unblock and list."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command_lists, _lists
from ansible_collections.vos.fastpath.plugins.module_utils._clock import seconds_of
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._restore import Report, bring_back
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is connected."""
    monkeypatch.setattr(_command_lists, "controller_address", lambda: None)


def there(commander: Commander, name: str) -> list[str]:
    """What is on a list in the kernel; and what is there is what is saved, so that verify finds nothing to repair."""
    assert bring_back(commander.kernel, commander.saved, check=True) == Report([], [])
    found = _lists.listed(_lists.read(commander.kernel), name)
    return sorted(str(Prefix.from_key(table, key)) for table, keys in found.items() for key in keys)


def test_a_source_is_blocked_and_let_go(commander: Commander) -> None:
    assert commander("block", "203.0.113.9", "2001:db8::/32", "--comment", "scanner") == (
        0, ["203.0.113.9 is blocked", "2001:db8::/32 is blocked"]
    )  # fmt: skip
    assert there(commander, "block") == ["2001:db8::/32", "203.0.113.64/26", "203.0.113.7", "203.0.113.9"]
    assert commander("unblock", "203.0.113.9", "2001:db8::/32")[1] == ["203.0.113.9 is not blocked", "2001:db8::/32 is not blocked"]
    assert there(commander, "block") == ["203.0.113.64/26", "203.0.113.7"]
    assert commander.saved.local.notes() == {}


def test_a_time_is_kept(commander: Commander) -> None:
    code, [line] = commander("block", "203.0.113.9", "--for", "2h")
    assert (code, line.startswith("203.0.113.9 is blocked until 20")) == (0, True)
    prefix = parse_prefix("203.0.113.9")
    tick = _lists.expires_of(_lists.read(commander.kernel)[prefix.table][prefix.key], "block")
    assert 7190 < seconds_of(tick) - time.clock_gettime(time.CLOCK_MONOTONIC) <= 7200
    assert there(commander, "block") == ["203.0.113.64/26", "203.0.113.7", "203.0.113.9"]
    commander("block", "203.0.113.7", "--for", "1m")
    assert commander("list", "--local")[1][-1].startswith("block    203.0.113.7 until ")
    assert there(commander, "block"), "what Ansible blocks for good is blocked for good"


def test_what_ansible_manages_can_be_taken_off(commander: Commander) -> None:
    assert commander("unallow", "192.0.2.1") == (0, ["192.0.2.1 is not allowed"])
    assert there(commander, "allow") == ["198.51.100.0/24"]
    assert commander("list", "allow")[1][0].split() == ["unallow", "192.0.2.1", commander.saved.local.notes()["allow", "192.0.2.1"].by]
    assert commander("allow", "192.0.2.1") == (0, ["192.0.2.1 is allowed"])
    assert there(commander, "allow") == ["192.0.2.1", "198.51.100.0/24"]


def test_it_says_where_another_entry_decides(commander: Commander) -> None:
    assert commander("unblock", "203.0.113.70")[1] == [
        "203.0.113.70 is not blocked",
        "but it is blocked still, by the entry 203.0.113.64/26: see 'vos-fastpath unblock'",
    ]
    assert commander("allow", "203.0.113.7")[1][1] == "but it is blocked still, by the entry 203.0.113.7: see 'vos-fastpath unblock'"
    commander("allow", "203.0.113.70")
    assert commander("block", "203.0.113.64/27", "203.0.113.70/32")[1] == ["203.0.113.64/27 is blocked", "203.0.113.70 is blocked"]
    assert commander("block", "198.51.100.0/23")[1] == ["198.51.100.0/23 is blocked"]
    commander("unblock", "203.0.113.70")
    assert commander("unblock", "203.0.113.70")[1][1] == (
        "but it is allowed, by the entry 203.0.113.70, which is longer: see 'vos-fastpath unallow'"
    )


def test_nobody_blocks_himself_by_mistake(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_command_lists, "controller_address", lambda: "203.0.113.200")
    assert commander("block", "203.0.113.0/24") == (1, [])
    assert "you are connected from 203.0.113.200, which would be blocked. Add --force if this is meant" in commander.errors
    assert commander("block", "2001:db8::1", "203.0.113.201", "203.0.113.200/31", "203.0.113.202")[0] == 1
    assert commander("block", "2001:db8::1", "203.0.113.201", "203.0.113.202/31")[0] == 0
    assert commander("block", "203.0.113.200", "--force")[0] == 0


def test_what_the_kernel_refuses_is_not_noted(commander: Commander) -> None:
    commander.kernel.memory = 0
    assert commander("block", "203.0.113.9")[0] == 1
    assert (commander.saved.local.notes(), there(commander, "block")) == ({}, ["203.0.113.64/26", "203.0.113.7"])


def test_what_is_wrong_is_said(commander: Commander, tmp_path: Path) -> None:
    for words, error in {
        ("block", "192.0.2.300"): "192.0.2.300: it is neither an IPv4 nor an IPv6 address",
        ("block", "192.0.2.9", "--for", "soon"): "--for soon: it is no time. Write seconds, or a number with m, h, d or w",
        ("block", "192.0.2.9", "--for", "0h"): "--for 0h: it is no time",
    }.items():
        assert commander(*words) == (1, [])
        assert error in commander.errors
    commander.saved = Saved(str(tmp_path / "nothing"))
    assert commander("allow", "192.0.2.9")[0] == 1
    assert "nothing: this host keeps nothing. Run the play" in commander.errors


@pytest.mark.parametrize(("words", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1w", 604800)])
def test_times_are_said_in_few_letters(words: str, seconds: int) -> None:
    assert _command_lists.seconds_of_words(words) == seconds


def test_lists_name_who_put_an_entry_there(commander: Commander) -> None:
    commander("block", "203.0.113.9", "--comment", "scanner")
    commander("audit", "on")
    lines = [line.split() for line in commander("list")[1]]
    assert ["allow", "198.51.100.0/24", "ansible"] in lines and ["block", "203.0.113.7", "ansible"] in lines
    [mine] = [line for line in lines if "203.0.113.9" in line]
    assert mine[-1] == "scanner"
    assert lines[-1][:2] == ["audit", "on"]
    assert all(line[0] == "block" for line in (line.split() for line in commander("list", "block")[1]))
    local = json.loads("\n".join(commander("list", "--local", "--json")[1]))
    assert ([entry["entry"] for entry in local["entries"]], [note["what"] for note in local["changed"]]) == (["203.0.113.9"], ["audit"])


def test_one_sees_what_an_address_falls_under(commander: Commander) -> None:
    assert [line.split()[:2] for line in commander("list", "--covering", "203.0.113.70")[1]] == [["block", "203.0.113.64/26"]]
    assert commander("list", "--covering", "2001:db8::1") == (0, [])
