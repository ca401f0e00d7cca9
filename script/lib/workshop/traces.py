# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run of the tests could leave on the machine: looked at before it and after it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from workshop import places

PATIENCE = 15.0
"""Seconds for the kernel to take down what ended with its namespace: it does that when it has time."""


def found() -> set[str]:
    """All there is of what could be ours, a line for each."""
    return {f"{kind} {name}" for kind, look in LOOKS.items() for name in look()}


def left(before: set[str], patience: float = PATIENCE) -> list[str]:
    """What is there now and was not before."""
    deadline = time.monotonic() + patience
    while (more := found() - before) and time.monotonic() < deadline:
        time.sleep(0.5)
    return sorted(more)


def _mounts() -> set[str]:
    return {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}


def _namespaces() -> set[str]:
    folder = Path("/run/netns")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def _pins() -> set[str]:
    return {str(path) for path in Path("/sys/fs/bpf").glob("**/*")}


def _programs() -> set[str]:
    """XDP programs by id; without root or bpftool nobody could have loaded one."""
    if shutil.which("bpftool") is None:
        return set()
    told = subprocess.run(["bpftool", "--json", "prog", "show"], capture_output=True, text=True, check=False)
    programs = json.loads(told.stdout or "[]") if told.returncode == 0 else []
    return {f"{program['id']} {program.get('name', '')}" for program in programs if program.get("type") == "xdp"}


def _files() -> set[str]:
    """Files of the checkout that are changed, or new and not ignored."""
    status = ["git", "-c", f"safe.directory={places.ROOT}", "status", "--porcelain"]
    return set(subprocess.run(status, cwd=places.ROOT, capture_output=True, text=True, check=True).stdout.splitlines())


LOOKS: dict[str, Callable[[], set[str]]] = {
    "mount": _mounts,
    "network namespace": _namespaces,
    "interface": _interfaces,
    "pin": _pins,
    "XDP program": _programs,
    "file": _files,
}
