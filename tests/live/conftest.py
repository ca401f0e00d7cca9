# SPDX-License-Identifier: GPL-3.0-or-later

"""What the live tests share: a box and a cable to it, native or generic, in namespaces that end with this process."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.tests.live.kamailio import find_kamailio
from ansible_collections.vos.fastpath.tests.live.world import (
    SO_RCVBUFFORCE,
    Box,
    Outside,
    far_end,
    ip,
    leave_the_machine,
    settle_down,
)

_ADDRESSES = ("192.0.2.1/24", "2001:db8::1/64")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")


@pytest.fixture(scope="session", autouse=True)
def private_host(kamailio_root: Path | None) -> None:
    """Go where no interface, pin or mount of the machine is in sight; what has to be downloaded is there before."""
    if os.geteuid() != 0:
        pytest.skip("only root can use BPF and make network namespaces")
    leave_the_machine()


@pytest.fixture(scope="session")
def kamailio_root(root: Path) -> Path | None:
    """Where Kamailio's files are, C(/) if it is installed."""
    return find_kamailio(root / ".cache" / "kamailio")


@pytest.fixture(scope="session")
def bpf_object(root: Path, private_host: None) -> Iterator[str]:
    """The filter, compiled; for longer than pytest keeps its folders where many run."""
    include = f"-I/usr/include/{platform.machine()}-linux-gnu"
    command = ("clang", "-target", "bpf", "-O2", "-mcpu=v3", "-g", *_WARNINGS, "-DSIP_UAPI_HEADERS", include, "-c", "sip_logic.bpf.c")
    with tempfile.TemporaryDirectory(prefix="vos-fastpath-live-") as folder:
        target = os.path.join(folder, "sip_logic.bpf.o")
        subprocess.run((*command, "-o", target), cwd=root / "files", check=True)
        yield target


@pytest.fixture
def no_pins(private_host: None) -> Iterator[None]:
    """A BPF filesystem of its own, with nothing in it."""
    subprocess.run(("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"), check=True)
    yield
    subprocess.run(("umount", "/sys/fs/bpf"), check=True)


@pytest.fixture
def outside(private_host: None) -> Iterator[Outside]:
    """The other end of every cable."""
    made = Outside()
    yield made
    made.close()


@pytest.fixture
def plug(no_pins: None, outside: Outside, bpf_object: str) -> Iterator[Callable[..., Box]]:
    """Makes a box of an interface that is there, by the name of its cable's far end."""
    wires = []

    def made(name: str, far: str = "far0") -> Box:
        with outside.inside():
            ip("link", "set", far, "address", "02:00:00:00:00:02", "up")
        settle_down(name, _ADDRESSES)
        wires.append(far_end(outside, far))
        return Box(name, wires[-1], bpf_object)

    yield made
    for wire in wires:
        wire.close()


@pytest.fixture
def cable(outside: Outside) -> Iterator[Callable[..., str]]:
    """Makes a veth pair, one end of it outside."""

    def made(name: str, receive: int = 1, send: int = 1) -> str:
        near = ("numrxqueues", str(receive), "numtxqueues", str(send))
        far = ("numrxqueues", str(send), "numtxqueues", str(receive))
        ip("link", "add", name, *near, "type", "veth", "peer", "name", "far0", *far, "netns", outside.path)
        ip("link", "set", name, "address", "02:00:00:00:00:01", "addrgenmode", "none")
        names.append(name)
        return name

    names: list[str] = []
    yield made
    for name in names:
        ip("link", "delete", name)


@pytest.fixture
def native(cable: Callable[..., str], plug: Callable[..., Box]) -> Box:
    """A box whose driver can do native XDP."""
    return plug(cable("sip0"))


@pytest.fixture
def generic(cable: Callable[..., str], plug: Callable[..., Box]) -> Iterator[Box]:
    """A box whose driver can't: a bridge."""
    ip("link", "add", "bridge0", "address", "02:00:00:00:00:01", "type", "bridge", "mcast_snooping", "0")
    ip("link", "set", "bridge0", "addrgenmode", "none")
    ip("link", "set", cable("port0"), "address", "02:00:00:00:00:03", "master", "bridge0", "up")
    yield plug("bridge0")
    ip("link", "delete", "bridge0")


@pytest.fixture(params=["native", "generic"])
def box(request: pytest.FixtureRequest) -> Box:
    """Both, the filter attached in that mode."""
    made: Box = request.getfixturevalue(request.param)
    made.protect(request.param)
    return made


@pytest.fixture
def server(private_host: None) -> Iterator[socket.socket]:
    """What stands for the SIP server: a UDP socket on the SIP port, for both families."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
        opened.setblocking(False)
        opened.bind(("::", 5060))
        yield opened
