# SPDX-License-Identifier: GPL-3.0-or-later

"""The hook as systemd starts it: a process of its own, with its sockets from descriptor 3 on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_START = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.vos.fastpath.plugins.module_utils._command import main
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from {module} import {kernel} as Kernel
numbers = [int(number) for number in sys.argv[3].split(",")]
for place, number in enumerate(numbers):
    os.dup2(number, 100 + place)
for place in range(len(numbers)):
    os.dup2(100 + place, 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)))
sys.exit(main(["serve", *sys.argv[4:]], Kernel(), Saved(sys.argv[2])))
"""
REAL = ("ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching", "AttachingKernel")
FAKE = ("ansible_collections.vos.fastpath.tests.unit.fake_kernel", "FakeKernel")


def bound(path: Path, kind: socket.SocketKind) -> socket.socket:
    """A socket of the hook."""
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    if kind == socket.SOCK_STREAM:
        made.listen(256)
    return made


class Serving:
    """A hook that runs, on a kernel and on what is saved in a folder."""

    def __init__(self, tree: Path, folder: str, sockets: Sequence[socket.socket], *words: str, kernel: tuple[str, str] = REAL) -> None:
        numbers = ",".join(str(each.fileno()) for each in sockets)
        start = _START.format(module=kernel[0], kernel=kernel[1])
        argv = [sys.executable, "-c", start, str(tree), folder, numbers, *words]
        self.process = subprocess.Popen(argv, pass_fds=[each.fileno() for each in sockets], stderr=subprocess.PIPE, text=True)

    def end(self) -> tuple[int, str]:
        """Its exit code once it has ended, and what it said."""
        _out, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def seconds(self) -> float:
        """The CPU time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
