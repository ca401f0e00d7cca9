# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames as fast as this machine can make them: the kernel runs a program that redirects copies of one frame to the cable."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf
from ansible_collections.vos.fastpath.tests.live.packets import BOX4
from ansible_collections.vos.fastpath.tests.live.world import SO_RCVBUFFORCE, Outside

_PROG_LOAD, _TEST_RUN = 5, 10
_XDP, _LIVE_FRAMES = 6, 1 << 1  # BPF_PROG_TYPE_XDP, BPF_F_TEST_XDP_LIVE_FRAMES
_SIOCETHTOOL, _SET_GRO = 0x8946, 0x2C
_REDIRECT = 23  # bpf_redirect()


class Flood:
    """Two kinds of frames by turns, from the outside, until it is told to stop: many of the one, some of the other."""

    def __init__(self, outside: Outside, name: str, frames: Sequence[tuple[bytes, int]]) -> None:
        self.sent = 0
        self._frames = frames
        self._ending = threading.Event()
        self._failed: list[BaseException] = []
        self._outside, self._name = outside, name
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Flood:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            with self._outside.inside():  # this thread only
                program = _redirecting_to(socket.if_nametoindex(self._name))
                while not self._ending.is_set():
                    for frame, number in self._frames:
                        _run_live(program, frame, number)
                        self.sent += number
                os.close(program)
        except OSError as error:
            self._failed.append(error)


class Server(threading.Thread):
    """What stands for the SIP server: counts the datagrams it gets by their first word."""

    def __init__(self) -> None:
        super().__init__()
        self.got: Counter[bytes] = Counter()
        self._ending = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        self._socket.settimeout(0.2)
        self._socket.bind((BOX4, 5060))

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self.join()
        self._socket.close()

    def run(self) -> None:
        """Read until nothing has come for a while after the end."""
        while True:
            try:
                self.got[self._socket.recv(7)] += 1
            except TimeoutError:
                if self._ending.is_set():
                    return


def keep_receiving(name: str) -> None:
    """Have a veth take redirected frames with or without a filter (GRO on): else the wire would be cut where there is none."""
    value = ctypes.create_string_buffer(struct.pack("=II", _SET_GRO, 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
        fcntl.ioctl(anything, _SIOCETHTOOL, struct.pack("16sP", name.encode(), ctypes.addressof(value)).ljust(40, b"\0"))


def received(name: str) -> int:
    """How many frames an interface has received."""
    with open(f"/sys/class/net/{name}/statistics/rx_packets", encoding="ascii") as stream:
        return int(stream.read())


def _redirecting_to(ifindex: int) -> int:
    """Load the program: r1 = ifindex; r2 = 0; call bpf_redirect; exit."""
    lines = ((0xB7, 1, ifindex), (0xB7, 2, 0), (0x85, 0, _REDIRECT), (0x95, 0, 0))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=BBhi", operation, register, 0, value) for operation, register, value in lines))
    licence = ctypes.create_string_buffer(b"GPL")
    return _bpf.bpf(_PROG_LOAD, _bpf.attributes("IIQQ", _XDP, len(lines), ctypes.addressof(code), ctypes.addressof(licence)))


def _run_live(program: int, frame: bytes, number: int) -> None:
    data = ctypes.create_string_buffer(frame, len(frame))
    fields = (program, 0, len(frame), 0, ctypes.addressof(data), 0, number, 0, 0, 0, 0, 0, _LIVE_FRAMES, 0, 0)
    _bpf.bpf(_TEST_RUN, _bpf.attributes("IIIIQQIIIIQQIII", *fields))
