# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath serve): started by systemd with its sockets, ended by a signal."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._command import main
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.serving import FAKE, Serving, bound
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[socket.socket]:
    with bound(tmp_path / "hook.sock", socket.SOCK_STREAM) as made:
        yield made


def test_a_call_is_carried_out_until_somebody_ends_it(saved: Saved, stream: socket.socket, collections_path: Path, real_host: None) -> None:
    started = Serving(collections_path, saved.folder, [stream], "--lists", "allow", "--max-seconds", "100", kernel=FAKE)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(30)
        caller.connect(stream.getsockname())
        caller.sendall(b"allow 192.0.2.7 60 registered\nallow 192.0.2.7 101\nblock 192.0.2.8 60\n")
        answers = ""
        while answers.count("\n") < 3:
            answers += caller.recv(4096).decode()
    started.process.send_signal(signal.SIGTERM)
    code, said = started.end()
    assert [line.partition(".")[0] for line in answers.splitlines()] == [
        "ok", "error 101 seconds: a hook may say so for 100 seconds at most", "error block: the hook of this host may not block"
    ]  # fmt: skip
    assert code == 0
    assert "refused to root: 101 seconds" in said
    assert [note.comment for note in saved.local.notes().values()] == ["registered"]


def test_without_sockets_it_says_who_starts_it(
    kernel: FakeKernel, saved: Saved, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for pid in (None, "1"):
        if pid:
            monkeypatch.setenv("LISTEN_PID", pid)
            monkeypatch.setenv("LISTEN_FDS", "1")
        assert main(["serve"], kernel, saved) == 1
        assert "Start it by vos-fastpath-hook.socket" in capsys.readouterr().err


def test_other_sockets_are_refused(saved: Saved, collections_path: Path) -> None:
    with socket.socket(socket.AF_INET) as other:
        code, said = Serving(collections_path, saved.folder, [other], kernel=FAKE).end()
    assert (code, "is no socket of the hook" in said) == (1, True)
    assert os.path.exists(saved.folder)
