# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab of the tests' own, beside whichever lab the checkout may have up; and ways to look at the machine around it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Lab:
    """The command line of a lab whose run folder is the tests' own."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.environment = {**os.environ, "VOS_FASTPATH_RUN": str(run)}

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``script/lab ARGUMENTS``; it has to succeed unless ``check`` is false."""
        seconds = 1800 if "up" in arguments else 280  # the first one makes the tree of all hosts, from a mirror
        return self.command([ROOT / "script" / "lab", *arguments], check=check, seconds=seconds)

    def on(self, host: str, script: str, check: bool = True) -> str:
        """What a shell script prints in a host."""
        return self("exec", host, "--", "sh", "-c", script, check=check).stdout.strip()

    def put(self, host: str, path: str, text: str) -> None:
        """Write a file in a host."""
        self.on(host, f"mkdir -p {os.path.dirname(path)} && printf %s {shlex.quote(text)} > {path}")

    def until(self, host: str, script: str, expected: str, seconds: float = 30.0) -> None:
        """Wait until a shell script prints this in a host."""
        deadline = time.monotonic() + seconds
        while (found := self.on(host, script, check=False)) != expected:
            assert time.monotonic() < deadline, f"{script} prints {found!r} instead of {expected!r}"
            time.sleep(0.2)

    def ansible(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``ansible… -i lab/inventory ARGUMENTS``."""
        return self.command([ROOT / ".venv" / "bin" / program, "-i", ROOT / "lab" / "inventory", *arguments], check=check)

    def command(self, argv: list[str | Path], check: bool = True, seconds: float = 280) -> subprocess.CompletedProcess[str]:
        """A program that is told which lab is meant."""
        done = subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds)
        assert done.returncode == 0 or not check, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def record(self) -> dict[str, int | str]:
        """Which process runs the lab."""
        return json.loads((self.run / "lab.json").read_text())


class Traces:
    """What a running lab is made of, as the machine sees it, so that one can look whether any of it is left."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        (self._cgroup,) = [p for p in _cgroups() if p.name.startswith("vos-fastpath-lab-") and _holds(p, int(lab.record["pid"]))]
        pids = {int(p) for f in self._cgroup.rglob("cgroup.procs") for p in f.read_text().split()}
        self.namespaces = {link for pid in pids for link in _namespaces(pid)} - _namespaces(os.getpid())

    def wait_for_the_end_of_processes(self, seconds: float = 30.0) -> None:
        """A process that was killed ends when what it asked of the disk is done, and its namespace when all in it have ended."""
        deadline = time.monotonic() + seconds
        while found := self._processes():
            assert time.monotonic() < deadline, f"{seconds:.0f} s later: {found}"
            time.sleep(0.1)

    def left(self) -> list[str]:
        """Every trace that is still there, in words."""
        found = self._processes()
        if self._cgroup.exists():
            found.append(f"cgroup {self._cgroup}")
        if str(self._lab.run) in Path("/proc/self/mountinfo").read_text():
            found.append("a mount in the run folder")
        if Path("/run", self._cgroup.name).exists():
            found.append(f"/run/{self._cgroup.name}")
        return found + [f"file {p}" for p in self._lab.run.iterdir() if p.suffix != ".log"]

    def _processes(self) -> list[str]:
        found = []
        for pid in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
            if _namespaces(pid) & self.namespaces:
                found.append(f"process {pid} in a namespace of the lab")
            if str(self._lab.run) in _arguments(pid) or self._cgroup.name in _arguments(pid):
                found.append(f"process {pid}: {_arguments(pid)}")
        return found


def _cgroups() -> list[Path]:
    top = next(Path(m.split()[4]) for m in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in m)
    return [p for p in top.iterdir() if p.is_dir()]


def _holds(cgroup: Path, pid: int) -> bool:
    return str(pid) in (cgroup / "cgroup.procs").read_text().split()


def _namespaces(pid: int) -> set[str]:
    try:
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt", "pid", "uts", "ipc", "cgroup")}
    except OSError:
        return set()


def _arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("the lab is made of namespaces and mounts: run the tests as root")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all tests that do not take it down: two SBCs and the outside hosts."""
    it = Lab(tmp_path_factory.mktemp("shared") / "run")
    it("up", "--sbcs", "2")
    yield it
    it("down")


@pytest.fixture
def lab_of_its_own(tmp_path: Path) -> Iterator[Lab]:
    """No lab yet; whatever the test starts is taken down."""
    it = Lab(tmp_path / "run")
    yield it
    it("down")


@pytest.fixture(scope="session")
def protected(tmp_path_factory: pytest.TempPathFactory, collections_path: Path) -> Iterator[Lab]:
    """A lab of one SBC with the role on it, with metrics and with the hook, for Kamailio and fail2ban."""
    it = Lab(tmp_path_factory.mktemp("protected") / "run")
    it("up", "--sbcs", "1")
    variables = {"vos_fastpath_metrics": True, "vos_fastpath_metrics_interval": 1, "vos_fastpath_hook": True, "vos_fastpath_hook_group": "kamailio"}
    it.ansible("ansible-playbook", "site.yml", "-e", json.dumps(variables))
    yield it
    it("down")


@pytest.fixture(scope="session")
def traces() -> type[Traces]:
    """To look at a running lab from outside, and again when it is gone."""
    return Traces
