# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters of this host counted."""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import (
    COUNTERS,
    GATE,
    METHOD_SLOTS,
    METHODS,
    REASON_SLOTS,
    REASONS,
)
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel, Program
from ansible_collections.vos.fastpath.plugins.module_utils._lists import read_gate
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

__all__ = ("ARGUMENT_SPEC", "stats_task")

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "interfaces": {"type": "list", "elements": "str", "aliases": ["interface"]},
    "query": {"type": "str"},
}

_FIRST = bytes(4)
_NAMES = tuple(key for key, words in COUNTERS)
_STATS = 4 * REASON_SLOTS + METHOD_SLOTS  # u64 numbers in struct sip_stats


def stats_task(params: t.Dict[str, t.Any], check: bool, kernel: t.Optional[Kernel] = None) -> t.Dict[str, t.Any]:
    """Return the facts. Without names, of every interface that carries a program. Raises FastpathError."""
    kernel = kernel or Kernel()
    found = {name: _interface(kernel, name) for name in params["interfaces"] or kernel.interfaces()}
    if not params["interfaces"]:
        found = {name: facts for name, facts in found.items() if facts["mode"] is not None}
    totals = {key: sum(facts["counters"].get(key, 0) for facts in found.values()) for key in _NAMES}
    facts = {"interfaces": found, "counters": totals, "lists": _list_sizes(kernel)}
    return {"changed": False, "ansible_facts": {"vos_fastpath": facts}}


def _interface(kernel: Kernel, name: str) -> t.Dict[str, t.Any]:
    interface = kernel.interface(name)
    program = kernel.attached(interface.ifindex)
    facts: t.Dict[str, t.Any] = {
        "attached": program is not None and program.ours,
        "ifindex": interface.ifindex,
        "driver": interface.driver,
        "mode": program.mode if program else None,
        "prog_id": program.prog_id if program else None,
        "tag": program.tag if program else None,
        "uptime": program.uptime if program else None,
        "statistics": kernel.statistics(name),
        "counters": {},
    }
    if program is not None and program.ours:
        facts.update(_counted(kernel, program))
    return facts


def _counted(kernel: Kernel, program: Program) -> t.Dict[str, t.Any]:
    with kernel.map_by_id(program.maps["xdp_counters"]) as counters:
        slots = [sum(_numbers(counters.lookup(struct.pack("=I", slot)))) for slot in range(len(COUNTERS))]
    with kernel.map_by_id(program.maps["xdp_stats"]) as stats:
        per_cpu = _numbers(stats.lookup(_FIRST))
    numbers = [sum(per_cpu[i::_STATS]) for i in range(_STATS)]
    config = Config.unpack(kernel.read_first(program.maps[".rodata"]))
    settings = Settings.unpack(kernel.read_first(program.maps["xdp_settings"]))
    return {
        "counters": dict(zip(_NAMES, slots)),
        "counters_map_id": program.maps["xdp_counters"],
        "reasons": _by_reason(numbers[: 2 * REASON_SLOTS]),
        "would_drop": _by_reason(numbers[2 * REASON_SLOTS: 4 * REASON_SLOTS], "drop"),
        "methods": dict(zip(METHODS, numbers[4 * REASON_SLOTS:])),
        **config._asdict(),
        **settings._asdict(),
    }


def _by_reason(numbers: t.Sequence[int], only: str = "") -> t.Dict[str, t.Dict[str, int]]:
    """Return packets and bytes by reason; the reasons that are never counted are left out."""
    counted = ((i, reason) for i, reason in enumerate(REASONS) if reason.counter and reason.verdict.startswith(only))
    return {reason.name: {"packets": numbers[2 * i], "bytes": numbers[2 * i + 1]} for i, reason in counted}


def _numbers(raw: t.Optional[bytes]) -> t.Tuple[int, ...]:
    return struct.unpack("=%dQ" % (len(raw) // 8), raw) if raw else ()


def _list_sizes(kernel: Kernel) -> t.Dict[str, int]:
    gate = read_gate(kernel)
    allowed, blocked = GATE.unpack(gate)[-2:] if gate else (0, 0)
    return {"allow": allowed, "block": blocked}
