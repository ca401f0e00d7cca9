# SPDX-License-Identifier: GPL-3.0-or-later

"""Row 20: what goes to an AF_XDP socket. Here only whether it would; the receiver and its death are tested elsewhere."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import frames as f
import harness
import pytest
from compare import one_by_one
from harness import FOREVER
from model import Model, Settings

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

AF_XDP = 44  # not in Python's socket
INVITE = f.sip4(f.request())


@pytest.fixture
def listening(program: harness.Program) -> Iterator[harness.Program]:
    """A socket on queue 0."""
    with socket.socket(AF_XDP, socket.SOCK_RAW) as receiver:
        program.maps["xsks_map"].update(harness.FIRST, struct.pack("=I", receiver.fileno()))
        yield program
        program.maps["xsks_map"].delete(harness.FIRST)


def test_a_request_goes_to_the_socket_of_its_queue(listening: harness.Program) -> None:
    assert listening.run(INVITE) == "redirect"
    counts = listening.counts()
    assert (counts.reasons, counts.counters, counts.methods) == ({"redirect": 1}, {"redirected": 1}, {"INVITE": 1})


def test_without_a_socket_it_passes(program: harness.Program) -> None:
    assert program.run(INVITE) == "pass"
    assert program.counts().reasons == {"request": 1}


def test_a_socket_of_another_queue_gets_nothing(program: harness.Program) -> None:
    with socket.socket(AF_XDP, socket.SOCK_RAW) as receiver:
        program.maps["xsks_map"].update(struct.pack("=I", 1), struct.pack("=I", receiver.fileno()))
        assert program.run(INVITE) == "pass"
        program.maps["xsks_map"].delete(struct.pack("=I", 1))


def test_when_the_receiver_dies_packets_reach_the_stack(program: harness.Program) -> None:
    with socket.socket(AF_XDP, socket.SOCK_RAW) as receiver:
        program.maps["xsks_map"].update(harness.FIRST, struct.pack("=I", receiver.fileno()))
        assert program.run(INVITE) == "redirect"
    program.maps["xsks_map"].delete(harness.FIRST)
    assert program.run(INVITE) == "pass"


@pytest.mark.parametrize("frame", [
    f.ethernet(f.ipv4(f.udp(f.request())), tags=(f.VLAN,)),
    f.first_fragment4(f.request()),
    f.first_fragment6(f.request()),
], ids=["tagged", "fragment", "IPv6 fragment"])  # fmt: skip
def test_a_socket_gets_whole_untagged_datagrams(listening: harness.Program, frame: bytes) -> None:
    assert listening.run(frame) == "pass"
    assert listening.counts().reasons == {"request": 1}


def test_only_what_is_a_request_is_redirected(listening: harness.Program) -> None:
    for payload in (b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", b"\r\n\r\n", f.stun(), b"INVITE"):
        assert listening.run(f.sip4(payload)) == "pass"
    assert listening.run(f.sip4(f.request(b"OPTIONS"))) == "drop"


def test_audit_never_redirects_what_it_would_drop(listening: harness.Program) -> None:
    listening.set(flags=abi.SETTING_AUDIT, stealth_methods=harness.mask("OPTIONS"))
    assert listening.run(f.sip4(f.request(b"OPTIONS"))) == "pass"
    assert listening.run(INVITE) == "redirect"


def test_a_trusted_peer_is_redirected_too(listening: harness.Program) -> None:
    listening.list(f.OUTSIDE4, allow=FOREVER)
    assert listening.run(f.sip4(f.request(b"OPTIONS"))) == "redirect"


def test_switched_off_there_is_no_redirect(object_file: Path) -> None:
    with harness.load(object_file, af_xdp=False) as program, socket.socket(AF_XDP, socket.SOCK_RAW) as receiver:
        program.maps["xsks_map"].update(harness.FIRST, struct.pack("=I", receiver.fileno()))
        assert program.run(INVITE) == "pass"


def test_a_frame_of_several_buffers_is_not_redirected(frags_program: harness.Program) -> None:
    with socket.socket(AF_XDP, socket.SOCK_RAW) as receiver:
        frags_program.maps["xsks_map"].update(harness.FIRST, struct.pack("=I", receiver.fileno()))
        assert frags_program.run(INVITE) == "redirect"
        assert frags_program.run(INVITE, linear=60) == "pass"
        frags_program.maps["xsks_map"].delete(harness.FIRST)


def test_the_model_agrees(listening: harness.Program) -> None:
    listening.set(stealth_methods=harness.mask("OPTIONS"), malformed_scope=1)
    model = Model(Settings(sockets=frozenset((0,))))
    for frame in (INVITE, f.sip6(f.request()), f.sip4(f.request(b"OPTIONS")), f.first_fragment4(f.request())):
        assert one_by_one(listening, model, frame, 0.0) is None
