# SPDX-License-Identifier: GPL-3.0-or-later

"""What the controller does for xdp_attach: confirm, or say that nobody got through. test_attach_action.py runs these examples."""

from __future__ import annotations

import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.vos.fastpath.plugins.action import xdp_attach
from ansible_collections.vos.fastpath.plugins.action.xdp_attach import ActionModule

DONE = {
    "changed": True,
    "actions": ["attach to eth0 (native)"],
    "interfaces": {"eth0": {"attached": True}},
    "diff": {"before": {"eth0": {"attached": False}}, "after": {"eth0": {"attached": True}}},
}
WAITS = {**DONE, "rollback": {"token": "t"}}
CONFIRMED = {"changed": False, "rolled_back": None}
UNDONE = {"changed": False, "rolled_back": "everything is as it was before"}
BROKEN = AnsibleConnectionFailure("no route")


class Silent:
    """A host that does not answer."""


class Action(ActionModule):
    """The plugin before a host that answers one after the other; the calls are kept."""

    def __init__(self, answers: list[Any], transport: str = "ssh", async_val: int = 0, check_mode: bool = False, **arguments: Any) -> None:
        arguments = {"interfaces": ["eth0"], **arguments}
        task = SimpleNamespace(args=arguments, async_val=async_val, check_mode=check_mode, diff=False)
        self.resets = 0
        connection = SimpleNamespace(transport=transport, reset=self.reset, _shell=SimpleNamespace(tmpdir=None))
        super().__init__(task, connection, SimpleNamespace(), None, None, None)
        self.answers, self.calls, self.alarms = answers, [], []

    def reset(self) -> None:
        self.resets += 1

    def _execute_module(self, module_name: str, module_args: dict[str, Any], **_rest: Any) -> dict[str, Any]:
        left = signal.alarm(0)
        signal.alarm(left)
        self.alarms.append(left)
        self.calls.append(module_args)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Silent):
            signal.raise_signal(signal.SIGALRM)
        return dict(answer)

    def result(self) -> dict[str, Any]:
        """Run it."""
        return self.run(task_vars={"inventory_hostname": "sbc1"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xdp_attach, "_PAUSE", 0)


def test_a_change_that_waits_is_confirmed_over_a_new_connection() -> None:
    action = Action([WAITS, CONFIRMED])
    result = action.result()
    assert result.pop("rollback").items() >= {"after": 30, "confirmed": True}.items()
    assert result == DONE
    assert action.calls[0] == {"interfaces": ["eth0"], "confirm": "later"}
    assert action.calls[1] == {"interfaces": ["eth0"], "confirm": "t"}
    assert action.resets == 1
    assert signal.alarm(0) == 0, "no alarm is left"


def test_where_nothing_waits_there_is_one_call() -> None:
    action = Action([DONE])
    assert action.result() == DONE
    assert action.resets == 0


@pytest.mark.parametrize(
    ("how", "arguments", "timer"),
    [
        ({}, {}, True),
        ({}, {"rollback_after": "7"}, True),
        ({}, {"rollback_after": 0}, False),
        ({}, {"rollback_after": "soon"}, False),
        ({"transport": "local"}, {}, False),
        ({"check_mode": True}, {}, False),
        ({"async_val": 60}, {}, False),
    ],
)
def test_who_gets_a_timer(how: dict[str, Any], arguments: dict[str, Any], timer: bool) -> None:
    action = Action([DONE], **how, **arguments)
    action.result()
    assert action.calls == [{"interfaces": ["eth0"], **arguments, **({"confirm": "later"} if timer else {})}]
    assert bool(action.alarms[0]) == timer


def test_it_is_tried_until_somebody_answers() -> None:
    action = Action([WAITS, BROKEN, {"unreachable": True}, Silent(), CONFIRMED])
    assert action.result()["rollback"]["confirmed"] is True
    assert action.resets == 4


def test_what_was_undone_is_an_error() -> None:
    result = Action([WAITS, BROKEN, UNDONE], rollback_after=5).result()
    assert (result["failed"], result["changed"], result["rollback"]["confirmed"]) == (True, False, False)
    assert result.keys().isdisjoint({"interfaces", "diff"}), "which would show what is not there any more"
    assert result["msg"] == (
        "sbc1: nobody got through to this host for 5 s after the change, so it was undone: everything is as it was before. "
        "See what the driver does (ip -details link show), use mode=generic, or set rollback_after to more seconds"
    )


def test_what_can_not_be_confirmed_is_an_error() -> None:
    result = Action([WAITS, {"failed": True, "msg": "no disk"}], interfaces=None, interface="eth0").result()
    assert "interfaces" not in result
    assert result["msg"].startswith("sbc1: the change could not be confirmed (no disk), and is undone after 30 s. ")


def test_a_host_that_stays_away_does_not_hold_the_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xdp_attach, "_LATER", 0)
    times = iter(range(0, 1000, 3))
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    result = Action([WAITS, *[BROKEN] * 30], rollback_after=9).result()
    assert result["msg"].startswith("sbc1: nobody got through to this host for 9 s after the change, which it undoes after 9. ")


def test_nor_does_one_that_never_answers_the_change() -> None:
    result = Action([Silent()], rollback_after=5).result()
    assert result["msg"] == (
        "sbc1: the host has not answered for 125 s. If it changed the interface that Ansible comes in by, it undoes that 5 s later. "
        "See who still gets through to it"
    )


@pytest.mark.parametrize(("left", "mine"), [(0, True), (1000, True), (3, False)])
def test_the_timeout_of_the_task_goes_first_if_it_is_shorter(left: int, mine: bool) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_signal: None)
    try:
        signal.alarm(left)
        action = Action([DONE])
        action.result()
        assert (action.alarms[0] > 3) == mine
        assert signal.alarm(0) in ({0} if not left else set(range(left - 2, left + 1)))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
