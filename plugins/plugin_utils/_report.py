# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's preflight report as rows: what each interface of each host could do, and what each host lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ("Row", "rows")

READY, SLOWER, BLOCKED, SILENT = "ready", "slower", "blocked", "unreachable"


class Row(NamedTuple):
    """A line of the report."""

    host: str
    interface: str
    """Empty for what is said of the host itself."""
    light: str
    """V(ready) (green), V(slower) (yellow), V(blocked) or V(unreachable) (red)."""
    mode: str
    driver: str
    kernel: str
    reason: str
    remedy: str


def rows(results: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the lines for what C(xdp_info) returned, by host; an answer that is missing is a line as well."""
    return [row for host, result in results.items() for row in _of_host(host, result)]


def _of_host(host: str, result: Mapping[str, Any]) -> Iterator[Row]:
    if "kernel" not in result:
        light = SILENT if result.get("unreachable") else BLOCKED
        yield Row(host, "", light, "", "", "", str(result.get("msg", "it gave no answer")).strip(), "Look at the run of the playbook")
        return
    blank = Row(host, "", BLOCKED, "", "", result["kernel"], "", "")
    yield from (blank._replace(reason=problem) for problem in result["problems"])
    if result["missing_capabilities"]:
        yield blank._replace(reason="may not: " + ", ".join(result["missing_capabilities"]), remedy="Run as root of the host")
    if result["missing"]:
        remedy = "Install %s (the role does)" % " ".join(result["packages"] or result["missing"])
        yield blank._replace(light=SLOWER, reason="missing: " + ", ".join(result["missing"]), remedy=remedy)
    for name, facts in result["interfaces"].items():
        if facts["kind"] != "loopback":
            yield _of_interface(blank._replace(interface=name, driver=facts["driver"]), facts)


def _of_interface(row: Row, facts: Mapping[str, Any]) -> Row:
    if facts["protected_by"]:
        mode = facts["xdp"]["mode"] if facts["xdp"] else ""
        return row._replace(light=READY, mode=mode, reason="protected by " + ", ".join(facts["protected_by"]))
    if facts["problems"]:
        return row._replace(reason="; ".join(facts["problems"]))
    light = READY if facts["expected_mode"] == "native" else SLOWER
    return row._replace(light=light, mode=facts["expected_mode"], reason=facts["why"], remedy=facts["remedy"] or "")
