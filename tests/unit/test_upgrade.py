# SPDX-License-Identifier: GPL-3.0-or-later

"""From an older version to this one, on the real kernel, while packets come."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, INTERFACE_MAPS, LIST_ENTRY, MAPS, TOP_SOURCE
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._lists import apply, plan, read
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.live.packets import request, udp
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.objects import SMALLER, compile_object

BLOCKED, NETWORKED = "198.51.100.7", "2001:db8:7::7"


@pytest.fixture(scope="module")
def older(real_host: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The filter of an older version."""
    folder = tmp_path_factory.mktemp("older")
    left = dict(SMALLER)
    for source in (root / "files").glob("*.[ch]"):
        text = source.read_text()
        for now, then in SMALLER:
            if now in text:
                text = text.replace(now, then)
                left.pop(now, None)
        (folder / source.name).write_text(text)
    assert left == {}, "it is called something else by now"
    return compile_object(f'#define SIP_UAPI_HEADERS\n#include "{folder}/sip_logic.bpf.c"\n', folder / "older.bpf.o")


@pytest.fixture
def upgraded_from(older: str, veth: str, no_pins: None) -> Iterator[dict[str, int]]:
    """An interface with the older filter, as its modules left it; a source is blocked."""
    kernel, ifindex = AttachingKernel(), AttachingKernel().interface(veth).ifindex
    with contextlib.ExitStack() as stack:
        loaded = stack.enter_context(kernel.load(older, Config(), {}))
        kernel.attach(ifindex, "native", loaded.fd, NOTHING)
        maps = {name: stack.enter_context(kernel.map_by_id(kernel.attached(ifindex).maps[name])) for name in MAPS}
        kernel.pin(None, {shape.name: maps[shape.name] for shape in HOST_MAPS})
        kernel.pin(ifindex, {shape.name: maps[shape.name] for shape in INTERFACE_MAPS})
        entries = collect([BLOCKED, "2001:db8:7::/64"], (), 0.0).wanted
        current = read(kernel)
        apply(kernel, current, plan(current, {table: dict.fromkeys(keys, 0) for table, keys in entries.items()}, "block", "present"))
        maps["xdp_settings"].update(bytes(4), Settings().pack())
        yield {name: opened.info.id for name, opened in maps.items()}


class Sender(threading.Thread):
    """Sends frames from the other end of the cable until it is told to stop."""

    def __init__(self, frames: list[bytes]) -> None:
        super().__init__()
        self.frames, self.sent, self.stop = frames, 0, threading.Event()

    def run(self) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("veth1", 0))
            while not self.stop.is_set():
                for frame in self.frames:
                    wire.send(frame)
                self.sent += 1


def total(kernel: AttachingKernel, map_id: int, size: int) -> list[int]:
    """The numbers of a per-CPU map, summed."""
    with kernel.map_by_id(map_id) as opened:
        values = b"".join(value for _key, value in opened.items())
    numbers = struct.unpack("=%dQ" % (len(values) // 8), values)
    return [sum(numbers[word::size]) for word in range(size)]


def test_what_the_older_filter_counted_is_told_before_the_upgrade(upgraded_from: dict[str, int], veth: str) -> None:
    kernel = AttachingKernel()
    before = kernel.statistics(veth)["rx_packets"]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("veth1", 0))
        for _packet in range(10):
            wire.send(udp(BLOCKED, request(BLOCKED, "INVITE")))
    while kernel.statistics(veth)["rx_packets"] < before + 10:
        pass  # some are on the cable
    found = stats_task(parameters("xdp_stats", interfaces=[veth]), False)["ansible_facts"]["vos_fastpath"]
    assert {reason: each["packets"] for reason, each in found["reasons"].items() if each["packets"]} == {"blocklist": 10}
    with kernel.opened(kernel.attached(kernel.interface(veth).ifindex).prog_id) as there:
        kernel.attach(kernel.interface(veth).ifindex, "native", NOTHING, there)


def test_an_upgrade_counts_every_packet_though_maps_have_other_shapes(
    upgraded_from: dict[str, int], veth: str, built: str
) -> None:
    kernel, ifindex = AttachingKernel(), AttachingKernel().interface(veth).ifindex
    sender = Sender([udp(BLOCKED, request(BLOCKED, "INVITE")), udp(NETWORKED, request(NETWORKED, "INVITE"))])
    sender.start()
    try:
        while sender.sent < 1000:
            pass
        [outcome] = attach(kernel, [veth], Wanted(built, allow_empty_allowlist=True), check=False)
        before, now = sender.sent, kernel.attached(ifindex).maps
        while sender.sent < before + 1000:
            pass
    finally:
        sender.stop.set()
        sender.join()

    assert [action.partition(" ")[0] for action in outcome.actions] == ["replace", "carry", "carry"]
    changed = {"hosts_v4", "hosts_v6", "prefixes_v4", "prefixes_v6", "xdp_stats", "rate_sources"}
    assert {name for name in MAPS if now[name] != upgraded_from[name]} == changed
    assert kernel.pinned() | kernel.pinned(ifindex) == {name: now[name] for name in MAPS}

    while kernel.statistics(veth)["rx_packets"] < kernel.statistics("veth1")["tx_packets"]:
        pass  # some are on the cable
    assert sum(total(kernel, now["xdp_counters"], 1)) == 2 * sender.sent
    size = MAPS["xdp_stats"].value_size // 8
    statistics = total(kernel, now["xdp_stats"], size)
    assert statistics[2 * 8] == 2 * sender.sent, "the reason blocklist"
    for table in ("hosts_v4", "prefixes_v6"):
        with kernel.map_by_id(now[table]) as opened:
            [(_key, value)] = opened.items()
        assert LIST_ENTRY.unpack(value)[4] == sender.sent, "hits of %s" % table
    with kernel.map_by_id(now["top_sources"]) as opened:
        tops = [TOP_SOURCE.unpack_from(value, start) for _key, value in opened.items() for start in range(0, len(value), TOP_SOURCE.size)]
    assert {socket.inet_ntop(socket.AF_INET6, top[0]) for top in tops if top[1]} == {"::ffff:" + BLOCKED, NETWORKED}

    assert attach(kernel, [veth], Wanted(built, allow_empty_allowlist=True), check=False)[0].actions == ()
    with kernel.opened(kernel.attached(ifindex).prog_id) as there:
        kernel.attach(ifindex, "native", NOTHING, there)
