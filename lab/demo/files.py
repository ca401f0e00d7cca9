# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as files: Markdown and HTML for people, JSON for programs."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from lab.demo.checks import Check
from lab.demo.model import Comparison
from lab.demo.page import page
from lab.demo.plots import charts, svg
from lab.demo.report import report


def look(folder: str, name: str = "") -> str:
    """What would keep a report from being written there, before anything is done that it would be about; empty where nothing does."""
    if Path(name).name != name:
        return f"comparison_name: {name}: it is a name of files, without a folder. Name the folder in comparison_reports"
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"comparison_reports: {folder}: {error.strerror}. Name a folder that you may write to"
    return ""


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
