# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing maps, on the real kernel; with batches where it has them, and without."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY, MAPS, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import attributes, bpf, create_map
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, possible_cpus, wait_for_programs

HOSTS = MAPS["hosts_v4"]
BATCHES = MapShape("batches", 1, 4, 4, 200000)
NO_BATCHES = MapShape("no_batches", 25, 4, 4, 16)
"""A hash of devices: the kernel takes and gives its entries one by one only; the values are numbers of interfaces."""
SLOTS = MapShape("slots", 14, 4, 4, 4)
"""An array of devices: it has every key, and a value only where a device is."""
QUEUE = MapShape("queue", 22, 0, 4, 4)
"""A map that has no keys."""
LO = (1).to_bytes(4, "little")


@pytest.fixture
def make(real_host: None) -> Iterator[Callable[[MapShape], Map]]:
    opened: list[Map] = []

    def made(shape: MapShape) -> Map:
        opened.append(Map(create_map(shape)))
        return opened[-1]

    yield made
    for each in opened:
        each.__exit__()


def key(number: int) -> bytes:
    return number.to_bytes(4, "big")


@pytest.mark.parametrize(("text", "cpus"), [("0", [0]), ("0-3", [0, 1, 2, 3]), ("0,2-3", [0, 2, 3]), ("0-1,128", [0, 1, 128])])
def test_the_possible_cpus_have_a_value_each_and_what_is_between_them_none(tmp_path: Path, text: str, cpus: list[int]) -> None:
    path = tmp_path / "possible"
    path.write_text(text + "\n")
    assert possible_cpus(str(path)) == cpus


def test_this_host_has_cpus() -> None:
    assert os.sched_getaffinity(0) <= set(possible_cpus())


def test_an_entry_is_set_changed_and_removed(make: Callable[[MapShape], Map]) -> None:
    table = make(HOSTS)
    one, two = LIST_ENTRY.pack(1, 32, 0, 0, 0, 0), LIST_ENTRY.pack(2, 32, 0, 0, 0, 0)
    assert table.lookup(key(1)) is None
    table.update(key(1), one)
    table.update(key(1), two)
    assert table.lookup(key(1)) == two
    assert table.delete(key(1)) is True
    assert table.delete(key(1)) is False
    assert table.lookup(key(1)) is None


def test_a_per_cpu_map_has_a_value_for_each_cpu(make: Callable[[MapShape], Map]) -> None:
    counters = make(MAPS["xdp_counters"])
    values = b"".join(number.to_bytes(8, "little") for number in range(len(possible_cpus())))
    counters.update((3).to_bytes(4, "little"), values)
    assert counters.lookup((3).to_bytes(4, "little")) == values
    assert dict(counters.items()) == {n.to_bytes(4, "little"): values if n == 3 else bytes(len(values)) for n in range(5)}


@pytest.mark.parametrize("shape", [BATCHES, NO_BATCHES], ids=lambda shape: shape.name)
def test_many_at_a_time(make: Callable[[MapShape], Map], shape: MapShape) -> None:
    table = make(shape)
    table.update_many([key(number) for number in range(9)], [LO] * 9)
    assert dict(table.items()) == {key(number): LO for number in range(9)}
    assert table.heads(2) == {key(number): LO[:2] for number in range(9)}
    table.delete_many([key(number) for number in (0, 77, 1, 78, 79, 8)])
    assert sorted(k for k, value in table.items()) == [key(number) for number in range(2, 8)]
    table.update_many([], [])
    table.delete_many([])
    assert len(list(table.items())) == 6


@pytest.mark.parametrize("name", ["prefixes_v4", "prefixes_v6", "hosts_v6"])
def test_the_tables_of_the_lists_take_many(make: Callable[[MapShape], Map], name: str) -> None:
    table = make(MAPS[name])
    size = MAPS[name].key_size
    length = (24).to_bytes(4, "little") if name.startswith("prefixes") else b""
    entries = {(length + bytes([10, number, 0])).ljust(size, b"\0"): LIST_ENTRY.pack(1, 24, 0, 0, 0, 0) for number in range(100)}
    table.update_many(list(entries), list(entries.values()))
    assert dict(table.items()) == entries
    table.delete_many(list(entries))
    assert list(table.items()) == []


def test_more_than_one_chunk(make: Callable[[MapShape], Map]) -> None:
    table = make(BATCHES)
    keys, values = ([key(number * factor) for number in range(140000)] for factor in (1, 3))
    table.update_many(keys, values)
    assert dict(table.items()) == dict(zip(keys, values, strict=True))
    table.delete_many(keys[10:])
    assert dict(table.items()) == dict(zip(keys[:10], values, strict=False))


def test_heads_that_are_equal_are_one_object(make: Callable[[MapShape], Map]) -> None:
    """A million times the same takes the room of one."""
    table = make(BATCHES)
    table.update_many([key(number) for number in range(70000)], [LO] * 70000)
    heads = table.heads(4)
    assert len(heads) == 70000
    assert len({id(head) for head in heads.values()}) == 1


def test_a_full_table_says_so_and_keeps_what_came_before(make: Callable[[MapShape], Map]) -> None:
    table = make(BATCHES._replace(max_entries=3))
    with pytest.raises(OSError, match="Argument list too long"):
        table.update_many([key(number) for number in range(9)], [LO] * 9)
    assert sorted(k for k, value in table.items()) == [key(0), key(1), key(2)]


def test_keys_that_have_no_value_are_passed_over(make: Callable[[MapShape], Map]) -> None:
    slots = make(SLOTS)
    slots.update((2).to_bytes(4, "little"), LO)
    assert list(slots.items()) == [((2).to_bytes(4, "little"), LO)]


def test_what_the_kernel_refuses_is_not_hidden(make: Callable[[MapShape], Map]) -> None:
    with pytest.raises(OSError, match="Operation not supported"):
        make(MAPS["xsks_map"]).lookup(bytes(4))
    with pytest.raises(OSError, match="Invalid argument"):
        make(MAPS["xdp_settings"]).delete(bytes(4))
    with pytest.raises(OSError, match="Invalid argument"):
        list(make(QUEUE).items())
    with pytest.raises(OSError, match="No such device|Invalid argument"):
        make(NO_BATCHES).update_many([key(1)], [key(0x7FFF0000)])


def test_a_closed_map_is_closed(real_host: None) -> None:
    with Map(create_map(HOSTS)) as table:
        pass
    calls = (
        lambda: list(table.items()),
        lambda: table.heads(4),
        lambda: table.delete_many([key(1)]),
        lambda: table.update_many([key(1)], [bytes(40)]),
    )
    for call in calls:
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()


def test_programs_that_run_are_waited_for(bpf_object: Callable[[str], str]) -> None:
    """One that had begun has ended: its counter, odd while it runs, is even again or further on."""
    with BpfObject(bpf_object("slow")) as loaded, ThreadPoolExecutor(1) as pool:
        program = loaded.load()
        progress = Map(os.dup(loaded.map_fd("progress")))
        with progress:
            for _each in range(5):
                done = pool.submit(run, program)
                while (begun := count(progress)) % 2 == 0 and not done.done():
                    pass
                wait_for_programs()
                ended = count(progress)
                done.result()
                assert ended > begun or begun % 2 == 0


def run(program: int) -> None:
    """Hand a packet to a program (BPF_PROG_TEST_RUN)."""
    frame = ctypes.create_string_buffer(64)
    bpf(10, attributes("IIIIQQII", program, 0, len(frame), 0, ctypes.addressof(frame), 0, 1, 0))


def count(progress: Map) -> int:
    """How often a program has begun, and how often it has ended."""
    return int.from_bytes(progress.lookup(bytes(4)) or b"", "little")


def test_waiting_leaves_nothing_open(real_host: None) -> None:
    before = os.listdir("/proc/self/fd")
    wait_for_programs()
    assert os.listdir("/proc/self/fd") == before
