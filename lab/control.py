# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a lab, take it down, say how it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lab import access, limits, tree
from lab.errors import LabError
from lab.place import Place
from lab.plan import VIRTUAL, Fleet, of_spec
from lab.progress import Progress
from lab.vm import setup

BOOT_TIMEOUT = 60.0
PER_HOST_TIMEOUT = 5.0
PER_MACHINE_TIMEOUT = 120.0
"""Without KVM, on a machine that is busy with other things."""

END_TIMEOUT = 60.0
"""For what was killed, on such a machine: it ends when what it asked of the disk is done."""

NAMESPACES = ("--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup")


@dataclass(frozen=True)
class Record:
    """Who runs the lab. A process id alone may by now be somebody else's; with boot and start time it is not."""

    boot: str
    pid: int
    started: int
    fleet: str
    """A word for ``plan.of_spec``."""
    tree: str
    inotify: int

    @property
    def plan(self) -> Fleet:
        """Which hosts there are."""
        return of_spec(self.fleet)

    def alive(self) -> bool:
        """Whether that process is still there."""
        return _start_time(self.pid) == self.started


def record(place: Place) -> Record | None:
    """The lab that was started here since the machine was, alive or not."""
    try:
        found = Record(**json.loads(place.record.read_text()))
    except (FileNotFoundError, TypeError, ValueError):
        return None  # never written, half written, or by another version: what still runs is found by its cgroup
    return found if found.boot == _boot_id() else None


def running(place: Place) -> Record:
    """The lab that is up; an error where none is."""
    found = record(place)
    if not found or not found.alive():
        raise LabError("no lab is up: start one with 'sudo script/lab up'")
    return found


def states(place: Place) -> dict[str, dict[str, object]]:
    """Per host: its state (booting, up, off) and how often it has booted."""
    try:
        found: dict[str, dict[str, object]] = json.loads(place.state.read_text())
    except FileNotFoundError:
        return {}
    return found


def up(place: Place, spec: int | str, recipe: tree.Recipe, progress: Progress) -> Fleet:
    """Start a lab of so many SBCs, or of virtual machines, and wait until every host answers."""
    plan = of_spec(str(spec))
    found = record(place)
    if found and found.alive():
        if found.fleet == str(spec) and Path(found.tree).name == recipe.name:
            progress.say("The lab is up already.")
            return plan
        raise LabError("another lab is up here: take it down first with 'sudo script/lab down'")
    down(place)
    shared = tree.ensure(recipe, progress)
    machines = setup.make(plan, progress) if spec == VIRTUAL else None
    begun = time.monotonic()
    place.run.mkdir(parents=True, exist_ok=True)
    for log in place.run.glob("console-*.log"):
        log.unlink()  # of the lab before: each boot of a host adds to its own
    access.make_keys(place)
    if machines:
        setup.keep(place, machines)
    try:
        started = _start(place, str(spec), shared)
        _keep(place, replace(started, inotify=limits.lend(plan, progress)))
        access.write_config(place, plan, started.pid)
        _wait(place, plan, started)
    except BaseException:
        down(place)
        raise
    progress.say(f"{len(plan.hosts)} hosts are up after {time.monotonic() - begun:.1f} s: {' '.join(h.name for h in plan.hosts)}")
    return plan


def down(place: Place) -> bool:
    """Remove every trace of the lab, also of one that crashed; whether there was any."""
    found = record(place)
    access.close(place)
    if found and found.alive():
        os.kill(found.pid, signal.SIGKILL)
    _remove_cgroup(place.cgroup)
    if found:
        limits.take_back(found.inotify)
    if place.run.is_dir():
        for path in place.run.iterdir():
            if path.is_file() and not path.name.endswith(".log"):
                path.unlink()
    return found is not None


def _start(place: Place, spec: str, shared: Path) -> Record:
    """The supervisor, in namespaces of its own, in a session of its own; unshare's death is its death."""
    place.cgroup.mkdir()
    program = str(Path(__file__).parent / "supervisor.py")
    with place.log.open("wb") as log:
        process = subprocess.Popen(
            ["unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
            + [sys.executable, "-I", "-B", program, spec, str(shared), str(place.run)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: (place.cgroup / "cgroup.procs").write_text(f"{os.getpid()}") and None,
        )
    started = _start_time(process.pid)
    if started is None:
        raise LabError(f"the lab's supervisor ended at once:\n{place.log.read_text().strip()}")
    new = Record(_boot_id(), process.pid, started, spec, str(shared), inotify=0)
    _keep(place, new)
    return new


def _keep(place: Place, new: Record) -> None:
    place.record.write_text(json.dumps(asdict(new)))


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _wait(place: Place, plan: Fleet, started: Record) -> None:
    deadline = time.monotonic() + BOOT_TIMEOUT + sum(PER_MACHINE_TIMEOUT if h.system else PER_HOST_TIMEOUT for h in plan.hosts)
    while True:
        now = states(place)
        missing = [h.name for h in plan.hosts if now.get(h.name, {}).get("state") != "up"]
        if not missing:
            return
        if os.waitpid(started.pid, os.WNOHANG)[0]:
            raise LabError(f"the lab's supervisor ended:\n{place.log.read_text().strip()}")
        off = [name for name in missing if now.get(name, {}).get("state") == "off"]
        if off or time.monotonic() > deadline:
            name = (off or missing)[0]
            raise LabError(f"{name} {'ended' if off else 'does not answer'}; the end of {place.console(name)}:\n{_tail(place.console(name))}")
        time.sleep(0.05)


def _remove_cgroup(folder: Path) -> None:
    """Whatever still runs in it is the lab's; then the folders, from the leaves up."""
    if not folder.is_dir():
        return
    (folder / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + END_TIMEOUT
    while "populated 1" in (folder / "cgroup.events").read_text():
        if time.monotonic() > deadline:
            raise LabError(f"processes of the lab do not end; see {folder}/cgroup.procs and the folders in it")
        time.sleep(0.02)
    for path, _folders, _files in os.walk(folder, topdown=False):
        os.rmdir(path)


def _start_time(pid: int) -> int | None:
    """In clock ticks since the machine's start; none where there is no such process, or only its remains."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(nothing)"
