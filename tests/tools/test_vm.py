# SPDX-License-Identifier: GPL-3.0-or-later

"""How virtual machines of the lab are planned, started and tried, without starting one."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from lab import readiness
from lab.errors import LabError
from lab.inventory import inventory
from lab.place import Place
from lab.plan import of_spec, virtual_fleet
from lab.vm import accelerator, image
from lab.vm.machine import VirtualMachine
from lab.vm.setup import Setup

KERNELS = {"bookworm": ("6.1.0-56-amd64", "5.10.0-32-amd64", "5.10.0-9-amd64"), "trixie": ("6.12.117+deb13-amd64",)}


@pytest.fixture
def images(tmp_path: Path) -> Setup:
    for suite, versions in KERNELS.items():
        for version in versions:
            (tmp_path / suite).mkdir(exist_ok=True)
            (tmp_path / suite / f"vmlinux-{version}").touch()
    return Setup("tcg", {suite: str(tmp_path / suite) for suite in KERNELS})


def test_each_supported_release_is_there_with_its_kernel_and_the_oldest_kernel_beside_them() -> None:
    fleet = virtual_fleet()
    assert {h.name: (h.kind, h.system.suite, h.system.kernel) for h in fleet.hosts if h.system} == {
        "debian12": ("sbc", "bookworm", "6.1"),
        "debian13": ("sbc", "trixie", "6.12"),
        "linux510": ("floor", "bookworm", "5.10"),
    }
    assert of_spec("vms") == fleet


def test_a_change_of_what_is_put_on_a_disk_makes_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "HERE", tmp_path)
    names = []
    for text in ("one", "two", "one"):
        (tmp_path / "init").write_text(text)
        names.append(image.Image("trixie").name)
    assert names[0] == names[2] != names[1]


def test_each_machine_has_a_card_without_native_xdp_and_one_with_it() -> None:
    for host in virtual_fleet().hosts:
        if host.system:
            assert [(i.name, i.model, i.refuses_native) for i in host.sip] == [("enp1s0", "e1000e", True), ("enp2s0", "virtio-net-pci", False)]


def test_a_machine_is_started_with_its_kernel_and_its_cards_in_the_order_of_their_names(images: Setup, tmp_path: Path) -> None:
    command = {}
    for host in virtual_fleet().hosts:
        if host.system:
            argv = VirtualMachine(host, Place(tmp_path), images).command()
            command[host.name] = argv
            assert [word.split(",")[0] for word in argv if "netdev=" in word] == ["e1000e", "virtio-net-pci", "virtio-net-pci"]
            assert [word.split("bus=")[1].split(",")[0] for word in argv if "netdev=" in word] == ["port1", "port2", "port3"]
            assert all(len(word.split("ifname=")[1].split(",")[0]) <= 15 for word in argv if "ifname=" in word), "an interface's name is no longer"
    kernel = {name: Path(argv[argv.index("-kernel") + 1]).name for name, argv in command.items()}
    assert kernel["debian13"] == "vmlinux-6.12.117+deb13-amd64"
    assert kernel["debian12"] == "vmlinux-6.1.0-56-amd64"
    assert kernel["linux510"].startswith("vmlinux-5.10.")


def test_a_kernel_that_is_not_there_is_named(tmp_path: Path) -> None:
    (host,) = virtual_fleet().of_kind("floor")
    assert host.system is not None
    with pytest.raises(LabError, match=r"no kernel 5\.10"):
        image.kernel(tmp_path, host.system)


def test_a_machine_that_is_slow_to_greet_is_there() -> None:
    def greet() -> None:
        with listening.accept()[0] as connection:
            time.sleep(1.5)
            connection.sendall(b"SSH-2.0-slow")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=greet).start()
        assert readiness._answers("127.0.0.1", listening.getsockname()[1], b"SSH-")


def test_the_oldest_kernel_is_no_host_to_protect(tmp_path: Path) -> None:
    listing = inventory(virtual_fleet(), Place(tmp_path))
    assert listing["sbcs"]["hosts"] == ["debian12", "debian13"]
    assert listing["floor"]["hosts"] == ["linux510"]
    assert listing["_meta"]["hostvars"]["debian13"]["lab_modes"] == {"enp1s0": "generic", "enp2s0": "native"}


def bzimage(payload: bytes) -> bytes:
    """As the boot protocol has it: a setup of one sector, then the payload somewhere in the rest, with its length behind it."""
    head = bytearray(1024)
    head[0x1F1] = 1
    struct.pack_into("<II", head, 0x248, 16, len(payload) + 4)
    return bytes(head) + bytes(16) + payload + struct.pack("<I", 99) + b"more"


def test_a_kernel_is_unpacked() -> None:
    assert image.unpacked(bzimage(gzip.compress(b"\x7fELF and so on"))) == b"\x7fELF and so on"


def test_a_kernel_that_cannot_be_unpacked_is_refused() -> None:
    with pytest.raises(LabError, match="begins 4d5a"):
        image.unpacked(bzimage(b"MZ unknown"))


@pytest.mark.parametrize(("script", "chosen"), [("echo 'lab: this machine runs'", "kvm"), ("sleep 5", "tcg"), ("exit 1", "tcg")])
def test_kvm_is_used_where_a_guest_is_seen_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, chosen: str) -> None:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    (tmp_path / "kvm").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    monkeypatch.setattr(accelerator, "PATIENCE", 1.0)
    assert accelerator.best(tmp_path / "kernel", tmp_path / "initrd") == chosen


def test_kvm_is_not_tried_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "KVM", tmp_path / "kvm")
    assert accelerator.best(tmp_path / "kernel", tmp_path / "initrd") == "tcg"
