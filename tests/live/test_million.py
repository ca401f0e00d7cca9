# SPDX-License-Identifier: GPL-3.0-or-later

"""1,000,000 blocked hosts, and what they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix
from ansible_collections.vos.fastpath.tests.live.entries import change
from ansible_collections.vos.fastpath.tests.live.packets import request, udp
from ansible_collections.vos.fastpath.tests.live.world import Box

MILLION = 1_000_000
STEP = 4001
"""Every so many addresses one is blocked, from 10.0.0.0 on up: the next one is not."""


def blocked(number: int) -> bytes:
    """The address of one of them."""
    return (0x0A000000 + number * STEP % 0xD0000000).to_bytes(4, "big")


def test_a_million_blocked_hosts(native: Box, note: Callable[[str], None]) -> None:
    native.protect("native")
    kernel, hosts = native.kernel, [Prefix("v4", blocked(number), 32) for number in range(MILLION)]
    addresses = {host.address for host in hosts}
    assert len(addresses) == MILLION
    some = [blocked(number) for number in range(0, MILLION, MILLION // 500)]
    beside = [(int.from_bytes(address, "big") + 1).to_bytes(4, "big") for address in some]
    others = [address for address in beside if address not in addresses]
    assert len(others) > 400
    times: dict[str, float] = {}
    with measured("fill", times):
        change(kernel, "block", hosts, "present")
    memory = memory_of(kernel, "hosts_v4")
    assert GATE.unpack(_lists.read_gate(kernel) or b"") == (MILLION, 0, 0, 0, 0, MILLION)
    assert native.send_counted(map(options, some)) == {"blocklist": len(some)}
    assert native.send_counted(map(options, others)) == {"stealth": len(others)}
    with measured("remove", times):
        change(kernel, "block", hosts[-1:], "exact")
    assert {table: list(keys) for table, keys in _lists.listed(_lists.read(kernel), "block").items() if keys} == {"hosts_v4": [hosts[-1].key]}
    assert native.send_counted(map(options, some)) == {"stealth": len(some)}
    assert native.send_counted([options(blocked(MILLION - 1))]) == {"blocklist": 1}
    words = ", ".join(f"{what} {seconds:.1f} s of CPU" for what, seconds in times.items())
    note(f"1,000,000 hosts on the blocklist: {words}; {memory / 1e6:.0f} MB in the kernel")


def options(address: bytes) -> bytes:
    """OPTIONS from there."""
    source = ".".join(map(str, address))
    return udp(source, request(source))


@contextmanager
def measured(what: str, times: dict[str, float]) -> Iterator[None]:
    """Note how much CPU time it takes; nothing depends on it."""
    begin = time.process_time()
    yield
    times[what] = time.process_time() - begin


def memory_of(kernel: Kernel, name: str) -> int:
    """What the kernel has set aside for a map."""
    opened = kernel.host_map(name)
    assert opened is not None
    with opened:
        lines = Path(f"/proc/self/fdinfo/{opened.fd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("memlock:"))
