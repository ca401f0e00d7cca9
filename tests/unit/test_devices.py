# SPDX-License-Identifier: GPL-3.0-or-later

"""Network devices as the kernel tells of them: real ones, and answers of kernels and NICs that are not here."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._asking import attribute
from ansible_collections.vos.fastpath.plugins.module_utils._devices import (
    FEATURES,
    Device,
    guest_offloads,
    parse_link,
    read_device,
    xdp_features,
)
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import find_interface
from ansible_collections.vos.fastpath.tests.unit.conftest import ip


def device(name: str) -> Device:
    return read_device(find_interface(name))


def answer(kind: str | None, data: bytes = b"", hardware: int = 1) -> bytes:
    """What the kernel says of a device: an ifinfomsg and attributes."""
    info = attribute(1, kind.encode() + b"\0") + attribute(2, data) if kind else b""
    parts = attribute(31, struct.pack("=I", 2)) + attribute(32, struct.pack("=I", 4))
    return struct.pack("=BxHiII", 0, hardware, 5, 0, 0) + parts + (attribute(18, info) if kind else b"")


def bond(mode: int, policy: int, active: int | None = None) -> bytes:
    found = attribute(1, bytes([mode])) + attribute(14, bytes([policy]))
    return answer("bond", found + (attribute(2, struct.pack("=I", active)) if active else b""))


def test_hardware_has_no_kind_of_its_own() -> None:
    link = parse_link(answer(None))
    assert (link.kind, link.rx_queues, link.tx_queues) == ("nic", 4, 2)
    assert parse_link(answer(None, hardware=772)).kind == "loopback"


@pytest.mark.parametrize(("hardware", "has_header"), [(1, True), (772, True), (65534, False), (512, False), (776, False), (32, False)])
def test_what_has_no_ethernet_header_is_known(hardware: int, has_header: bool) -> None:
    """Of WireGuard and tun, of PPP, of a tunnel in IPv4, of InfiniBand."""
    assert parse_link(answer("some", hardware=hardware)).ethernet is has_header


def test_what_the_kernel_does_not_tell_is_one_queue() -> None:
    link = parse_link(struct.pack("=BxHiII", 0, 1, 5, 0, 0))
    assert (link.rx_queues, link.tx_queues) == (1, 1)


def test_a_vlan_device_has_an_id() -> None:
    link = parse_link(answer("vlan", attribute(1, struct.pack("=H", 100))))
    assert (link.kind, link.vlan_id, link.bond_mode) == ("vlan", 100, None)


@pytest.mark.parametrize(
    ("raw", "mode", "policy", "active"),
    [
        (bond(1, 0, 7), "active-backup", "layer2", 7),
        (bond(4, 1), "802.3ad", "layer3+4", None),
        (bond(2, 5), "balance-xor", "vlan+srcmac", None),
        (bond(6, 0), "balance-alb", "layer2", None),
        (bond(99, 99), None, None, None),
        (answer("bond"), None, None, None),
    ],
)
def test_a_bond_has_a_mode_a_policy_and_perhaps_an_active_slave(raw: bytes, mode: str, policy: str, active: int | None) -> None:
    link = parse_link(raw)
    assert (link.kind, link.bond_mode, link.bond_policy, link.active) == ("bond", mode, policy, active)


# Real ones.


def test_a_veth_pair(veth: str) -> None:
    found = device(veth)
    assert (found.kind, found.interface.driver, found.uppers, found.lowers, found.hardware) == ("veth", "veth", (), (), False)
    assert (found.rx_queues, found.tx_queues) == (1, 1)
    assert found.features is None or {"basic", "redirect"} <= set(found.features)


def test_a_bridge_is_above_its_port(veth: str, bridge: str) -> None:
    ip("link", "set", veth, "master", bridge)
    assert (device(bridge).kind, device(bridge).lowers, device(veth).uppers) == ("bridge", (veth,), (bridge,))
    assert not device(bridge).features


def test_loopback() -> None:
    assert (device("lo").kind, device("lo").features or ()) == ("loopback", ())


@pytest.fixture
def make(real_host: None) -> Iterator[Callable[..., None]]:
    """Make a device called new0, of a kind that this kernel may lack."""

    def made(*words: str) -> None:
        done = subprocess.run(("ip", *words), capture_output=True, text=True, check=False)
        if "Unknown device type" in done.stderr:
            pytest.skip(f"this kernel has no devices of the type {words[-1] if 'type' not in words else words[words.index('type') + 1]}")
        assert done.returncode == 0, done.stderr

    yield made
    subprocess.run(("ip", "link", "delete", "new0"), capture_output=True, check=False)


@pytest.mark.parametrize("kind", ["macvlan", "ipvlan"])
def test_a_device_above_another(veth: str, make: Callable[..., None], kind: str) -> None:
    make("link", "add", "link", veth, "name", "new0", "type", kind)
    assert (device("new0").kind, device("new0").lowers, device(veth).uppers) == (kind, (veth,), ("new0",))


def test_a_real_vlan_device(veth: str, make: Callable[..., None]) -> None:
    make("link", "add", "link", veth, "name", "new0", "type", "vlan", "id", "100")
    assert (device("new0").kind, device("new0").vlan_id, device("new0").lowers) == ("vlan", 100, (veth,))


@pytest.mark.parametrize("mode", ["active-backup", "802.3ad"])
def test_a_real_bond(veth: str, make: Callable[..., None], mode: str) -> None:
    make("link", "add", "new0", "type", "bond", "mode", mode)
    ip("link", "set", veth, "down")
    ip("link", "set", veth, "master", "new0")
    ip("link", "set", "new0", "up")
    found = device("new0")
    assert (found.kind, found.bond_mode, found.lowers) == ("bond", mode, (veth,))
    assert found.active_slave in ((veth,) if mode == "active-backup" else (None,))


def test_a_tap(make: Callable[..., None]) -> None:
    make("tuntap", "add", "new0", "mode", "tap")
    assert (device("new0").kind, device("new0").interface.driver) == ("tun", "tun")


def test_the_active_slave_has_a_name(tmp_path: Path, veth: str) -> None:
    """sysfs of a bond, on a kernel that has none."""
    interface = find_interface(veth)
    for name, entries in {veth: ("lower_eth0", "lower_eth1", "device"), "eth0": (), "eth1": ()}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "ifindex").write_text({veth: "9", "eth0": "7", "eth1": "8"}[name])
        for entry in entries:
            (tmp_path / name / entry).mkdir()
    found = read_device(interface, str(tmp_path), lambda *_words: bond(1, 0, 8))
    assert (found.bond_mode, found.active_slave, found.lowers, found.hardware) == ("active-backup", "eth1", ("eth0", "eth1"), True)


def test_an_older_kernel_does_not_tell_what_drivers_can_do() -> None:
    def refuse(*_words: object) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    assert xdp_features(1, refuse) is None


def test_every_feature_has_a_bit() -> None:
    answers = iter([bytes(4) + attribute(1, struct.pack("=H", 30)), bytes(4) + attribute(3, struct.pack("=Q", 0b0100101))])
    assert xdp_features(1, lambda *_words: next(answers)) == ("basic", "ndo-xmit", "rx-sg")
    assert len(FEATURES) == 7


@pytest.mark.parametrize(
    ("bits", "offloads"),
    [
        ({1, 7, 8}, ("guest_csum", "guest_tso4", "guest_tso6")),  # Firecracker's NIC
        ({1, 2, 7, 8}, ()),  # QEMU's: the guest may turn them off, and the driver does
        ({0, 5, 16}, ()),
        ({54, 55}, ("guest_uso4", "guest_uso6")),
    ],
)
def test_the_offloads_of_a_virtual_nic(tmp_path: Path, bits: set[int], offloads: tuple[str, ...]) -> None:
    (tmp_path / "features").write_text("".join("1" if bit in bits else "0" for bit in range(64)) + "\n")
    assert guest_offloads(str(tmp_path / "features")) == offloads


def test_a_virtual_nic_that_has_no_such_file(tmp_path: Path) -> None:
    assert guest_offloads(str(tmp_path / "features")) == ()
    with pytest.raises(IsADirectoryError):
        guest_offloads(str(tmp_path))


def test_it_is_plain_data(veth: str) -> None:
    found = device(veth).describe()
    assert {key: found[key] for key in ("name", "kind", "driver", "uppers", "lowers", "offloads", "lro", "vlan_id")} == {
        "name": veth, "kind": "veth", "driver": "veth", "uppers": [], "lowers": [], "offloads": [], "lro": False, "vlan_id": None
    }  # fmt: skip
    assert found.keys() == {
        "name", "ifindex", "driver", "mtu", "operstate", "kind", "rx_queues", "tx_queues", "most_queues", "uppers", "lowers",
        "features", "vlan_id", "bond_mode", "bond_policy", "active_slave", "offloads", "lro",
    }  # fmt: skip
    old = device(veth)._replace(features=None)
    assert old.describe()["features"] is None


def test_a_virtio_nic_is_asked_for_its_offloads(veth: str, tmp_path: Path) -> None:
    (tmp_path / veth / "device").mkdir(parents=True)
    (tmp_path / veth / "device" / "features").write_text("01" + "0" * 62)
    interface = find_interface(veth)
    assert read_device(interface._replace(driver="virtio_net"), str(tmp_path)).offloads == ("guest_csum",)
    assert read_device(interface, str(tmp_path)).offloads == ()
