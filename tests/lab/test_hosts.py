# SPDX-License-Identifier: GPL-3.0-or-later

"""Each host of the lab is a machine of its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HOSTS = ("sbc1", "sbc2", "peer", "scanner")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("readlink /proc/1/ns/net", id="network"),
        pytest.param("readlink /proc/1/ns/pid", id="processes"),
        pytest.param("readlink /proc/1/ns/mnt", id="mounts"),
        pytest.param("stat -c %d /sys/fs/bpf", id="bpffs"),
        pytest.param("cat /etc/machine-id", id="machine-id"),
        pytest.param("hostname", id="hostname"),
        pytest.param("cat /sys/class/net/enp1s0/address", id="mac"),
    ],
)
def test_a_host_has_its_own(lab, script):
    assert len({lab.on(host, script) for host in HOSTS}) == len(HOSTS)


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_run_by_systemd_and_nothing_has_failed(lab, host):
    assert lab.on(host, "cat /proc/1/comm") == "systemd"
    assert lab.on(host, "systemctl is-system-running --wait") == "running"
    assert lab.on(host, "stat -f -c %T /sys/fs/bpf") == "bpf_fs"


def test_exec_hands_on_exit_code_and_words(lab):
    assert lab("exec", "sbc1", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    assert lab.on("sbc1", "printf '%s|' 'a b' '$HOME'") == "a b|$HOME|"


def test_a_file_of_one_host_is_not_on_another(lab):
    lab.on("sbc1", "echo mine > /etc/mine")
    assert lab.on("sbc2", "test -e /etc/mine && echo there || echo none") == "none"


def boots_of(lab, name: str) -> int:
    line = next(line for line in lab("status").stdout.splitlines() if line.startswith(name))
    return int(re.search(r"boots (\d+)", line)[1])


def test_a_reboot_keeps_files_and_takes_pins_and_interfaces(lab):
    boots = boots_of(lab, "sbc2")
    lab.on("sbc2", "touch /etc/kept && bpftool map create /sys/fs/bpf/pin type array key 4 value 4 entries 1 name pin")
    lab.on("sbc2", "ip link set enp1s0 alias old")
    look = "ls /etc/kept /sys/fs/bpf/pin 2>/dev/null; cat /sys/class/net/enp1s0/ifalias"
    assert lab.on("sbc2", look).splitlines() == ["/etc/kept", "/sys/fs/bpf/pin", "old"]
    lab.ansible("ansible", "sbc2", "-m", "ansible.builtin.reboot")
    assert lab.on("sbc2", look).splitlines() == ["/etc/kept"]
    assert boots_of(lab, "sbc2") == boots + 1


def test_ansible_runs_with_the_checkout_as_the_collection_wherever_it_is_called(lab, tmp_path, monkeypatch):
    monkeypatch.delitem(lab.environment, "ANSIBLE_COLLECTIONS_PATH")
    monkeypatch.chdir(tmp_path)
    argv = [ROOT / "script" / "lab", "run", "ansible", "sbc1", "-m", "vos.fastpath.xdp_info"]
    done = subprocess.run(argv, env=lab.environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("sbc1 | SUCCESS"), done.stderr
    refused = lab("run", "ansible-play", "site.yml", check=False)
    assert "'ansible-play' is no program of Ansible's: ansible, " in refused.stderr


def test_xdp_is_native_on_the_cable_and_refused_by_the_bridge(lab):
    lab.on("sbc2", 'printf \'__attribute__((section("xdp"))) int p(void *c) { return 2; } __attribute__((section("license"))) char l[] = "GPL";\' > /tmp/p.c')
    lab.on("sbc2", "clang -target bpf -O2 -g -c /tmp/p.c -o /tmp/p.o && bpftool prog load /tmp/p.o /sys/fs/bpf/p type xdp")
    try:
        lab.on("sbc2", "ip link set enp1s0 xdpdrv pinned /sys/fs/bpf/p")
        assert "xdp" in lab.on("sbc2", "ip link show enp1s0")
        refused = lab("exec", "sbc2", "--", "ip", "link", "set", "br-sip", "xdpdrv", "pinned", "/sys/fs/bpf/p", check=False)
        assert refused.returncode != 0
        assert "does not support XDP in native mode" in refused.stderr
        assert "xdp" not in lab.on("sbc1", "ip link show enp1s0")
    finally:
        lab.on("sbc2", "ip link set enp1s0 xdpdrv off; rm /sys/fs/bpf/p")


def test_the_inventory_is_what_a_role_needs(lab):
    assert lab.ansible("ansible", "all", "-m", "ping").stdout.count("SUCCESS") == len(HOSTS)
    interfaces = lab.ansible("ansible", "sbcs", "-m", "debug", "-a", "var=vos_fastpath_interfaces").stdout
    assert "br-sip" in interfaces.partition("sbc2 |")[2] and "br-sip" not in interfaces.partition("sbc2 |")[0]
    assert "198.19.1.251/32" in lab.ansible("ansible", "sbc1", "-m", "debug", "-a", "var=vos_fastpath_allowlist").stdout
    assert "2 hosts" not in lab.ansible("ansible", "traffic_sources", "--list-hosts").stdout.replace("hosts (2)", "")
