# SPDX-License-Identifier: GPL-3.0-or-later

"""What Kamailio runs to call the hook, without Kamailio; the lab has it with."""

from __future__ import annotations

import importlib.util
import socket
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kamailio's."""
    lines: list[str] = []
    monkeypatch.setitem(sys.modules, "KSR", SimpleNamespace(err=lines.append))
    return lines


@pytest.fixture
def script(root: Path, log: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file as app_python3 loads it, with a socket of the test's."""
    monkeypatch.setenv("VOS_FASTPATH_HOOK", str(tmp_path / "hook.dgram"))
    spec = importlib.util.spec_from_file_location("vos_fastpath_hook", root / "hooks" / "kamailio" / "vos_fastpath_hook.py")
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def hook(script: ModuleType) -> Any:
    made = script.mod_init()
    made.child_init(1)
    yield made
    made.socket.close()


def test_what_comes_from_a_message_stays_one_line(hook: Any, log: list[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "hook.dgram"))
        assert hook.vos_fastpath(None, "allow 192.0.2.7 60 registered bob\nblock 192.0.2.8 60") == 1
        assert listening.recv(1000) == b"allow 192.0.2.7 60 registered bob block 192.0.2.8 60"
    assert log == []


def test_a_hook_that_is_not_there_fills_no_log(hook: Any, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    assert [hook.vos_fastpath(None, "allow 192.0.2.7 60") for _call in range(1000)] == [-1] * 1000
    assert len(log) == 1 and log[0].endswith("No such file or directory, calls lost: 1\n")
    monkeypatch.setattr(time, "monotonic", lambda: 111.0)
    hook.vos_fastpath(None, "allow 192.0.2.7 60")
    assert len(log) == 2 and log[1].endswith("calls lost: 1000\n")
