# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as Ansible sees it; lab/inventory prints this."""

from __future__ import annotations

from typing import Any

from lab.place import Place
from lab.plan import Fleet, Host


def inventory(fleet: Fleet, place: Place) -> dict[str, Any]:
    """Groups, their variables, and those of each host, as a dynamic inventory has them."""
    peer_addresses = [f"{a}/{128 if ':' in a else 32}" for a in fleet.peer.sip_addresses]
    floor = {"floor": {"hosts": [h.name for h in fleet.of_kind("floor")]}} if fleet.of_kind("floor") else {}
    return {
        "_meta": {"hostvars": {h.name: _variables(h, fleet) for h in fleet.hosts}},
        "all": {"children": ["sbcs", "outside", "traffic_sources", *floor], "vars": {**_connection(place), **_numbers(fleet)}},
        "sbcs": {"hosts": [h.name for h in fleet.sbcs], "vars": {"vos_fastpath_allowlist": peer_addresses}},
        "outside": {"hosts": [fleet.peer.name, fleet.scanner.name]},
        "traffic_sources": {"children": ["outside"]},
        **floor,
    }


def _numbers(fleet: Fleet) -> dict[str, Any]:
    """For those who test: where SIP is spoken, with the MAC addresses; and who scans."""
    macs = {a: i.mac for h in fleet.sbcs for i in h.sip for a in (i.ip(4), i.ip(6))}
    scanner = [f"{a}/{128 if ':' in a else 32}" for a in fleet.scanner.sip_addresses]
    return {"lab_addresses": list(macs), "lab_macs": macs, "lab_scanner": scanner}


def _variables(host: Host, fleet: Fleet) -> dict[str, Any]:
    if host.kind in ("sbc", "floor"):
        modes = {i.name: "generic" if i.refuses_native else "native" for i in host.sip}
        # Comparing takes a machine without KVM a minute, if it has half a core; the default is to do it every minute.
        machine = {"lab_kernel": host.system.kernel, "vos_fastpath_verify_interval": 3600} if host.system else {}
        return {"vos_fastpath_interfaces": list(modes), "lab_modes": modes, **machine}
    own = {i.network: i for i in host.sip}
    sources = {a: own[i.network].ip(6 if ":" in a else 4) for h in fleet.sbcs for i in h.sip for a in (i.ip(4), i.ip(6))}
    return {"vos_fastpath_trusted": host.kind == "peer", "lab_sources": sources}


def _connection(place: Place) -> dict[str, Any]:
    """ssh as the lab's own configuration has it. Ansible is told of the shared connections, or it would make its own."""
    sharing = f"-o ControlMaster=auto -o ControlPersist=600 -o ControlPath={place.sockets}/%n"
    return {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_args": f"-F '{place.ssh_config}' {sharing}",
        "ansible_ssh_pipelining": True,
        "ansible_ssh_timeout": 60,
    }
