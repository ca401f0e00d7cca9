# SPDX-License-Identifier: GPL-3.0-or-later
"""The run itself: probe, traffic, probe, three times, with the role in between."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from lab.demo import model
from lab.demo.runner import Ansible, Outcome
from lab.errors import LabError
from lab.progress import Progress

SETTLE = 0.5
"""Seconds for the last packets to arrive before counters are read."""
RATE = 50
ROUND_TRIPS = 5


class Fleet:
    """The groups of an inventory that a comparison is about."""

    def __init__(self, listing: dict[str, Any]) -> None:
        self.variables: dict[str, dict[str, Any]] = listing["_meta"]["hostvars"]
        self.sbcs = _members(listing, "sbcs")
        sources = _members(listing, "traffic_sources")
        self.trusted = [h for h in sources if self._trusted(h)]
        self.untrusted = [h for h in sources if not self._trusted(h)]
        if not self.sbcs:
            raise LabError("the inventory has no host in the group 'sbcs': put the hosts to be protected there")
        for host in self.sbcs:
            if not self.variables.get(host, {}).get("vos_fastpath_interfaces"):
                raise LabError(f"{host} has no vos_fastpath_interfaces: name the interfaces that SIP arrives on, in the inventory")
        ports = self.variables[self.sbcs[0]].get("vos_fastpath_ports") or [5060]
        self.port = int(ports[0])

    def _trusted(self, host: str) -> bool:
        return bool(self.variables.get(host, {}).get("vos_fastpath_trusted", False))


class Runner:
    """Does the run and keeps what it measures."""

    def __init__(self, ansible: Ansible, progress: Progress, lab: bool, calls: int, probes: int) -> None:
        self._ansible = ansible
        self._progress = progress
        self._lab = lab
        self._calls = calls
        self._probes = probes
        self._fleet = Fleet(ansible.listing())
        self._addresses: list[str] = []
        self._seconds: dict[str, float] = {}

    def run(self) -> model.Comparison:
        """All three phases."""
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        self._title("1 of 3: baseline, no XDP")
        first = self._probe()
        _refuse_attached(model.links(first))
        self._addresses = [a for host in first.values() for link in host["interfaces"].values() for a in link["addresses"]]
        self._watch("start")
        try:
            baseline = self._phase("Baseline", first)
            self._title("2 of 3: with XDP")
            with self._timed("site.yml, protect"):
                applied = self._ansible.playbook()
            protected = self._phase("With XDP", self._probe())
            stats = self._stats()
            self._title("3 of 3: after unload")
            with self._timed("site.yml, remove"):
                self._ansible.playbook("-e", "vos_fastpath_state=absent")
            after = self._phase("After unload", self._probe())
        finally:
            watched = self._watch("stop")
        return model.Comparison(
            started=started,
            inventory=str(self._ansible.inventory),
            lab=self._lab,
            systems={host: model.system(probe) for host, probe in first.items()},
            phases=(baseline, protected, after),
            builds=self._results(applied, "vos.fastpath.xdp_build"),
            attachments={h: r["interfaces"] for h, r in self._results(applied, "vos.fastpath.xdp_attach").items()},
            stats=stats,
            watched=tuple(watched),
            seconds=self._seconds,
        )

    def _phase(self, name: str, before: dict[str, Any]) -> model.Phase:
        traffic = tuple(self._traffic(self._fleet.trusted, True) + self._traffic(self._fleet.untrusted, False))
        time.sleep(SETTLE)
        return model.phase(name, before, self._probe(), traffic)

    def _probe(self) -> dict[str, Any]:
        """The interfaces of every SBC."""
        with self._step("reading interfaces and counters (ip, bpftool)"):
            config = "'{{ {\"interfaces\": vos_fastpath_interfaces} | to_json }}'"
            found = self._ansible.script(self._fleet.sbcs, "probe.py", config)
            return {host: found[host] for host in self._fleet.sbcs}

    def _traffic(self, sources: Sequence[str], trusted: bool) -> list[model.Traffic]:
        """One source after the other, so that what each is told is clear."""
        config = {"trusted": trusted, "addresses": dict.fromkeys(self._addresses, self._fleet.port), "rate": RATE}
        config |= {"calls": self._calls, "round_trips": ROUND_TRIPS} if trusted else {"probes": self._probes, "probe_rate": 4 * RATE}
        made = []
        for source in sources:
            tools = "sipsak, SIPp calls, TCP" if trusted else "svmap, OPTIONS, TCP"
            with self._step(f"traffic from {source} ({tools})"):
                raw = self._ansible.script([source], "traffic.py", shlex.quote(json.dumps(config)))[source]
            made.append(model.traffic(source, trusted, raw))
        return made

    def _watch(self, what: str) -> list[model.Watched]:
        """TCP connections that are kept from beginning to end."""
        sources = self._fleet.trusted[:1]
        if not sources:
            return []
        config = shlex.quote(json.dumps({"addresses": self._addresses, "port": self._fleet.port}))
        answer = self._ansible.script(sources, "watch.py", f"{what} {config}")[sources[0]]
        return [model.Watched(source=sources[0], address=a, **seen) for a, seen in answer.items()] if what == "stop" else []

    def _stats(self) -> dict[str, Any]:
        """The collection's own reading of the counters, for comparison with bpftool's."""
        with self._step("reading the counters (vos.fastpath.xdp_stats)"):
            results = self._ansible.module(self._fleet.sbcs, "vos.fastpath.xdp_stats", {"query": "@"})
            return {host: results[host]["answer"] for host in self._fleet.sbcs}

    def _results(self, outcomes: list[Outcome], action: str) -> dict[str, dict[str, Any]]:
        """What a module of the role said, by host."""
        found = {o.host: o.result for o in outcomes if o.action == action}
        return {host: found[host] for host in self._fleet.sbcs}

    def _title(self, text: str) -> None:
        self._progress.say(f"\nPhase {text}")

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        """A part of the run whose output is not shown."""
        with self._timed(title), self._progress.step(title):
            yield

    @contextmanager
    def _timed(self, title: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._seconds[title] = round(self._seconds.get(title, 0) + time.monotonic() - begun, 1)


def _members(listing: dict[str, Any], group: str) -> list[str]:
    """The hosts of a group and of those below it."""
    found = listing.get(group, {})
    below = [host for child in found.get("children", []) for host in _members(listing, child)]
    return list(dict.fromkeys([*found.get("hosts", []), *below]))


def _refuse_attached(links: model.Links) -> None:
    attached = [f"{host} {name}" for host, interfaces in links.items() for name, link in interfaces.items() if link.xdp]
    if attached:
        raise LabError(
            f"an XDP program is attached already: {', '.join(attached)}. A baseline is measured without one: remove it with"
            " 'ansible-playbook -i INVENTORY site.yml -e vos_fastpath_state=absent' and run this again"
        )
