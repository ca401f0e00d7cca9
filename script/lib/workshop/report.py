# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run says: a line for each check while it goes on, and at the end why, how long, how many."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from workshop import check, places, steps
from workshop.tally import Tally

SILENCE = 30.0
"""Seconds after which a log (no terminal) is told that a check is still at work."""

TAIL, WIDTH = 40, 300
"""Lines of a failed check's log that are shown at once, and characters of each line."""


TELLING, LONG = 5, 1000
"""The same for the lines in it that name an error."""


class Report:
    """Speaks on standard output; on a terminal a running check has a line that changes."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._spoken = 0.0
        self._times: list[tuple[str, float]] = []

    def part(self, name: str) -> None:
        """A part begins."""
        self._say(f"== {name}")

    def begin(self, name: str) -> None:
        """A check begins."""
        self._spoken = 0.0
        if self._live:
            self._over(f"   {name} …")

    def heartbeat(self, name: str, seconds: float, words: str) -> None:
        """A check is still at work."""
        if self._live:
            self._over(f"   {name} … {seconds:.0f} s  {words}")
        elif seconds - self._spoken >= SILENCE:
            self._spoken = seconds
            self._say(f"   {name} … {seconds:.0f} s  {words}")

    def end(self, name: str, tally: Tally, seconds: float, log: Path | None = None) -> None:
        """A check has ended."""
        self._over("")
        mark = "FAILED" if tally.failed else "ok"
        self._say(f"   {name:<44} {mark:<6} {tally}, {seconds:.1f} s")
        self._steps(log)
        if tally.failed and log is not None and log.is_file():
            telling = [f"      ! {line[:LONG]}" for line in check.telling(log, TELLING)]
            self._say(*telling, *(f"      | {line[:WIDTH]}" for line in check.tail(log, TAIL)), f"      whole log: {log.relative_to(places.ROOT)}")

    def _steps(self, log: Path | None) -> None:
        words = check.last_line(log, LONG) if log is not None and log.is_file() else ""
        if words.startswith(steps.HEAD):
            self._say(f"      {words}")

    def part_end(self, name: str, seconds: float) -> None:
        """A part has ended."""
        self._times.append((name, seconds))

    def summary(self, tally: Tally, begin: float) -> None:
        """The end of it all; the last line is the count."""
        self._over("")
        for title, found in (("Skipped", tally.skips), ("A minute or longer", tally.slow), ("Failed", tally.failures)):
            if found:
                self._say("", f"{title}:", *(f"   {words[:WIDTH]}" for words in found))
        times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self._times)
        self._say("", f"Times: {times}; together {time.monotonic() - begin:.0f} s", str(tally))

    def _say(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)

    def _over(self, words: str) -> None:
        if self._live:
            print(f"\r\x1b[K{words[:110]}", end="", flush=True)
