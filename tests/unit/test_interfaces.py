# SPDX-License-Identifier: GPL-3.0-or-later

"""What the system says of network interfaces."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _interfaces
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import (
    device_mark,
    find_interface,
    interface_names,
    neighbours,
    statistics,
)
from ansible_collections.vos.fastpath.tests.unit.conftest import ip

pytestmark = pytest.mark.usefixtures("real_host")


def test_an_interface_has_a_number_a_driver_and_an_mtu(veth: str, bridge: str) -> None:
    found = find_interface(veth)
    assert (found.name, found.driver, found.mtu) == (veth, "veth", 1500)
    assert found.operstate in ("up", "lowerlayerdown", "unknown")
    assert found.ifindex != find_interface(bridge).ifindex
    assert find_interface(bridge).driver == "bridge"


def test_an_interface_whose_driver_has_no_name() -> None:
    assert find_interface("lo")._replace(mtu=0) == ("lo", 1, "virtual", 0, "unknown")


def test_the_names_of_all(veth: str) -> None:
    assert interface_names() == ["lo", "veth0", "veth1"]


def test_a_bridge_is_above_its_port(veth: str, bridge: str) -> None:
    ip("link", "set", veth, "master", bridge)
    assert (neighbours(veth), neighbours(bridge)) == (((bridge,), ()), ((), (veth,)))


def test_the_counters_of_an_interface() -> None:
    found = statistics("lo")
    assert list(found) == [
        "rx_packets", "rx_bytes", "rx_dropped", "rx_errors", "tx_packets", "tx_bytes", "tx_dropped", "tx_errors"
    ]  # fmt: skip
    assert all(number >= 0 for number in found.values())


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "eth 0", "eth0\n", "eth\t0", "../eth0", "eth0/statistics", "eth0:1", "a-name-of-sixteen", "\u3000eth0"],
)
def test_what_can_not_be_a_name(name: str) -> None:
    with pytest.raises(FastpathError) as error:
        find_interface(name)
    assert str(error.value) == f"{name!r}: this can't be the name of an interface. Use a name that 'ip link' shows"


@pytest.mark.parametrize("name", ["eth9", "fifteen-letters", "bonding_masters", "e\0"])
def test_an_interface_that_does_not_exist(veth: str, name: str) -> None:
    with pytest.raises(FastpathError) as error:
        find_interface(name)
    shown = name.replace("\0", "\\x00")
    assert str(error.value) == f"{shown}: there is no such interface. This host has: lo, veth0, veth1"


@pytest.mark.parametrize(("code", "raised"), [(errno.ENOENT, FastpathError), (errno.EINVAL, FastpathError), (errno.EMFILE, OSError)])
def test_an_interface_that_goes_while_it_is_looked_at(veth: str, monkeypatch: pytest.MonkeyPatch, code: int, raised: type[Exception]) -> None:
    def going(*_parts: str) -> str:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(_interfaces, "_read", going)
    with pytest.raises(raised, match="there is no such interface|Too many open files"):
        find_interface(veth)


def test_a_number_that_no_device_has(real_host: None) -> None:
    assert (device_mark(1), device_mark(999999)) == (str(os.stat("/sys/class/net/lo/").st_ino), None)
