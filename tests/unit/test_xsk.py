# SPDX-License-Identifier: GPL-3.0-or-later

"""AF_XDP sockets behind the real filter on a real interface, where only this process sees them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import receive_queues
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config
from ansible_collections.vos.fastpath.plugins.module_utils._xsk import XdpSocket, open_receiver, start_line
from ansible_collections.vos.fastpath.tests.live.packets import DESTINATION, FRAGMENT, IPV4, IPV6, datagram, ethernet, extended, ipv4, ipv6, request, udp
from ansible_collections.vos.fastpath.tests.unit.objects import compile_object

V4, V6 = "198.51.100.7", "2001:db8:7::7"
LINE = "INVITE sip:box@example.com SIP/2.0"
INVITE = udp(V4, request(V4, "INVITE"))
RING = 2048
"""Packets that a socket holds until they are read."""


@pytest.fixture(scope="module")
def sip_logic(real_host: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The filter itself."""
    source = '#define SIP_UAPI_HEADERS\n#include "sip_logic.bpf.c"\n'
    return compile_object(source, tmp_path_factory.mktemp("filter") / "sip_logic.bpf.o")


@pytest.fixture
def protected(veth: str, no_pins: None, sip_logic: str) -> str:
    """An interface with the filter on it."""
    attach(AttachingKernel(), [veth], Wanted(sip_logic, "native", allow_empty_allowlist=True), check=False)
    return veth


@pytest.fixture
def send(veth: str) -> Iterator[Callable[[bytes, int], None]]:
    """Sends a frame some times from the other end of the cable, and waits until each has been received."""

    def sent(frame: bytes, count: int = 1) -> None:
        for _each in range(count):
            before = AttachingKernel().statistics(veth)["rx_packets"]
            wire.send(frame)
            while AttachingKernel().statistics(veth)["rx_packets"] == before:
                pass

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("veth1", 0))
        yield sent


def refusal(name: str, queue: int = 0) -> str:
    """Why there can't be a receiver."""
    with pytest.raises(FastpathError) as refused, open_receiver(AttachingKernel(), name, queue):
        pass
    return str(refused.value)


def test_requests_are_received_and_counted(protected: str, send: Callable[..., None]) -> None:
    with open_receiver(AttachingKernel(), protected, 0) as receiver:
        send(INVITE, 3)
        assert list(receiver.frames(0.01)) == [INVITE] * 3
        assert (receiver.counted(), receiver.lost()) == (3, 0)


def test_packets_wait_in_the_socket_until_it_is_full(protected: str, send: Callable[..., None]) -> None:
    with open_receiver(AttachingKernel(), protected, 0) as receiver:
        send(INVITE, RING + 10)
        assert len(list(receiver.frames(0.01))) == RING
        assert (receiver.counted(), receiver.lost()) == (RING + 10, 10)


def test_room_is_used_again(protected: str, send: Callable[..., None]) -> None:
    """Round the rings more than once."""
    with open_receiver(AttachingKernel(), protected, 0) as receiver:
        for _round in range(5):
            send(INVITE, RING // 2)
            assert list(receiver.frames(0.01)) == [INVITE] * (RING // 2)
        assert receiver.lost() == 0


def test_who_leaves_gets_what_was_on_its_way_and_nothing_more(protected: str, send: Callable[..., None]) -> None:
    with open_receiver(AttachingKernel(), protected, 0) as receiver:
        send(INVITE, 2)
        assert receiver.leave() == [INVITE] * 2
        send(INVITE)
        assert list(receiver.frames(0.01)) == []
        assert receiver.counted() == 2


def test_who_is_stopped_waits_no_longer(protected: str) -> None:
    with open_receiver(AttachingKernel(), protected, 0) as receiver:
        receiver.stop()
        assert list(receiver.frames(3600)) == []


def test_afterwards_the_next_one_gets_the_queue(protected: str, send: Callable[..., None]) -> None:
    for _turn in range(2):
        with open_receiver(AttachingKernel(), protected, 0) as receiver:
            send(INVITE)
            assert list(receiver.frames(0.01)) == [INVITE]


def test_only_root_can(protected: str) -> None:
    os.seteuid(65534)
    try:
        assert refusal(protected) == "user id 65534: AF_XDP and BPF need root. Run it with sudo"
    finally:
        os.seteuid(0)


def test_without_a_filter(veth: str) -> None:
    assert refusal(veth) == "veth0: no filter is attached. Attach it with vos.fastpath.xdp_attach"


def test_behind_a_program_of_somebody_else(veth: str, no_pins: None, tmp_path: Path) -> None:
    kernel, ifindex = AttachingKernel(), AttachingKernel().interface(veth).ifindex
    source = '#include <linux/bpf.h>\n__attribute__((section("xdp"), used)) int theirs(struct xdp_md *ctx) { return XDP_PASS; }\n'
    path = compile_object(source, tmp_path / "theirs.bpf.o")
    with attached_by_ip(veth, path):
        program = kernel.attached(ifindex)
        assert program is not None
        assert f"program {program.prog_id} (theirs) is attached, and it is not ours" in refusal(veth)


@contextlib.contextmanager
def attached_by_ip(name: str, path: str) -> Iterator[None]:
    """As an operator would attach something."""
    subprocess.run(("ip", "link", "set", name, "xdpdrv", "obj", path, "sec", "xdp"), check=True)
    yield
    subprocess.run(("ip", "link", "set", name, "xdpdrv", "off"), check=True)


def test_behind_a_filter_that_redirects_nothing(protected: str, sip_logic: str) -> None:
    wanted = Wanted(sip_logic, "native", Config(af_xdp=False), allow_empty_allowlist=True)
    attach(AttachingKernel(), [protected], wanted, check=False)
    assert refusal(protected) == "veth0: its filter redirects nothing. Attach it with af_xdp=true"


@pytest.mark.parametrize("queue", [-1, 1])
def test_a_queue_that_is_not_there(protected: str, queue: int) -> None:
    assert receive_queues(protected) == 1
    assert refusal(protected, queue) == f"queue {queue}: veth0 receives on only queue 0. Name one of these"


def test_a_queue_that_another_socket_is_bound_to(protected: str) -> None:
    with open_receiver(AttachingKernel(), protected, 0):
        said = refusal(protected)
    assert said.startswith("veth0, queue 0: AF_XDP: Device or resource busy (EBUSY). Another AF_XDP socket is bound to this queue")


def test_a_slot_that_another_socket_is_in(protected: str) -> None:
    """One of another interface: the packets of this queue are lost in it."""
    kernel = AttachingKernel()
    program = kernel.attached(kernel.interface(protected).ifindex)
    assert program is not None
    with XdpSocket(kernel.interface("veth1").ifindex, 0) as stranger, kernel.map_by_id(program.maps["xsks_map"]) as xsks:
        xsks.update(bytes(4), struct.pack("=I", stranger.fileno()))
        assert refusal(protected).startswith("xsks_map[0] of veth0: another socket is there already. Stop the program")


@pytest.mark.parametrize(
    "frame",
    [
        INVITE,
        udp(V6, request(V6, "INVITE")),
        udp(V4, b"\r\n\r\n" + request(V4, "INVITE")),
        udp(V4, LINE.encode() + b"\nVia: x\n\n"),
        ethernet(ipv4(V4, datagram(V4, request(V4, "INVITE")), options=b"\x01\x01\x01\x00"), IPV4),
        ethernet(ipv6(V6, *extended(datagram(V6, request(V6, "INVITE")), (DESTINATION, FRAGMENT))), IPV6),
    ],
)
def test_the_start_line_is_found(frame: bytes) -> None:
    assert start_line(frame) == LINE


def test_a_start_line_can_be_printed() -> None:
    assert start_line(udp(V4, b"INVITE sip:\x1b[2J\xff SIP/2.0\r\n")) == "INVITE sip:\\x1b[2J\\xff SIP/2.0"
