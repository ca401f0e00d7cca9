# SPDX-License-Identifier: GPL-3.0-or-later

"""vos-fastpath status: whether the lists are what is saved, and whether an interface is as fast as it was."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command_status
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_of
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._lock import locked
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE

SAME = {"missing": 0, "extra": 0, "other_time": 0, "difference": None, "wrong_sizes": False}


def test_generic_where_it_was_native_is_said_and_allowed(commander: Commander) -> None:
    assert commander.json("status")["interfaces"]["eth0"]["slower"] is False
    commander.kernel.nics["eth0"].attached.clear()
    commander.kernel.nics["eth0"].refuses["native"] = NO_NATIVE
    assert commander("verify", "--repair")[0] == 0
    tag = commander.kernel.attached(2).tag
    code, lines = commander("status")
    assert (code, lines[:2]) == (0, [
        f"br0             filtered, generic, tag {tag}",
        f"eth0            filtered, generic, native when the play attached it, tag {tag}",
    ])  # fmt: skip
    commander.kernel.nics["eth0"].refuses.clear()
    commander("detach", "eth0")
    commander("attach", "eth0")
    assert commander("status")[1][1] == f"eth0            filtered, native, tag {tag}"


def lose(commander: Commander, text: str) -> None:
    """Have an entry go behind our back."""
    prefix = parse_prefix(text)
    with commander.kernel.host_map(prefix.table) as table:
        table.delete(prefix.key)


def test_lists_that_are_what_is_saved(commander: Commander) -> None:
    code, lines = commander("status")
    assert (code, lines[2:]) == (0, ["lists           2 allowed, 2 blocked"])
    assert commander.json("status")["list_differences"] == {"allow": SAME, "block": SAME}


def test_entries_that_went_or_came_behind_our_back_are_counted(commander: Commander) -> None:
    lose(commander, "203.0.113.7")
    lose(commander, "192.0.2.1")
    commander.kernel.allow("192.0.2.2", "192.0.2.3")
    code, lines = commander("status")
    assert (code, lines[2:]) == (3, [
        "lists           3 allowed, 1 blocked",
        "allowlist       WRONG, its entries are not as they are to be: 1 missing, 2 too many",
        "blocklist       WRONG, its entries are not as they are to be: 1 missing",
    ])  # fmt: skip
    found = commander.json("status")["list_differences"]["allow"]
    assert (found["missing"], found["extra"]) == (1, 2)
    assert commander("verify", "--repair")[0] == 0
    assert commander("status")[0] == 0


def test_another_time_is_a_difference_and_one_that_is_over_is_not(commander: Commander) -> None:
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    commander.kernel.allow("192.0.2.1", until=ticks_of(now + 100))
    assert "allowlist       WRONG, its entries are not as they are to be: 1 with another time" in commander("status")[1]
    assert commander("verify", "--repair")[0] == 0
    commander.kernel.allow("192.0.2.9", until=1)
    assert commander("status")[0] == 0, "the program does not go by it any more"


def test_what_was_changed_by_hand_is_to_be_there(commander: Commander) -> None:
    commander.saved.local.record([Note("block", "192.0.2.9", True)])
    assert commander("status")[1][-2:] == [
        "blocklist       WRONG, its entries are not as they are to be: 1 missing", "by hand         1, see 'vos-fastpath list --local'",
    ]  # fmt: skip
    assert commander("block", "192.0.2.9")[0] == 0
    assert commander("status")[0] == 0


def test_wrong_sizes_are_a_difference(commander: Commander) -> None:
    with commander.kernel.host_map("list_gate") as gate:
        gate.update(bytes(4), bytes(24))
    code, lines = commander("status")
    assert (code, lines[2:]) == (3, ["lists           2 allowed, 2 blocked", "lists           WRONG, the sizes that the program goes by are wrong"])


def test_a_list_that_can_not_be_read_is_said_beside_the_rest(commander: Commander) -> None:
    Path(commander.saved.path("allow.list")).unlink()
    code, lines = commander("status")
    assert (code, [line.split()[0] for line in lines]) == (3, ["br0", "eth0", "lists", "allowlist"])
    assert "allow.list: it is missing. Run the play that made it again" in lines[3]


def test_what_another_run_is_just_changing_is_no_difference(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(commander, "203.0.113.7")

    def locked_when_that_is_done(path: str, patience: float) -> AbstractContextManager[None]:
        commander("verify", "--repair")
        return locked(path, patience)

    monkeypatch.setattr(_command_status, "locked", locked_when_that_is_done)
    assert commander("status")[0] == 0


def test_a_run_that_goes_on_and_on_does_not_hide_a_difference(commander: Commander, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_command_status, "_PATIENCE", 0.1)
    with locked(_command_status.LOCK):
        assert commander("status")[0] == 0, "nobody is waited for where all is as it is to be"
        lose(commander, "203.0.113.7")
        code, lines = commander("status")
    assert code == 3
    assert lines[-1].startswith("blocklist       WRONG, its entries are not as they are to be: 1 missing; another run is at work: ")
    assert "still holds the lock after 0.1 s" in lines[-1]
