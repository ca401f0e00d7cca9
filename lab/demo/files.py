# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as files: Markdown and HTML for people, JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from lab.demo.checks import Check
from lab.demo.model import Comparison
from lab.demo.page import page
from lab.demo.plots import charts, svg
from lab.demo.report import report


def write(folder: Path, run: Comparison, results: list[Check], how_to: str, name: str = "") -> list[str]:
    """The paths of what was written, named after the time where no name is given; the folder is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    name = name or f"comparison-run-{run.started[:19].replace(':', '').replace('-', '')}"
    picture = svg(charts(run))
    text = report(run, results, how_to, f"{name}.svg" if picture else "")
    data = {"run": asdict(run), "checks": [{**asdict(c), "sentence": c.sentence()} for c in results]}
    contents = {"md": text, "html": page(text, picture), "json": json.dumps(data, indent=2) + "\n", **({"svg": picture} if picture else {})}
    for suffix, content in contents.items():
        (folder / f"{name}.{suffix}").write_text(content)
    return [str(folder / f"{name}.{suffix}") for suffix in contents]
