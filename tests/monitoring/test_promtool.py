# SPDX-License-Identifier: GPL-3.0-or-later

"""Prometheus' own tool reads the metrics, the rules and what the dashboard asks for: Debian's, of the package prometheus."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._metrics import HostState, metrics
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.plugins.module_utils._stats import facts, read
from ansible_collections.vos.fastpath.tests.debian import find_program
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

Promtool = Callable[..., "subprocess.CompletedProcess[str]"]
VARIABLES = {"job": ".*", "instance": ".*", "interface": ".*", "__rate_interval": "1m"}


@pytest.fixture(scope="session")
def promtool(root: Path) -> Promtool:
    """Runs it, with a text as its input."""
    found = find_program("promtool", "prometheus", root / ".cache" / "prometheus")
    if found is None:
        pytest.skip("there is no promtool: apt can't download the package prometheus")
    program = found / "usr/bin/promtool"

    def run(*words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *words], input=text, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def text(tmp_path: Path) -> str:
    """The metrics of a host where there is something of everything."""
    path = tmp_path / "sip_logic.bpf.o"
    path.write_text("version 1")
    kernel = FakeKernel()
    kernel.add_nic("eth0", 2)
    attach(kernel, ["eth0"], Wanted(str(path), settings=Settings(audit=True), allow_empty_allowlist=True), check=False)
    state = HostState("1.2.3", {"eth0": "auto", 'odd"\\name': "native"}, {"block": 2}, {"eth1"}, {"program": 3}, 1800000000.25)
    return metrics(facts(kernel, read(kernel, None), None, 0), state)


def test_the_metrics_are_as_prometheus_wants_them(promtool: Promtool, text: str) -> None:
    done = promtool("check", "metrics", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_metric_against_the_conventions_would_be_seen(promtool: Promtool, text: str) -> None:
    """The check checks: a counter without _total is one that it complains about."""
    assert promtool("check", "metrics", text=text.replace("requests_total", "requests")).returncode != 0


def test_the_scrape_example_is_a_configuration(promtool: Promtool, root: Path) -> None:
    done = promtool("check", "config", root / "monitoring" / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_is_to_and_not_otherwise(promtool: Promtool, root: Path) -> None:
    done = promtool("test", "rules", root / "tests" / "monitoring" / "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_asks_in_promql(promtool: Promtool, root: Path, tmp_path: Path) -> None:
    dashboard = json.loads((root / "monitoring" / "vos_fastpath.dashboard.json").read_text())
    asked = [re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], expression) for expression in expressions(dashboard)]
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    path = tmp_path / "asked.yml"
    path.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))  # JSON is YAML
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(asked)} rules found" in done.stdout
    assert len(asked) > 15


def expressions(found: Any) -> Iterator[str]:
    """Every expr anywhere in it."""
    if isinstance(found, dict):
        if "expr" in found:
            yield found["expr"]
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from expressions(each)
