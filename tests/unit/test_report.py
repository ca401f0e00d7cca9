# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of the fleet's preflight report."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.filter.preflight_rows import FilterModule, preflight_rows
from ansible_collections.vos.fastpath.plugins.plugin_utils._report import Row, rows

NIC = {"kind": "nic", "driver": "ice", "protected_by": [], "problems": [], "expected_mode": "native", "why": "it can", "remedy": None, "xdp": None}
HOST = {"kernel": "6.12.38", "problems": [], "missing_capabilities": [], "missing": [], "packages": []}


def host(**interfaces: dict[str, Any]) -> dict[str, Any]:
    return {**HOST, "interfaces": {name: {**NIC, **facts} for name, facts in interfaces.items()}}


def test_every_interface_has_a_line_and_loopback_has_none() -> None:
    found = rows({"a": host(eth0={}, lo={"kind": "loopback"}), "b": host(eth1={"expected_mode": "generic", "remedy": "Lower it"})})
    assert found == [
        Row("a", "eth0", "ready", "native", "ice", "6.12.38", "it can", ""),
        Row("b", "eth1", "slower", "generic", "ice", "6.12.38", "it can", "Lower it"),
    ]


@pytest.mark.parametrize(
    ("facts", "light", "mode", "reason"),
    [
        ({"protected_by": ["eth0"], "xdp": {"mode": "native"}}, "ready", "native", "protected by eth0"),
        ({"protected_by": ["bond0"]}, "ready", "", "protected by bond0"),
        ({"problems": ["eth0: taken", "eth0: low"]}, "blocked", "", "eth0: taken; eth0: low"),
        ({"expected_mode": "auto"}, "slower", "auto", "it can"),
    ],
)
def test_the_light(facts: dict[str, Any], light: str, mode: str, reason: str) -> None:
    [row] = rows({"a": host(eth0=facts)})
    assert (row.light, row.mode, row.reason) == (light, mode, reason)


def test_what_a_host_lacks_has_a_line_of_its_own() -> None:
    lacking = {**host(), "problems": ["kernel 4.19: old"], "missing_capabilities": ["CAP_NET_ADMIN"], "missing": ["clang"], "packages": ["clang"]}
    assert [(row.interface, row.light, row.reason, row.remedy) for row in rows({"a": lacking})] == [
        ("", "blocked", "kernel 4.19: old", ""),
        ("", "blocked", "may not: CAP_NET_ADMIN", "Run as root of the host"),
        ("", "slower", "missing: clang", "Install clang (the role does)"),
    ]
    assert rows({"a": {**lacking, "packages": []}})[-1].remedy == "Install clang (the role does)"


def test_a_host_that_gives_no_answer_is_in_it() -> None:
    found = preflight_rows({"a": {"unreachable": True, "msg": "Connection refused\n"}, "b": {"msg": "BPF needs root"}, "c": {}})
    assert [(row["light"], row["reason"]) for row in found] == [
        ("unreachable", "Connection refused"),
        ("blocked", "BPF needs root"),
        ("blocked", "it gave no answer"),
    ]
    assert FilterModule().filters()["preflight_rows"] is preflight_rows
