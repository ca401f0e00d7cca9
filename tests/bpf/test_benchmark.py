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


def test_the_cost_of_modules_is_written_down(tmp_path: Path) -> None:
    command = (sys.executable, ROOT / "benchmarks" / "module_cost.py", "--rounds", "1", "--most", "0", "--results", tmp_path)
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    costs = {cost["name"]: cost for cost in json.loads((tmp_path / "module_cost.json").read_text())["costs"]}
    assert {"xdp_stats", "xdp_info", "xdp_attach, upgrade in place", "xdp_stats, all slots of top sources taken"} <= costs.keys()
    for cost in costs.values():
        assert cost["floor"] > 0
        assert cost["memory"] > 0
    assert (tmp_path / "module_cost.md").read_text().count("\n| ") == 1 + len(costs)
    assert (tmp_path / "module_cost.svg").read_text().startswith("<svg")
