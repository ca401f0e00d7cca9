# SPDX-License-Identifier: GPL-3.0-or-later

"""site.yml on the lab, as an operator runs it: tried, applied, applied again, taken off."""

from __future__ import annotations

import re

SBCS = ("sbc1", "sbc2")
INTERFACES = {"sbc1": {"enp1s0": "xdp"}, "sbc2": {"enp1s0": "xdp", "br-sip": "xdpgeneric"}}
PROGRAMS = "for i in enp1s0 br-sip; do ip link show $i 2>/dev/null | grep -o ' xdp[a-z]*' | sed \"s/^/$i/\"; done; true"
FOLDERS = "ls -d /sys/fs/bpf/vos_fastpath /var/lib/vos-fastpath 2>/dev/null; true"


def site(lab, *arguments: str) -> dict[str, int]:
    """Run site.yml; how many tasks changed something, by host."""
    said = lab.ansible("ansible-playbook", "site.yml", *arguments).stdout
    recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0", said, re.MULTILINE)
    return {host: int(changed) for host, changed in recap}


def programs(lab) -> dict[str, dict[str, str]]:
    """What iproute2 shows on the interfaces of each SBC."""
    return {host: dict(line.split() for line in lab.on(host, PROGRAMS).splitlines()) for host in SBCS}


def folders(lab) -> dict[str, list[str]]:
    """Pins and built files."""
    return {host: lab.on(host, FOLDERS).split() for host in SBCS}


def test_a_fleet_is_protected_once_and_let_go_without_a_trace(lab):
    nothing = {host: {} for host in SBCS}
    clean = {host: [] for host in SBCS}

    tried = site(lab, "--check", "--diff")
    assert set(tried) == set(SBCS) and all(tried.values())
    assert (programs(lab), folders(lab)) == (nothing, clean)

    assert all(site(lab).values())
    assert programs(lab) == INTERFACES
    assert all(folders(lab).values())

    assert site(lab) == dict.fromkeys(SBCS, 0)
    assert site(lab, "--check") == dict.fromkeys(SBCS, 0)
    assert programs(lab) == INTERFACES

    assert all(site(lab, "-e", "vos_fastpath_state=absent").values())
    assert (programs(lab), folders(lab)) == (nothing, clean)
    assert site(lab, "-e", "vos_fastpath_state=absent") == dict.fromkeys(SBCS, 0)


def test_what_is_no_prefix_is_refused_before_anything_is_changed(lab):
    for value, words in {"10.1.2.abc": "10.1.2.abc", "10.1.2.3/33": "10.1.2.3/33"}.items():
        argv = ["site.yml", "-e", f'{{"vos_fastpath_allowlist": ["{value}"]}}']
        done = lab.ansible("ansible-playbook", *argv, check=False)
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
        assert programs(lab) == {host: {} for host in SBCS}
