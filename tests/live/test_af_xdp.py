# SPDX-License-Identifier: GPL-3.0-or-later

"""AF_XDP: requests arrive at the socket of their queue and nowhere else, and when it dies, at the server, none lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.live.packets import request, response, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

SOURCE, SOURCE6 = "198.51.100.7", "2001:db8:7::7"
INVITES = [udp(SOURCE, request(SOURCE, "INVITE", str(call))) for call in range(500)]


@pytest.fixture
def tool(root: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts tools/xsk_receive.py with the distribution's Python, as an operator would."""

    def started(*arguments: str) -> subprocess.Popen[str]:
        command = ("/usr/bin/python3", "-B", str(root / "tools" / "xsk_receive.py"), *arguments)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return started


@contextlib.contextmanager
def receiving(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Wait until the tool receives, and see to it that it ends."""
    assert process.stdout is not None
    with process:
        try:
            assert "an AF_XDP socket takes what the filter" in process.stdout.readline()
            assert "do not reach the SIP server" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str]) -> str:
    """What the tool says when it is interrupted."""
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    return said


def refusal(process: subprocess.Popen[str]) -> str:
    """What the tool says when it can't."""
    said, errors = process.communicate(timeout=20)
    assert (process.returncode, said) == (1, "")
    return errors.strip()


def served(server: socket.socket) -> list[bytes]:
    """All datagrams that reached the server."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(server.recv(65535))
    return found


def test_requests_arrive_at_the_socket_and_the_counter_says_so(
    box: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]
) -> None:
    with receiving(tool(box.name, "--queue", "0", "--seconds", "60", "--lines", "1")) as process:
        assert box.send_counted(INVITES) == {"redirect": 500}
        assert box.send_counted([udp(SOURCE6, request(SOURCE6, "REGISTER"))]) == {"redirect": 1}
        said = stopped(process)
    size = sum(map(len, INVITES)) + len(udp(SOURCE6, request(SOURCE6, "REGISTER")))
    assert said.splitlines() == [
        "  INVITE sip:box@example.com SIP/2.0",
        f"received 501 packets, {size} bytes; lost in the socket: 0; the counter 'redirected' grew by 501",
    ]
    assert box.counters() == {"options_dropped": 0, "redirected": 501, "passed": 0, "blocked": 0, "malformed": 0}
    assert served(server) == []


def test_when_it_is_killed_packets_reach_the_server_and_none_is_lost(
    box: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]
) -> None:
    with receiving(tool(box.name, "--seconds", "60")) as process:
        assert box.send_counted(INVITES) == {"redirect": 500}
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert box.send_counted(INVITES) == {"request": 500}
    assert served(server) == [request(SOURCE, "INVITE", str(call)) for call in range(500)]
    assert box.counters()["passed"] == 500


def test_when_its_time_is_up_packets_reach_the_server(
    box: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]
) -> None:
    with receiving(tool(box.name, "--seconds", "0.5")) as process:
        assert process.wait(20) == 0
        assert box.send_counted(INVITES) == {"request": 500}
    assert len(served(server)) == 500


def test_each_packet_is_received_or_served_while_sockets_come_and_go(
    box: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]
) -> None:
    received, total = 0, 0
    for _round in range(3):
        with receiving(tool(box.name, "--seconds", "60", "--lines", "0")) as process:
            os.kill(process.pid, signal.SIGSTOP)  # what it has not read yet waits in the ring
            counted = box.send_counted(INVITES)
            assert counted == {"redirect": 500}
            os.kill(process.pid, signal.SIGCONT)
            process.send_signal(signal.SIGINT)
            while process.poll() is None:
                counted += box.send_counted(INVITES[:100])
            assert process.stdout is not None
            said = re.search(r"received (\d+) packets", process.stdout.read())
            assert said
        received += int(said[1])
        total += counted.total()
        assert int(said[1]) == counted["redirect"]
    assert received + len(served(server)) == total


def test_the_rest_is_judged_as_ever(box: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]) -> None:
    """Stealth drops; responses and keepalives are the server's."""
    frames = [udp(SOURCE, request(SOURCE)), udp(SOURCE, response(SOURCE)), udp(SOURCE, b"\r\n\r\n")]
    with receiving(tool(box.name, "--seconds", "60")) as process:
        assert box.send_counted(frames) == {"stealth": 1, "response": 1, "keepalive": 1}
        assert "received 0 packets, 0 bytes" in stopped(process)
    assert served(server) == [response(SOURCE), b"\r\n\r\n"]


@pytest.fixture
def two_queues(cable: Callable[..., str], plug: Callable[..., Box]) -> Box:
    """Two receive queues and four send queues; a sender on CPU n sends to queue n."""
    made: Box = plug(cable("sip0", receive=2, send=4))
    made.protect("native")
    return made


@contextlib.contextmanager
def on_cpu(number: int) -> Iterator[None]:
    """A packet socket sends to the queue that has the number of its CPU."""
    allowed = os.sched_getaffinity(0)
    if number not in allowed:
        pytest.skip(f"CPU {number} is not there, and so nothing can be sent to queue {number}")
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def test_each_queue_has_its_own_socket(
    two_queues: Box, server: socket.socket, tool: Callable[..., subprocess.Popen[str]]
) -> None:
    with receiving(tool("sip0", "--queue", "1", "--seconds", "60")) as process:
        with on_cpu(0):
            assert two_queues.send_counted(INVITES[:30]) == {"request": 30}
        with on_cpu(1):
            assert two_queues.send_counted(INVITES[:20]) == {"redirect": 20}
        assert "received 20 packets" in stopped(process)
    assert len(served(server)) == 30


def test_no_packets_on_this_queue_is_a_hint_at_the_others(two_queues: Box, tool: Callable[..., subprocess.Popen[str]]) -> None:
    with receiving(tool("sip0", "--queue", "1", "--seconds", "0")) as process:
        assert "sip0 has 2 receive queues, and the NIC chooses" in process.communicate(timeout=20)[0]


def test_a_queue_that_is_only_a_send_queue_is_refused(two_queues: Box, tool: Callable[..., subprocess.Popen[str]]) -> None:
    """The kernel would bind to it."""
    assert refusal(tool("sip0", "--queue", "3")) == "xsk_receive: queue 3: sip0 receives on 0 to 1. Name one of these"


def test_a_queue_that_is_not_there_is_refused(box: Box, tool: Callable[..., subprocess.Popen[str]]) -> None:
    assert refusal(tool(box.name, "--queue", "1")) == f"xsk_receive: queue 1: {box.name} receives on only queue 0. Name one of these"
    assert box.send_counted(INVITES[:10]) == {"request": 10}


def test_a_queue_that_is_taken_is_refused(box: Box, tool: Callable[..., subprocess.Popen[str]]) -> None:
    with receiving(tool(box.name, "--seconds", "60")) as process:
        assert "Another AF_XDP socket is bound to this queue" in refusal(tool(box.name))
        assert box.send_counted(INVITES[:10]) == {"redirect": 10}
        assert "received 10 packets" in stopped(process)


def test_without_a_filter_there_is_nothing_to_receive(native: Box, tool: Callable[..., subprocess.Popen[str]]) -> None:
    assert "no filter is attached" in refusal(tool("sip0"))
    native.protect("native", Settings(), Config(af_xdp=False))
    assert "its filter redirects nothing. Attach it with af_xdp=true" in refusal(tool("sip0"))
