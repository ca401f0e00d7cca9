# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible, run as a program: its text goes to the terminal, its results come back as data."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.controller import PROGRAMS, environment
from lab.errors import LabError
from lab.place import ROOT

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Outcome:
    """What became of one task on one host."""

    host: str
    action: str
    outcome: str
    result: dict[str, Any]

    def explanation(self) -> str:
        """Why it failed: the module's words, or the program's."""
        said = self.result.get("msg") or ""
        errors = self.result.get("stderr") or self.result.get("module_stderr") or ""
        return "\n".join(part.strip() for part in (str(said), str(errors)) if part.strip()) or "no reason given"


class Ansible:
    """ansible, ansible-playbook and ansible-inventory of the checkout, on one inventory."""

    def __init__(self, inventory: Path, own_settings: bool) -> None:
        """With ``own_settings`` the caller's ANSIBLE_* and ansible.cfg hold, which the lab wants nothing of."""
        self.inventory = inventory
        self._environment = environment(own_settings)

    def listing(self) -> dict[str, Any]:
        """Groups, hosts and their variables."""
        argv = [self._program("ansible-inventory"), "-i", str(self.inventory), "--list"]
        done = subprocess.run(argv, env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"the inventory {self.inventory} cannot be read:\n{done.stderr.strip()}")
        listing: dict[str, Any] = json.loads(done.stdout)
        return listing

    def playbook(self, *arguments: str) -> list[Outcome]:
        """Run site.yml before the reader's eyes."""
        words = ["ansible-playbook", "-i", str(self.inventory), "site.yml", *arguments]
        print(f"$ {shlex.join(words)}", flush=True)
        argv = [self._program(words[0]), *words[1:]]
        with _record() as record:
            code = subprocess.run(argv, env={**self._environment, **record.environment}, cwd=ROOT, check=False).returncode
            outcomes = record.read()
        _must_have_worked(outcomes, code, shlex.join(words))
        return outcomes

    def module(self, hosts: Sequence[str], name: str, arguments: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
        """One module on some hosts; the results by host."""
        argv = [self._program("ansible"), "-i", str(self.inventory), "--become", ":".join(hosts), "-m", name]
        argv += ["-a", json.dumps(arguments)] if arguments else []
        with _record() as record:
            environment = {**self._environment, **record.environment}
            done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
            outcomes = record.read()
        _must_have_worked(outcomes, done.returncode, f"the module {name}", done.stderr)
        return {o.host: o.result for o in outcomes}

    def script(self, hosts: Sequence[str], name: str, arguments: str) -> dict[str, Any]:
        """One of the programs of remote/ on some hosts; the JSON it answers with, by host."""
        command = f"{shlex.quote(str(HERE / 'remote' / name))} {arguments}"
        results = self.module(hosts, "ansible.builtin.script", {"cmd": command, "executable": "python3"})
        return {host: json.loads(result["stdout"]) for host, result in results.items()}

    def _program(self, name: str) -> str:
        return str(PROGRAMS / name)


class _Record:
    """The file that callbacks/recorder.py writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
            "VOS_FASTPATH_RECORD": str(path),
        }

    def read(self) -> list[Outcome]:
        """Everything that was written, in its order."""
        return [Outcome(**json.loads(line)) for line in self._path.read_text().splitlines()]


@contextmanager
def _record() -> Iterator[_Record]:
    with tempfile.NamedTemporaryFile(prefix="vos-fastpath-", suffix=".jsonl") as file:
        yield _Record(Path(file.name))


def _must_have_worked(outcomes: list[Outcome], code: int, what: str, errors: str = "") -> None:
    failed = [o for o in outcomes if o.outcome != "ok"]
    if failed:
        lines = (f"  {o.host}: {o.action} {o.outcome}: {o.explanation()}" for o in failed)
        raise LabError("\n".join([f"{what}: failed on {', '.join(sorted({o.host for o in failed}))}", *lines]))
    if code or not outcomes:
        raise LabError(f"{what}: exit {code}, {len(outcomes)} results\n{errors.strip()}")
