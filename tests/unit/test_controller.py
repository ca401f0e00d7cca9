# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs the play, as far as this host can tell, and through whom all else comes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._controller import controller_address, default_gateways, own_address
from ansible_collections.vos.fastpath.tests.unit.processes import message_of

SSH = "SSH_CONNECTION=%s 50022 192.0.2.1 22"


def processes(folder: Path, *environments: str) -> str:
    """A /proc with this process and its parents, and what each has in its environment; the last has no parent."""
    pids = [os.getpid(), *range(7, 6 + len(environments)), 0]
    for pid, parent, environment in zip(pids, pids[1:], environments, strict=False):
        place = folder / str(pid)
        place.mkdir()
        (place / "environ").write_bytes(b"HOME=/root\0" + environment.encode() + b"\0LANG=C\0")
        (place / "stat").write_text(f"{pid} (python (3) x) S {parent} 1 1 0 -1\n")
    return str(folder)


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
def test_the_other_end_of_the_connection(tmp_path: Path, address: str) -> None:
    assert controller_address(processes(tmp_path, SSH % address)) == address


def test_this_end_of_the_connection(tmp_path: Path) -> None:
    assert own_address(processes(tmp_path, SSH % "198.51.100.7")) == "192.0.2.1"


def test_behind_sudo_it_is_a_parent_that_knows(tmp_path: Path) -> None:
    assert controller_address(processes(tmp_path, "SUDO_USER=admin", "SUDO_USER=admin", SSH % "198.51.100.7", "")) == "198.51.100.7"


def test_the_nearest_connection_counts(tmp_path: Path) -> None:
    assert controller_address(processes(tmp_path, "", SSH % "198.51.100.7", SSH % "198.51.100.8")) == "198.51.100.7"


def test_a_link_local_address_is_that_without_its_interface(tmp_path: Path) -> None:
    assert controller_address(processes(tmp_path, SSH % "fe80::7%eth0")) == "fe80::7"


@pytest.mark.parametrize("address", ["::ffff:198.51.100.7", "::FFFF:c633:6407", "::ffff:198.51.100.7%eth0"])
def test_an_ipv4_address_written_as_ipv6_is_what_is_on_the_wire(tmp_path: Path, address: str) -> None:
    assert controller_address(processes(tmp_path, SSH % address)) == "198.51.100.7"


@pytest.mark.parametrize(
    "environments",
    [
        pytest.param([""], id="nobody has a connection"),
        pytest.param(["X_SSH_CONNECTION=198.51.100.7 1 2 3", "SSH_CONNECTION"], id="other variables"),
        pytest.param(["SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535"], id="sshd on a pipe"),
        pytest.param(["SSH_CONNECTION="], id="empty"),
        pytest.param(["SSH_CONNECTION=\u00e4 1 \u00e4 3"], id="no address"),
        pytest.param([""] * 32 + [SSH % "198.51.100.7"], id="too long ago"),
    ],
)
def test_where_nobody_knows(tmp_path: Path, environments: list[str]) -> None:
    proc = processes(tmp_path, *environments)
    assert (controller_address(proc), own_address(proc)) == (None, None)


def test_a_parent_that_has_gone_meanwhile(tmp_path: Path) -> None:
    place = Path(processes(tmp_path, "", SSH % "198.51.100.7"), "7", "environ")
    place.unlink()
    assert controller_address(str(tmp_path)) is None


def test_on_this_host(collections_path: Path) -> None:
    code = (
        "from ansible_collections.vos.fastpath.plugins.module_utils._controller import controller_address\n"
        "print(controller_address())"
    )
    connected = ("env", SSH % "198.51.100.7", "sh", "-c", '"$@"; :', "sh")
    assert message_of(code, collections_path, *connected) == "198.51.100.7"
    assert message_of(code, collections_path, *connected, "env", "--unset=SSH_CONNECTION") == "198.51.100.7", "the shell still has it"


ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t010200C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
ppp0\t00000000\t00000000\t0001\t0\t0\t300\t00000000\t0\t0\t0
eth0\t0000A8C0\tFE0200C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ROUTE6 = """\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the kernel writes addresses as numbers of this host, and these are of another")
def test_the_gateways_of_default_routes(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "route").write_text(ROUTE)
    assert default_gateways(str(tmp_path)) == ["192.0.2.1"]
    (tmp_path / "net" / "ipv6_route").write_text(ROUTE6)
    assert default_gateways(str(tmp_path)) == ["192.0.2.1", "2001:db8::1"]


def test_a_host_without_routes(real_host: None) -> None:
    assert default_gateways() == []
