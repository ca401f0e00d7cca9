# SPDX-License-Identifier: GPL-3.0-or-later

"""Run all checks and tests, or the parts that are named, installing what they need; logs are kept in tests/output.

script/test [PART…]     the last line is "N passed, N failed, N skipped"; the exit status is 1 if any failed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from workshop import check, places, setup, tally, traces
from workshop.parts import Part, all_parts
from workshop.report import Report
from workshop.tally import Tally
from workshop.workspace import Workspace


def main(arguments: Sequence[str]) -> int:
    """Do what the module says."""
    parts = {part.name: part for part in all_parts()}
    unknown = sorted(set(arguments) - set(parts))
    if unknown:
        print(f"{__doc__}\nParts: {' '.join(parts)}\ntest: no such part: {' '.join(unknown)}", file=sys.stderr)
        return 2
    chosen = [part for part in parts.values() if part.name in arguments or not arguments]
    check.listen()
    begin, report, total, before = time.monotonic(), Report(), Tally(), traces.found()
    try:
        with Workspace() as workspace:
            for part in chosen:
                for found in run_part(part, workspace, report):
                    total += found  # one by one, so that an interrupted run tells what it knows
        if not arguments:
            total += _nothing_left(before, report)
    except check.Interrupted as interrupted:
        total += tally.failure(f"interrupted by {interrupted}")
    report.summary(total, begin)
    return 1 if total.failed else 0


def run_part(part: Part, workspace: Workspace, report: Report) -> Iterator[Tally]:
    """What the part needs is installed, then its checks are made one after the other."""
    begin = time.monotonic()
    report.part(part.name)
    if part.root and os.geteuid() != 0:
        yield tally.skip(f"{part.name}: needs root (sudo script/test)")
        return
    lacking = part.lacks()
    if lacking:
        yield tally.skip(f"{part.name}: {lacking}")
        return
    if setup.main(part.needs) != 0:
        yield tally.failure(f"{part.name}: what it needs could not be installed")
        return
    with (places.CACHE / f"test-{part.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run of the same part writes to the same logs
        output = places.OUTPUT / part.name
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        for each in part.checks(workspace):
            yield _run_check(part, each, report)
    report.part_end(part.name, time.monotonic() - begin)


def _run_check(part: Part, each: check.Check, report: Report) -> Tally:
    begin = time.monotonic()
    log = places.OUTPUT / part.name / f"{each.name.replace(' ', '_').replace(',', '')}.log"
    report.begin(each.name)
    found = check.run(each, log, lambda seconds, words: report.heartbeat(each.name, seconds, words))
    report.end(each.name, found, time.monotonic() - begin, log)
    where = f"{part.name}, {each.name}: "
    return replace(
        found,
        failures=tuple(where + words for words in found.failures),
        skips=tuple(where + words for words in found.skips),
        slow=tuple(where + words for words in found.slow),
    )


def _nothing_left(before: set[str], report: Report) -> Tally:
    """The last check of a whole run is about the run itself."""
    begin = time.monotonic()
    report.part("traces")
    left = traces.left(before)
    found = tally.success() if not left else tally.failure("traces: left behind: " + ", ".join(left))
    report.end("nothing is left behind", found, time.monotonic() - begin)
    return found
