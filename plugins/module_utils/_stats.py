# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of this host as facts: what they counted, how fast, whom they drop, and what else is to be known of them."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils import _counts, _top_sources
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, MAPS, XSK_QUEUES_MAX
from ansible_collections.vos.fastpath.plugins.module_utils._attachments import attachments
from ansible_collections.vos.fastpath.plugins.module_utils._counts import Numbers
from ansible_collections.vos.fastpath.plugins.module_utils._gate import TABLES, read_gate
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_counting import CountingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.plugins.module_utils._stack import carrying

__all__ = ("Reading", "Seen", "facts", "read")

_STATISTICS = ("rx_packets", "rx_bytes", "rx_dropped")
"""The interface's own counters that have rates."""


class Seen(t.NamedTuple):
    """An interface at one moment."""

    interface: Interface
    carries: t.Sequence[str]
    """By which names it was asked for: its own, or those of what is above it."""
    program: t.Optional[Program]
    statistics: t.Mapping[str, int]
    numbers: Numbers = ()
    """What our program counted; empty where it is not attached."""
    sources: t.Sequence[_top_sources.Source] = ()


class Reading(t.NamedTuple):
    """The host at one moment."""

    moment: float
    """Seconds of CLOCK_MONOTONIC."""
    interfaces: t.Mapping[str, Seen]


def read(kernel: CountingKernel, names: t.Optional[t.Sequence[str]], clock: t.Callable[[], float] = time.monotonic) -> Reading:
    """Read the interfaces; without names all that carry a program. Raises FastpathError."""
    moment = clock()
    if names:
        return Reading(moment, {name: _named(kernel, name, carries) for name, carries in _asked_for(kernel, names).items()})
    return Reading(moment, {found.name: _seen(kernel, found, program, [found.name]) for found, program in attachments(kernel)})


def _asked_for(kernel: CountingKernel, names: t.Sequence[str]) -> t.Dict[str, t.List[str]]:
    """Return the devices that are meant, each with the names that mean it: where our program is, else what below it carries it."""
    found: t.Dict[str, t.List[str]] = {}
    for name in dict.fromkeys(names):
        program = kernel.attached(kernel.interface(name).ifindex)
        for carrier in [name] if program is not None and program.ours else carrying(kernel, name) or [name]:
            found.setdefault(carrier, []).append(name)
    return found


def _named(kernel: CountingKernel, name: str, carries: t.Sequence[str]) -> Seen:
    interface = kernel.interface(name)
    return _seen(kernel, interface, kernel.attached(interface.ifindex), carries)


def _seen(kernel: CountingKernel, interface: Interface, program: t.Optional[Program], carries: t.Sequence[str]) -> Seen:
    statistics = kernel.statistics(interface.name)
    if program is None or not program.ours:
        return Seen(interface, carries, program, statistics)
    return Seen(interface, carries, program, statistics, _counts.read(kernel, program), _sources(kernel, program))


def _sources(kernel: CountingKernel, program: Program) -> t.Sequence[_top_sources.Source]:
    """Return who is dropped; nobody where a filter of an older version does not know it."""
    if "top_sources" not in program.maps:
        return ()
    with kernel.map_by_id(program.maps["top_sources"]) as top:
        return _top_sources.read(top)


def facts(kernel: CountingKernel, now: Reading, before: t.Optional[Reading], top: int) -> t.Dict[str, t.Any]:
    """Return the facts; with rates since the reading before, and so many of the sources that are dropped most."""
    seconds = now.moment - before.moment if before else 0.0
    found, speeds = {}, []
    for name, seen in now.interfaces.items():
        earlier = before.interfaces.get(name) if before else None
        rates = None
        if seen.numbers and earlier and earlier.numbers:
            speeds.append(_counts.grown(earlier.numbers, seen.numbers))
            own = _counts.grown(*([each.statistics[key] for key in _STATISTICS] for each in (earlier, seen)))
            rates = {**_rates(speeds[-1], seconds), "statistics": dict(zip(_STATISTICS, _counts.per_second(own, seconds)))}
        found[name] = {**_interface(kernel, seen), "rates": rates, "top_sources": _top_sources.described(seen.sources[:top])}
    everybody = _top_sources.merged(source for seen in now.interfaces.values() for source in seen.sources)
    return {
        **_counts.described(_counts.total(seen.numbers for seen in now.interfaces.values() if seen.numbers)),
        "interval": round(seconds, 3),
        "rates": _rates(_counts.total(speeds), seconds) if before else None,
        "top_sources": _top_sources.described(everybody[:top]),
        **_lists(kernel),
        "interfaces": found,
    }


def _rates(numbers: Numbers, seconds: float) -> t.Dict[str, t.Any]:
    return dict(_counts.described(_counts.per_second(numbers, seconds)))


def _interface(kernel: CountingKernel, seen: Seen) -> t.Dict[str, t.Any]:
    interface, program = seen.interface, seen.program
    found: t.Dict[str, t.Any] = {
        "attached": program is not None and program.ours,
        "ifindex": interface.ifindex,
        "driver": interface.driver,
        "carries": list(seen.carries),
        "mode": program.mode if program else None,
        "prog_id": program.prog_id if program else None,
        "tag": program.tag if program else None,
        "uptime": program.uptime if program else None,
        "statistics": seen.statistics,
        "counters": {},
    }
    if program is not None and program.ours:
        config = Config.unpack(kernel.read_first(program.maps[".rodata"]) if ".rodata" in program.maps else b"")
        settings = Settings.unpack(kernel.read_first(program.maps["xdp_settings"]))
        found.update(_counts.described(seen.numbers), counters_map_id=program.maps["xdp_counters"])
        bound = _bound(kernel, interface.name, program) if config.af_xdp and "xsks_map" in program.maps else {}
        found["af_xdp_queues"] = [queue for queue, other in bound.items() if queue == other]
        found["af_xdp_misplaced"] = [queue for queue, other in bound.items() if queue != other]
        found.update(config._asdict(), **settings._asdict())
    return found


def _bound(kernel: CountingKernel, name: str, program: Program) -> t.Dict[int, int]:
    """Return which queue the AF_XDP socket of each queue is bound to: the packets are lost where that is another one."""
    return kernel.sockets(program.maps["xsks_map"], min(kernel.receive_queues(name), XSK_QUEUES_MAX))


def _lists(kernel: CountingKernel) -> t.Dict[str, t.Any]:
    """Return the sizes of the two lists, and how full their tables are."""
    numbers = GATE.unpack(read_gate(kernel) or bytes(GATE.size))
    tables = {}
    for table, entries in zip(TABLES, numbers):
        capacity = MAPS[table].max_entries
        tables[table] = {"entries": entries, "capacity": capacity, "fill": round(entries / capacity, 4)}
    return {"lists": {"allow": numbers[-2], "block": numbers[-1]}, "tables": tables}
