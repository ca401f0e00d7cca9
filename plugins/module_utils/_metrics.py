# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of this host as Prometheus reads them: the text format, for the textfile collector of node_exporter.

Sources of packets are no labels: each would be a time series, and whoever sends to us could make as many as he likes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import METHODS, REASONS

__all__ = ("FAMILIES", "HostState", "metrics")

REPAIRS = ("list", "program", "settings")
"""Kinds of repair that are counted from the start: a counter that appears with its first event has no increase for it."""

Labels = t.Tuple[t.Tuple[str, str], ...]
Sample = t.Tuple[Labels, float]
Facts = t.Mapping[str, t.Any]


class HostState(t.NamedTuple):
    """What the kernel can't say: what is wanted here, and what this host did about it."""

    version: str
    """Of this collection."""
    wanted: t.Mapping[str, str] = {}
    """By interface: the mode that was asked for."""
    local: t.Mapping[str, int] = {}
    """By list: entries that were made on this host, by hand or by a hook."""
    different: t.Collection[str] = ()
    """Interfaces that are not as they are to be."""
    repairs: t.Mapping[str, int] = {}
    """By kind: how often something was put right."""
    verified: t.Optional[float] = None
    """When all was last compared with what is wanted, in seconds since 1970."""


class Family(t.NamedTuple):
    """A metric: its type, what it says, and how its samples are found."""

    kind: str
    help: str
    samples: t.Callable[[Facts, HostState], t.Iterator[Sample]]


def metrics(facts: Facts, state: HostState) -> str:
    """Return the text for the facts of xdp_stats (C(vos_fastpath)) and the state of this host."""
    lines: t.List[str] = []
    for name, family in FAMILIES.items():
        samples = [name + _labels(labels) + " " + _number(value) for labels, value in family.samples(facts, state)]
        if samples:
            lines += ["# HELP %s %s" % (name, family.help), "# TYPE %s %s" % (name, family.kind), *samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    pairs = ('%s="%s"' % (name, _escaped(value)) for name, value in labels)
    return "{%s}" % ",".join(pairs) if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _build(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    yield (("version", state.version),), 1


def _interfaces(facts: Facts, state: HostState) -> t.Iterator[t.Tuple[str, Facts]]:
    """Return the interfaces that carry our filter or are to; of those that are wanted and not there, nothing is known.

    What others attached where nobody wants the filter is none of ours: it would be an alert for ever.
    """
    names = {*(name for name, found in facts["interfaces"].items() if found["attached"]), *state.wanted}
    for name in sorted(names):
        yield name, facts["interfaces"].get(name, {})


def _attached(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name, interface in _interfaces(facts, state):
        yield (("interface", name),), bool(interface.get("attached"))


def _shape(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name, interface in _interfaces(facts, state):
        values = {key: str(interface.get(key) or "none") for key in ("driver", "mode", "tag")}
        values["wanted_mode"] = state.wanted.get(name, "none")
        yield (("interface", name), *sorted(values.items())), 1


def _ours(facts: Facts) -> t.Iterator[t.Tuple[str, Facts]]:
    """Return the interfaces that count."""
    return ((name, interface) for name, interface in sorted(facts["interfaces"].items()) if interface["attached"])


def _setting(key: str) -> t.Callable[[Facts, HostState], t.Iterator[Sample]]:
    def samples(facts: Facts, state: HostState) -> t.Iterator[Sample]:
        for name, interface in _ours(facts):
            yield (("interface", name),), interface[key]

    return samples


def _by_reason(unit: str) -> t.Callable[[Facts, HostState], t.Iterator[Sample]]:
    def samples(facts: Facts, state: HostState) -> t.Iterator[Sample]:
        for name, interface in _ours(facts):
            for reason in REASONS:
                if reason.name in interface["reasons"]:
                    labels = (("interface", name), ("reason", reason.name), ("verdict", reason.verdict))
                    yield labels, interface["reasons"][reason.name][unit]

    return samples


def _would_drop(unit: str) -> t.Callable[[Facts, HostState], t.Iterator[Sample]]:
    def samples(facts: Facts, state: HostState) -> t.Iterator[Sample]:
        for name, interface in _ours(facts):
            for reason, counts in interface["would_drop"].items():
                yield (("interface", name), ("reason", reason)), counts[unit]

    return samples


def _requests(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name, interface in _ours(facts):
        for method in METHODS:
            yield (("interface", name), ("method", method)), interface["methods"][method]


def _sockets(key: str) -> t.Callable[[Facts, HostState], t.Iterator[Sample]]:
    def samples(facts: Facts, state: HostState) -> t.Iterator[Sample]:
        for name, interface in _ours(facts):
            yield (("interface", name),), len(interface[key])

    return samples


def _tables(key: str) -> t.Callable[[Facts, HostState], t.Iterator[Sample]]:
    def samples(facts: Facts, state: HostState) -> t.Iterator[Sample]:
        for name, table in facts["tables"].items():
            yield (("table", name),), table[key]

    return samples


def _entries(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name, number in facts["lists"].items():
        yield (("list", name),), number


def _local(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name in facts["lists"]:
        yield (("list", name),), state.local.get(name, 0)


def _as_wanted(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for name in sorted(state.wanted):
        yield (("interface", name),), name not in state.different


def _repairs(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    for kind in sorted({*REPAIRS, *state.repairs}):
        yield (("kind", kind),), state.repairs.get(kind, 0)


def _verified(facts: Facts, state: HostState) -> t.Iterator[Sample]:
    if state.verified is not None:
        yield (), state.verified


FAMILIES = {
    "vos_fastpath_build_info": Family("gauge", "The version of vos.fastpath on this host.", _build),
    "vos_fastpath_attached": Family("gauge", "Whether the filter is attached to the interface.", _attached),
    "vos_fastpath_interface_info": Family("gauge", "The mode that an interface runs in and the one wanted, its driver, the tag of its program.", _shape),
    "vos_fastpath_audit": Family("gauge", "Whether drops are only counted, and passed.", _setting("audit")),
    "vos_fastpath_packets_total": Family("counter", "Packets to a SIP port, by the reason of their verdict.", _by_reason("packets")),
    "vos_fastpath_bytes_total": Family("counter", "Bytes of these packets, with their Ethernet header.", _by_reason("bytes")),
    "vos_fastpath_would_drop_packets_total": Family("counter", "Packets that audit mode passed and that would be dropped without it.", _would_drop("packets")),
    "vos_fastpath_would_drop_bytes_total": Family("counter", "Bytes of these packets.", _would_drop("bytes")),
    "vos_fastpath_requests_total": Family("counter", "SIP requests by method, whatever became of them; those of blocked sources are not read.", _requests),
    "vos_fastpath_af_xdp_sockets": Family("gauge", "Receive queues with an AF_XDP socket, which gets what is redirected.", _sockets("af_xdp_queues")),
    "vos_fastpath_af_xdp_misplaced_sockets": Family(
        "gauge", "Receive queues whose redirected packets are lost: their AF_XDP socket is bound to another queue.", _sockets("af_xdp_misplaced")
    ),
    "vos_fastpath_list_entries": Family("gauge", "Entries of a list.", _entries),
    "vos_fastpath_list_local_entries": Family("gauge", "Entries of a list that were made on this host, by hand or by a hook.", _local),
    "vos_fastpath_list_table_entries": Family("gauge", "Entries of a table; both lists are in the same four.", _tables("entries")),
    "vos_fastpath_list_table_entries_max": Family("gauge", "Entries that the table can have.", _tables("capacity")),
    "vos_fastpath_as_wanted": Family("gauge", "Whether the interface has the program, the mode and the settings that are wanted.", _as_wanted),
    "vos_fastpath_drift_repairs_total": Family("counter", "How often something was put right that was not as wanted, by what it was.", _repairs),
    "vos_fastpath_last_verify_timestamp_seconds": Family("gauge", "When all was last compared with what is wanted.", _verified),
}
"""By name, in the order of the text."""
