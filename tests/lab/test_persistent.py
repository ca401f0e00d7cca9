# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that stay protected by themselves: over reboots, when a device is made anew, where something drifts; and that are let go."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

ANSWERED = """
import socket, sys, time
request = ("OPTIONS sip:probe@198.19.1.1 SIP/2.0\\r\\nVia: SIP/2.0/UDP 198.19.1.251:%d;branch=z9hG4bK%d\\r\\nMax-Forwards: 70\\r\\n"
           "From: <sip:a@b>;tag=1\\r\\nTo: <sip:probe@b>\\r\\nCall-ID: %d\\r\\nCSeq: 1 OPTIONS\\r\\nContent-Length: 0\\r\\n\\r\\n")
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("198.19.1.251", 0))
udp.settimeout(0.01)
last, number, end = 0, 0, time.monotonic() + 240
while time.monotonic() < end:
    number += 1
    try:
        udp.sendto((request % (udp.getsockname()[1], number, number)).encode(), ("198.19.1.1", 5060))
        udp.recv(4096)
    except OSError:
        continue
    if time.monotonic() - last > 0.3:
        print(time.monotonic(), flush=True)
    last = time.monotonic()
"""
"""Asks an SBC for OPTIONS a hundred times a second, and prints when it answered for the first time, and after each break."""

FILES = """
cd / && find . -xdev \\( -path ./proc -o -path ./sys -o -path ./run -o -path ./tmp -o -path ./dev -o -path ./var/log -o -path ./var/tmp \\
  -o -path ./root/.ansible -o -path ./var/lib/systemd \\) -prune -o -type f -printf '%p %m %u %s\\n' -o -printf '%p %m %u %l\\n' | sort
"""
STATE = """
systemctl list-unit-files --no-legend --no-pager | grep -v '^run-' ; systemctl list-units --all --no-legend --no-pager 'vos*'
find /sys/fs/bpf; ip -o link | grep -o 'xdp[a-z]*'; dpkg-query -W | md5sum; ls /etc | md5sum
"""
CAME_BACK = """
ip link delete br-sip; ip link add br-sip type bridge; python3 - <<X
import subprocess, time
begin = time.monotonic()
while "xdp" not in subprocess.run(["ip", "link", "show", "br-sip"], capture_output=True, text=True).stdout:
    assert time.monotonic() < begin + 60
    time.sleep(0.01)
print(time.monotonic() - begin)
X
"""


def site(lab: Any, *arguments: str) -> dict[str, int]:
    """Run site.yml; how many tasks changed something, by host."""
    said = lab.ansible("ansible-playbook", "site.yml", *arguments).stdout
    recap = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0", said, re.MULTILINE)
    return {host: int(changed) for host, changed in recap}


def status(lab: Any, host: str) -> dict[str, Any]:
    """What the command says of a host."""
    return json.loads(lab.on(host, "vos-fastpath status --json", check=False))


def reboot(lab: Any, host: str) -> None:
    """Reboot a host, and wait until it is up again."""
    before = lab.on(host, "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic")
    lab.on(host, "systemctl --no-block reboot", check=False)
    end = time.monotonic() + 90
    while time.monotonic() < end:
        time.sleep(0.5)
        now = lab.on(host, "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic; systemctl is-system-running", check=False)
        if now and before not in now and re.search("running|degraded", now):
            return
    raise AssertionError(f"{host} did not come up again")


@pytest.fixture(scope="module")
def before(lab: Any) -> dict[str, str]:
    """Files and state of the host before anything was done to it."""
    return {"files": lab.on("sbc1", FILES), "state": lab.on("sbc1", STATE, check=False)}


@pytest.fixture(scope="module")
def fleet(lab: Any, before: dict[str, str]) -> Iterator[Any]:
    """The lab, protected."""
    assert all(site(lab).values())
    yield lab
    site(lab, "-e", "vos_fastpath_state=absent")


def test_after_a_reboot_the_filter_is_there_before_the_server_answers(fleet: Any, record_property: Any) -> None:
    start = "cat > /tmp/answered.py <<'X'\n%s\nX\npython3 /tmp/answered.py > /tmp/answered 2>&1 & echo $! > /tmp/answered.pid"
    fleet.on("peer", start % ANSWERED + "\nfor i in $(seq 300); do [ -s /tmp/answered ] && exit 0; sleep 0.1; done; exit 1")
    reboot(fleet, "sbc1")
    booted = int(fleet.on("sbc1", "systemctl show -P UserspaceTimestampMonotonic")) / 1e6
    came = f"awk -v b={booted} '$1 > b {{ found = 1 }} END {{ exit !found }}' /tmp/answered"
    said = fleet.on("peer", f"for i in $(seq 300); do {came} && break; sleep 0.1; done; kill $(cat /tmp/answered.pid); cat /tmp/answered")
    answered = min(float(line) for line in said.splitlines() if float(line) > booted)
    # The unit of the interface or the watch, whoever has the lock first; the server waits for the unit.
    lines = fleet.on("sbc1", "journalctl -b -o json --no-pager -u 'vos-fastpath@*' -u vos-fastpath-watch").splitlines()
    [attached] = [
        int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in map(json.loads, lines) if entry["MESSAGE"] == "restored: enp1s0: nothing is attached"
    ]
    record_property("attached before the first answer, seconds", answered - attached)
    assert attached < answered
    started = int(fleet.on("sbc1", "systemctl show -P ExecMainStartTimestampMonotonic kamailio")) / 1e6
    assert attached < started
    found = status(fleet, "sbc1")
    assert found["interfaces"]["enp1s0"]["difference"] is None
    assert found["lists"]["allow"] > 0
    assert fleet.on("sbc1", "systemctl --failed --no-legend") == ""


def test_a_device_that_is_made_anew_is_filtered_again(fleet: Any, record_property: Any) -> None:
    assert status(fleet, "sbc2")["interfaces"]["br-sip"]["difference"] is None
    record_property("filtered again after seconds", float(fleet.on("sbc2", CAME_BACK)))
    assert status(fleet, "sbc2")["interfaces"]["br-sip"]["difference"] is None
    reboot(fleet, "sbc2")  # the bridge with its ports, as it was
    assert status(fleet, "sbc2")["interfaces"]["br-sip"]["difference"] is None


def test_drift_made_by_hand_is_repaired_and_counted(fleet: Any) -> None:
    fleet.on("sbc1", "rm -f /var/lib/vos-fastpath/drift.json; ip link set dev enp1s0 xdpdrv off; systemctl start vos-fastpath-verify")
    fleet.on("sbc1", "bpftool map delete pinned /sys/fs/bpf/vos_fastpath/hosts_v4 key 198 19 1 251; systemctl start vos-fastpath-verify")
    assert json.loads(fleet.on("sbc1", "cat /var/lib/vos-fastpath/drift.json"))["repairs"] == {"program": 1, "list": 1}
    warned = fleet.on("sbc1", "journalctl -b -p warning --no-pager -u vos-fastpath-verify -o cat")
    assert "repaired: enp1s0: nothing is attached" in warned
    assert "repaired: allowlist: its entries are not as they are to be: 1 missing" in warned
    assert status(fleet, "sbc1")["interfaces"]["enp1s0"]["difference"] is None
    assert fleet.on("sbc1", "systemctl is-active vos-fastpath-verify.timer") == "active"


def test_an_entry_for_a_time_lives_on_with_the_time_that_is_left(fleet: Any) -> None:
    fleet.on("sbc1", "vos-fastpath block 203.0.113.9 --for 1h --comment scanner")
    fleet.on("sbc1", "vos-fastpath block 203.0.113.10 --for 1s; sleep 1")  # a reboot here may take less
    until = fleet.on("sbc1", "vos-fastpath list block --json")
    reboot(fleet, "sbc1")
    assert status(fleet, "sbc1")["lists"]["block"] == 1
    assert [e for e in json.loads(until)["entries"] if e["entry"] == "203.0.113.9"] == json.loads(fleet.on("sbc1", "vos-fastpath list block --json"))["entries"]


def test_what_was_changed_by_hand_is_kept_until_the_play_says_otherwise(fleet: Any) -> None:
    fleet.on("sbc1", "vos-fastpath block 203.0.113.11 && vos-fastpath unallow 198.19.1.251")
    kept = site(fleet, "--limit", "sbc1")
    assert kept == {"sbc1": 0}
    assert fleet.on("sbc1", "vos-fastpath list --local | grep -c -e 203.0.113.11 -e 198.19.1.251") == "2"
    assert site(fleet, "--limit", "sbc1", "-e", "vos_fastpath_local=remove")["sbc1"] > 0
    assert fleet.on("sbc1", "vos-fastpath list --local") == ""
    assert status(fleet, "sbc1")["lists"]["block"] == 0
    assert site(fleet, "--limit", "sbc1") == {"sbc1": 0}


def test_the_services_have_what_they_need_and_no_more(fleet: Any, record_property: Any) -> None:
    main = "$(systemctl show -P MainPID vos-fastpath-watch)"
    net_admin, sys_admin = 12, 21
    assert int(fleet.on("sbc1", f"grep CapBnd /proc/{main}/status").split()[1], 16) == 1 << net_admin | 1 << sys_admin
    score = fleet.on("sbc1", "systemd-analyze security --no-pager vos-fastpath-verify | tail -1")
    record_property("systemd-analyze security", score)
    assert "OK" in score


def test_removal_leaves_the_host_as_it_was(fleet: Any, before: dict[str, str]) -> None:
    assert site(fleet, "--limit", "sbc1", "-e", "vos_fastpath_state=absent")["sbc1"] > 0
    after = {"files": fleet.on("sbc1", FILES), "state": fleet.on("sbc1", STATE, check=False)}
    assert sorted(set(after["files"].splitlines()) ^ set(before["files"].splitlines())) == []
    assert after["state"] == before["state"]
