# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module does around its task."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK
from ansible_collections.vos.fastpath.plugins.module_utils._tasks import Task, run

SPEC = {"number": {"type": "int", "default": 1}}


def outcome(task: Task, capsys: pytest.CaptureFixture[str], check: bool = False, writes: bool = True, **params: Any) -> Any:
    """Be the module, and return what it printed."""
    with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
        run(SPEC, task, writes=lambda params: writes)
    return json.loads(capsys.readouterr().out)


def is_locked() -> bool:
    with open(LOCK, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_task_gets_the_parameters_and_its_result_is_the_modules(real_host: None, capsys: pytest.CaptureFixture[str]) -> None:
    def task(params: dict[str, Any], check: bool) -> dict[str, Any]:
        return {"changed": True, "seen": [params["number"], check]}

    result = outcome(task, capsys, number="7")
    assert (result["changed"], result["seen"]) == (True, [7, False])
    assert outcome(task, capsys, check=True)["seen"] == [1, True]


def test_warnings_are_shown_and_not_returned(real_host: None, capsys: pytest.CaptureFixture[str]) -> None:
    result = outcome(lambda params, check: {"changed": False, "warnings": ["mind the gap"]}, capsys)
    assert "mind the gap" in json.dumps(result["warnings"])


def test_an_error_is_a_failure_with_its_details(real_host: None, capsys: pytest.CaptureFixture[str]) -> None:
    def task(params: dict[str, Any], check: bool) -> dict[str, Any]:
        raise FastpathError("eth9", "there is no such interface", "This host has: lo", log="nothing more")

    result = outcome(task, capsys)
    assert (result["failed"], result["msg"], result["log"]) == (True, "eth9: there is no such interface. This host has: lo", "nothing more")


def test_a_module_that_says_nothing_else_writes(real_host: None, capsys: pytest.CaptureFixture[str]) -> None:
    with patch_module_args({}), pytest.raises(SystemExit):
        run(SPEC, lambda params, check: {"changed": False, "held": is_locked()})
    assert json.loads(capsys.readouterr().out)["held"] is True


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(1, "Operation not permitted"), "The kernel: Operation not permitted (EPERM). "),
        (FileNotFoundError(2, "No such file or directory", "/etc/os-release"), "/etc/os-release: No such file or directory (ENOENT). "),
    ],
)
def test_what_nobody_expected_is_an_error_in_words(
    real_host: None, capsys: pytest.CaptureFixture[str], error: OSError, message: str
) -> None:
    def task(params: dict[str, Any], check: bool) -> dict[str, Any]:
        raise error

    result = outcome(task, capsys)
    remedy = "Run as root with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF; if somebody else changed something meanwhile, run it again"
    assert (result["failed"], result["msg"]) == (True, message + remedy)


@pytest.mark.parametrize(
    ("check", "writes", "held"), [(False, True, True), (True, True, False), (False, False, False)], ids=["write", "check", "read"]
)
def test_who_writes_holds_the_lock(
    real_host: None, capsys: pytest.CaptureFixture[str], check: bool, writes: bool, held: bool
) -> None:
    result = outcome(lambda params, check: {"changed": False, "held": is_locked()}, capsys, check, writes)
    assert result["held"] is held
    assert not is_locked()


def test_only_root_may(real_host: None, capsys: pytest.CaptureFixture[str]) -> None:
    os.seteuid(65534)
    try:
        result = outcome(lambda params, check: {"changed": True}, capsys)
    finally:
        os.seteuid(0)
    assert (result["failed"], result["msg"]) == (True, "user id 65534: BPF needs root. Set become: true")
