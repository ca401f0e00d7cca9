# SPDX-License-Identifier: GPL-3.0-or-later
"""What the person at the keyboard sees: one line per step, with its time, and the output of a step that fails."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

TAIL = 15
REFRESH = 0.5


class Log:
    """The last lines of what a step's programs print; on a terminal the newest is shown while they run."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL)
        self._title = title
        self._stream = stream
        self._shown = 0.0

    def run(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Run a program to its end; the exit code."""
        try:
            process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError:
            self._lines.append(f"{argv[0]}: not installed")
            return 127
        with process:
            for line in process.stdout or ():
                self.add(line.rstrip())
        return process.returncode

    def add(self, line: str) -> None:
        """A line of output."""
        self._lines.append(line)
        if self._stream.isatty() and time.monotonic() - self._shown > REFRESH:
            self._shown = time.monotonic()
            self._stream.write(f"\r\033[K  {self._title}: {line[:80]}")
            self._stream.flush()

    def tail(self) -> str:
        """The last lines, indented, for an error's text."""
        return "\n".join(f"    {line}" for line in self._lines)


class Progress:
    """Steps, each a line when it ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, text: str) -> None:
        """A line for the reader."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Log]:
        """A step that takes time: its title now on a terminal, its time when it is done."""
        terminal = self._stream.isatty()
        print(f"  {title} ...", end="" if terminal else "\n", file=self._stream, flush=True)
        begun = time.monotonic()
        outcome = "failed"
        try:
            yield Log(title, self._stream)
            outcome = "done"
        finally:
            clear = "\r\033[K" if terminal else ""
            self.say(f"{clear}  {title}: {outcome} in {time.monotonic() - begun:.1f} s")
