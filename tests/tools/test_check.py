# SPDX-License-Identifier: GPL-3.0-or-later

"""A check is run, logged, and leaves no process behind however it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from workshop import check
from workshop.check import Check


def silent(_seconds: float, _words: str) -> None:
    """A heartbeat that nobody hears."""


def alive(pid: int) -> bool:
    """Does this process run? (One that has ended and is not waited for does not.)"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_it_writes_is_in_the_log(tmp_path: Path) -> None:
    found = check.run(Check("c", ("sh", "-c", "echo one; echo two >&2; exit 4")), tmp_path / "deep" / "log", silent)
    assert found.failures == ("exit status 4",)
    assert (tmp_path / "deep" / "log").read_text() == "one\ntwo\n"


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    found = check.run(Check("c", ("no-such-program",)), tmp_path / "log", silent)
    assert found.failed == 1
    assert "no-such-program" in found.failures[0]


def test_what_another_check_left_where_this_one_reports_is_not_counted(tmp_path: Path) -> None:
    (reports := tmp_path / "reports").mkdir()
    case = '<testcase classname="c" name="n" />'
    (reports / "another.xml").write_text(f"<testsuite>{case * 2}</testsuite>")
    write = ("sh", "-c", f"echo '<testsuite>{case}</testsuite>' > {reports}/own.xml")
    assert check.run(Check("c", write, report=reports), tmp_path / "log", silent).passed == 1


def test_settings_of_the_caller_that_would_change_results_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSIBLE_STRATEGY", "PYTEST_ADDOPTS", "PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "strange")
    monkeypatch.setenv("https_proxy", "http://proxy")
    surroundings = check.environment({"ANSIBLE_HOME": "ours"})
    assert "strange" not in surroundings.values()
    assert (surroundings["https_proxy"], surroundings["ANSIBLE_HOME"]) == ("http://proxy", "ours")


def test_children_that_outlive_a_check_are_ended(tmp_path: Path) -> None:
    check.run(Check("c", ("sh", "-c", f"sleep 1000 & echo $! > {tmp_path}/pid")), tmp_path / "log", silent)
    pid = int((tmp_path / "pid").read_text())
    wait_until_gone(pid)


def test_an_interrupted_check_may_clean_up_first(tmp_path: Path) -> None:
    script = "import sys, time\ntry:\n    print('begun', flush=True)\n    time.sleep(1000)\nexcept KeyboardInterrupt:\n    print('cleaned')"

    def interrupt(_seconds: float, words: str) -> None:
        if words == "begun":
            raise check.Interrupted("SIGINT")

    with pytest.raises(check.Interrupted):
        check.run(Check("c", (sys.executable, "-c", script)), tmp_path / "log", interrupt)
    assert (tmp_path / "log").read_text() == "begun\ncleaned\n"


def test_a_check_that_ignores_all_requests_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PATIENCE", {signal.SIGINT: 0.2, signal.SIGTERM: 0.2, signal.SIGKILL: 5.0})

    def interrupt(_seconds: float, words: str) -> None:
        if words.isdigit():
            raise check.Interrupted("SIGINT")

    with pytest.raises(check.Interrupted):
        check.run(Check("c", ("sh", "-c", "trap '' INT TERM; echo $$; while :; do sleep 1; done")), tmp_path / "log", interrupt)
    wait_until_gone(int((tmp_path / "log").read_text()))


def test_the_line_of_a_playbook_that_says_why_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("ok: [a]\nfatal: [a]: FAILED! => why\n" + "later\n" * 100)
    assert check.telling(log, 5) == ["fatal: [a]: FAILED! => why"]
    assert check.tail(log, 2) == ["later", "later"]


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        os.sched_yield()
