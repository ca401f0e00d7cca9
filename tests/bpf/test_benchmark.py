# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark runs, and measures what it says. How long anything takes is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_cost_of_packets_is_written_down(tmp_path: Path) -> None:
    command = (sys.executable, ROOT / "benchmarks" / "program_cost.py", "--rounds", "1", "--repeat", "10", "--results", tmp_path)
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    written = json.loads((tmp_path / "program_cost.json").read_text())
    verdicts = {cost["name"]: cost["verdict"] for cost in written["costs"]}
    assert len(verdicts) == 17
    for name, verdict in verdicts.items():
        assert verdict == ("drop" if name.startswith(("OPTIONS", "blocked")) else "pass"), name
    assert (tmp_path / "program_cost.md").read_text().count("\n| ") >= len(verdicts)
    assert (tmp_path / "program_cost.svg").read_text().startswith("<svg")
