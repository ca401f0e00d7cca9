# SPDX-License-Identifier: GPL-3.0-or-later

"""A check is one command: it is run with its output in a log, watched, ended with all its children, and counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workshop import places, tally

Heartbeat = Callable[[float, str], None]
"""Told every second how long a check has taken, and the last line that it wrote."""

STRANGERS = ("ANSIBLE_", "PYTEST_", "COVERAGE_", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "MYPY", "RUFF_")
"""Settings of whoever calls us that would change what the tools do."""

PATIENCE = {signal.SIGINT: 30.0, signal.SIGTERM: 10.0, signal.SIGKILL: 5.0}
"""Seconds that each way of asking a command to end is given; the first lets pytest and Ansible clean up."""


class Interrupted(Exception):
    """Somebody wants the run to end."""


@dataclass(frozen=True)
class Check:
    """A command that is to end with 0."""

    name: str
    argv: tuple[str | Path, ...]
    cwd: Path = places.ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None
    """The JUnit file, or the folder of them, that it leaves; without it the check counts as one test."""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """The surroundings of every check: the caller's without what would change results, plain and repeatable output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(STRANGERS)}
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # a plain su leaves these out, and bpftool is there
    fixed = {"PATH": path, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **fixed, **more}


def run(check: Check, log: Path, heartbeat: Heartbeat) -> tally.Tally:
    """Run it to its end, or to ours."""
    if check.report:
        for written_by_another in _reports(check.report):
            written_by_another.unlink()
    log.parent.mkdir(parents=True, exist_ok=True)
    argv = [str(word) for word in check.argv]
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                argv,
                cwd=check.cwd,
                env=environment(check.environment),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return tally.failure(f"cannot be started: {error}")
        try:
            _watch(process, log, heartbeat)
        finally:
            _end(process)
    return tally.of_check(process.returncode, _reports(check.report) if check.report else None)


def _watch(process: subprocess.Popen[bytes], log: Path, heartbeat: Heartbeat) -> None:
    begin = time.monotonic()
    while True:
        try:
            process.wait(timeout=1)
            return
        except subprocess.TimeoutExpired:
            heartbeat(time.monotonic() - begin, last_line(log))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process behind: the command is its session's leader, so its children are its group."""
    for number, seconds in PATIENCE.items():
        if process.poll() is not None:
            break
        _signal(process.pid, number)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
    _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _reports(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.xml"))
    return [path] if path.is_file() else []


def last_line(log: Path, length: int = 100) -> str:
    """The last thing that was written, for the eye."""
    lines = tail(log, 1)
    return lines[0].strip()[:length] if lines else ""


def tail(log: Path, count: int) -> list[str]:
    """The last lines that are not empty."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 20000))
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-count:]


def telling(log: Path, count: int) -> list[str]:
    """The lines that say what is wrong, where a tool goes on after them: Ansible's."""
    with log.open(errors="replace") as file:
        return [line.rstrip() for line in file if line.startswith(("fatal: ", "[ERROR]", "ERROR:"))][:count]


def listen() -> None:
    """Turn the signals that end a run into an exception, so that everything is cleaned up on the way out."""

    def stop(number: int, _frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)  # the second ^C is not to interrupt the cleaning
        sys.stderr.flush()
        raise Interrupted(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
