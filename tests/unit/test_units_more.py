# SPDX-License-Identifier: GPL-3.0-or-later

"""The units for metrics and for the hook, as systemd reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vos.fastpath.plugins.module_utils._command_line import make_parser
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._units import SANDBOX
from ansible_collections.vos.fastpath.plugins.module_utils._units_more import ARGUMENTS, STARTED, all_units, metrics_file, more_units
from ansible_collections.vos.fastpath.plugins.module_utils._version import VERSION

FILE = "/var/lib/prometheus/node-exporter/vos_fastpath.prom"
DEFAULTS = {key: option.get("default") for key, option in ARGUMENTS.items()}


def units(**wanted: Any) -> dict[str, str]:
    return more_units("/usr/local/sbin/vos-fastpath", {**DEFAULTS, **wanted})


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(key + "=")]


def command(unit: str) -> list[str]:
    """What a unit runs, without the program."""
    [line] = values(unit, "ExecStart")
    assert line.startswith("/usr/local/sbin/vos-fastpath ")
    return line.split()[1:]


def test_nothing_is_there_that_was_not_asked_for() -> None:
    assert units() == {}
    assert set(units(metrics_file=FILE)) == {"vos-fastpath-metrics.timer", "vos-fastpath-metrics.service"}
    assert set(units(hook=True)) == {"vos-fastpath-hook.socket", "vos-fastpath-hook.service"}
    assert set(units(hook=True, metrics_file=FILE)) == set(all_units())
    assert set(STARTED) == {name for name in all_units() if not name.endswith(".service")}


def test_the_metrics_are_written_as_often_as_said() -> None:
    found = units(metrics_file=FILE, metrics_interval=5)
    assert values(found["vos-fastpath-metrics.timer"], "OnUnitInactiveSec") == ["5"]
    options = make_parser().parse_args(command(found["vos-fastpath-metrics.service"]))
    assert (options.command, options.output) == ("metrics", FILE)
    assert values(found["vos-fastpath-metrics.service"], "ReadWritePaths")[-1] == "-/var/lib/prometheus/node-exporter"
    assert metrics_file(found["vos-fastpath-metrics.service"]) == FILE
    assert metrics_file("[Service]\nExecStart=/bin/true\n") is None


def test_the_hook_is_for_a_group_and_may_do_what_is_said() -> None:
    found = units(hook=True, hook_group="kamailio", hook_lists=["allow"], hook_max_seconds=60, hook_max_entries=7)
    assert values(found["vos-fastpath-hook.socket"], "SocketGroup") == ["kamailio"]
    assert values(found["vos-fastpath-hook.socket"], "SocketMode") == ["0660"]
    options = make_parser().parse_args(command(found["vos-fastpath-hook.service"]))
    assert (options.command, options.lists, options.max_seconds, options.max_entries) == ("serve", ["allow"], 60, 7)


def test_what_the_command_does_by_itself_is_what_the_module_has_it_do() -> None:
    said = make_parser().parse_args(command(units(hook=True)["vos-fastpath-hook.service"]))
    assert said == make_parser().parse_args(["serve"])


@pytest.mark.parametrize("name", [name for name in all_units() if name.endswith(".service")])
def test_services_are_in_the_sandbox(name: str) -> None:
    assert SANDBOX in units(hook=True, metrics_file=FILE)[name]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"metrics_file": "vos.prom"}, "it has to be a whole path"),
        ({"metrics_file": "/tmp/metrics"}, "ends in .prom"),
        ({"metrics_file": "/tmp/a b.prom"}, "plain characters"),
        ({"metrics_file": "/tmp/%n.prom"}, "plain characters"),
        ({"metrics_interval": 0}, "metrics_interval: 0: it has to be 1 at least"),
        ({"hook": True, "hook_group": "a b"}, "it is no name of a group"),
        ({"hook": True, "hook_group": ""}, "it is no name of a group"),
        ({"hook": True, "hook_lists": []}, "a hook that may change no list is none"),
        ({"hook": True, "hook_max_seconds": 0}, "hook_max_seconds: 0"),
        ({"hook": True, "hook_max_entries": -1}, "hook_max_entries: -1"),
    ],
)
def test_what_systemd_would_take_for_something_else_is_refused(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(FastpathError) as refused:
        units(**wanted)
    assert words in str(refused.value)


def test_the_version_is_that_of_the_collection(root: Path) -> None:
    assert yaml.safe_load((root / "galaxy.yml").read_text())["version"] == VERSION
