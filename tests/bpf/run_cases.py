# SPDX-License-Identifier: GPL-3.0-or-later

"""The named cases on a machine without pytest: built there, loaded, run; the answer is JSON."""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path

import cases
import harness


def main() -> None:
    """Print the kernel, how many verdicts are right, and those that are not."""
    wrong = []
    with tempfile.TemporaryDirectory() as folder, harness.load(harness.build(Path(folder)), af_xdp=True) as program:
        program.set(stealth_methods=harness.mask("OPTIONS"), malformed_scope=1)
        for case in cases.LAWFUL + cases.DROPPED:
            wanted = "drop" if case in cases.DROPPED else "pass"
            got = program.run(case.frame)
            if got != wanted:
                wrong.append({"case": case.name, "wanted": wanted, "got": got})
    right = len(cases.LAWFUL + cases.DROPPED) - len(wrong)
    print(json.dumps({"kernel": platform.release(), "right": right, "wrong": wrong}))


if __name__ == "__main__":
    main()
