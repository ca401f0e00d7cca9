# SPDX-License-Identifier: GPL-3.0-or-later

"""The fake kernel behaves like the real one: each of these examples is run on both."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS, LIST_ENTRY, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, Refused
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, NO_OFFLOAD, FakeKernel
from ansible_collections.vos.fastpath.tests.unit.fake_maps import FakeMap

ENTRY = LIST_ENTRY.pack(1, 32, 0, 0, 0, 0)


class Host(NamedTuple):
    """A kernel, and what is plugged in there."""

    kernel: AttachingKernel
    nic: str
    bridge: str
    version1: str
    version2: str


@pytest.fixture
def fake(tmp_path: Path) -> Host:
    kernel = FakeKernel()
    kernel.add_nic("eth0", 7)
    kernel.add_nic("br0", 8, {"native": NO_NATIVE})
    objects = [tmp_path / "1.bpf.o", tmp_path / "2.bpf.o"]
    for number, path in enumerate(objects):
        path.write_text(f"version {number}")
    return Host(kernel, "eth0", "br0", *map(str, objects))


@pytest.fixture
def real(veth: str, bridge: str, no_pins: None, bpf_object: Callable[[str], str]) -> Host:
    return Host(AttachingKernel(), veth, bridge, bpf_object("filter"), bpf_object("next"))


@pytest.fixture(params=["fake", "real"])
def host(request: pytest.FixtureRequest) -> Host:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Host)
    return found


def refusal(host: Host, name: str, mode: str, fd: int, expected: int) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        host.kernel.attach(host.kernel.interface(name).ifindex, mode, fd, expected)
    return refused.value.code, refused.value.words


@contextlib.contextmanager
def attached(host: Host, mode: str, reuse: Mapping[str, int] = MappingProxyType({})) -> Iterator[int]:
    """Version 1 is on the NIC, on these maps; gives its descriptor."""
    kernel, ifindex = host.kernel, host.kernel.interface(host.nic).ifindex
    with kernel.load(host.version1, Config(), reuse) as loaded:
        kernel.attach(ifindex, mode, loaded.fd, NOTHING)
        yield loaded.fd
        found = kernel.attached(ifindex)
        if found:
            with kernel.opened(found.prog_id) as there:
                kernel.attach(ifindex, found.mode, NOTHING, there)


def map_in_use(host: Host, name: str) -> int:
    """The number of a map that the program on the NIC goes by."""
    found = host.kernel.attached(host.kernel.interface(host.nic).ifindex)
    assert found is not None
    return found.maps[name]


def test_the_fake_has_every_method_of_the_real_one_with_the_same_parameters() -> None:
    for fake_class, real_class in ((FakeKernel, AttachingKernel), (FakeMap, FakeMap.__base__)):
        for name, method in inspect.getmembers(real_class, inspect.isfunction):
            if name.startswith("_") and name not in ("__enter__", "__exit__"):
                continue
            assert name in vars(fake_class), f"{name} would reach the real kernel"
            assert list(inspect.signature(vars(fake_class)[name]).parameters) == list(inspect.signature(method).parameters)


def test_an_interface_on_its_own_has_no_neighbours(host: Host) -> None:
    assert host.kernel.neighbours(host.nic) == ((), ())


def test_an_interface_without_a_program(host: Host) -> None:
    assert host.kernel.attached(host.kernel.interface(host.nic).ifindex) is None


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_what_is_attached_can_be_read_back(host: Host, mode: str) -> None:
    config = Config((5060, 5080), False)
    ifindex = host.kernel.interface(host.nic).ifindex
    with host.kernel.load(host.version1, config, {}) as loaded:
        host.kernel.attach(ifindex, mode, loaded.fd, NOTHING)
        found = host.kernel.attached(ifindex)
        assert found is not None
        assert (found.mode, found.prog_id, found.tag, found.name, found.ours) == (mode, loaded.prog_id, loaded.tag, "sip_logic", True)
        assert found.maps.keys() == {*MAPS, ".rodata"}
        assert Config.unpack(host.kernel.read_first(found.maps[".rodata"])) == config
        assert 0 <= found.uptime < 60
        host.kernel.attach(ifindex, mode, NOTHING, loaded.fd)
    assert host.kernel.attached(ifindex) is None


def test_two_versions_have_two_tags_and_one_version_has_one(host: Host) -> None:
    with host.kernel.load(host.version1, Config(), {}) as one, host.kernel.load(host.version1, Config((1,)), {}) as same:
        with host.kernel.load(host.version2, Config(), {}) as other:
            assert one.tag == same.tag != other.tag
            assert len({one.prog_id, same.prog_id, other.prog_id}) == 3


def test_native_is_refused_by_a_bridge_and_generic_is_not(host: Host) -> None:
    ifindex = host.kernel.interface(host.bridge).ifindex
    with host.kernel.load(host.version1, Config(), {}) as loaded:
        assert refusal(host, host.bridge, "native", loaded.fd, NOTHING) == NO_NATIVE
        assert host.kernel.attached(ifindex) is None
        host.kernel.attach(ifindex, "generic", loaded.fd, NOTHING)
        assert host.kernel.attached(ifindex).mode == "generic"
        host.kernel.attach(ifindex, "generic", NOTHING, loaded.fd)


def test_offload_is_refused_by_what_is_no_smart_nic(host: Host) -> None:
    with host.kernel.load(host.version1, Config(), {}) as loaded:
        assert refusal(host, host.nic, "offload", loaded.fd, NOTHING) == NO_OFFLOAD


def test_a_program_is_replaced_only_in_place_of_the_expected_one(host: Host) -> None:
    with attached(host, "native") as first, host.kernel.load(host.version2, Config(), {}) as second:
        wrong = (errno.EEXIST, "Active program does not match expected")
        assert refusal(host, host.nic, "native", second.fd, NOTHING) == wrong
        assert refusal(host, host.nic, "native", second.fd, second.fd) == wrong
        assert refusal(host, host.nic, "native", NOTHING, second.fd) == wrong
        ifindex = host.kernel.interface(host.nic).ifindex
        host.kernel.attach(ifindex, "native", second.fd, first)
        assert host.kernel.attached(ifindex).prog_id == second.prog_id


@pytest.mark.parametrize(("there", "asked"), [("native", "generic"), ("generic", "native")])
def test_two_modes_at_once_are_refused(host: Host, there: str, asked: str) -> None:
    with attached(host, there), host.kernel.load(host.version2, Config(), {}) as second:
        assert refusal(host, host.nic, asked, second.fd, NOTHING) == (
            errno.EEXIST,
            "Native and generic XDP can't be active at the same time",
        )


def test_a_program_works_on_the_maps_it_is_given(host: Host) -> None:
    with host.kernel.new_map(MAPS["xdp_settings"]) as settings:
        settings.update(bytes(4), b"a" * 24)
        with attached(host, "native", {"xdp_settings": settings.fd}):
            used = map_in_use(host, "xdp_settings")
            assert used == settings.info.id
            assert host.kernel.read_first(used) == b"a" * 24


def test_a_map_of_another_size_is_taken_so_that_shapes_have_to_be_compared_before(host: Host) -> None:
    smaller = MAPS["hosts_v4"]._replace(max_entries=2)
    with host.kernel.new_map(smaller) as table, attached(host, "native", {"hosts_v4": table.fd}):
        with host.kernel.map_by_id(map_in_use(host, "hosts_v4")) as used:
            assert used.shape == smaller


@pytest.mark.parametrize("text", [None, "no ELF file"])
def test_what_is_no_object_is_refused(host: Host, text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    if text is not None:
        path.write_text(text)
    if isinstance(host.kernel, FakeKernel) and text:
        path.write_text("refused")
    with pytest.raises(FastpathError, match=str(path)), host.kernel.load(str(path), Config(), {}):
        pass


@pytest.mark.parametrize(("name", "code"), [("hosts_v4", errno.E2BIG), ("prefixes_v4", errno.ENOSPC)])
def test_a_full_table_says_so(host: Host, name: str, code: int) -> None:
    shape = MAPS[name]._replace(max_entries=2)
    prefix = b"\x20\0\0\0" if shape.key_size == 8 else b""
    with host.kernel.new_map(shape) as table:
        table.update_many([prefix + bytes([10, 0, 0, number]) for number in range(2)], [ENTRY] * 2)
        with pytest.raises(OSError) as full:
            table.update_many([prefix + bytes([10, 0, 0, 9])], [ENTRY])
        assert full.value.errno == code
        table.update(prefix + bytes([10, 0, 0, 1]), ENTRY)  # what is there can be changed
        assert len(list(table.items())) == 2


def test_entries_come_and_go(host: Host) -> None:
    one, two = b"\x0a\0\0\1", b"\x0a\0\0\2"
    with host.kernel.new_map(MAPS["hosts_v4"]) as table:
        table.update_many([one, two], [ENTRY, ENTRY])
        assert dict(table.items()) == {one: ENTRY, two: ENTRY}
        assert table.heads(8) == {one: ENTRY[:8], two: ENTRY[:8]}
        table.delete_many([b"\x0a\0\0\3", two])
        assert (table.lookup(one), table.lookup(two)) == (ENTRY, None)
        assert (table.delete(one), table.delete(one)) == (True, False)
        assert list(table.items()) == []


def test_an_array_is_full_of_zeros_and_stays_as_long_as_it_is(host: Host) -> None:
    with host.kernel.new_map(MAPS["xdp_settings"]) as settings:
        assert settings.lookup(bytes(4)) == bytes(24)
        with pytest.raises(OSError, match="Invalid argument"):
            settings.delete(bytes(4))


def test_a_map_that_nobody_holds_is_gone(host: Host) -> None:
    with host.kernel.new_map(MAPS["xdp_settings"]) as opened:
        map_id = opened.info.id
    for _attempt in range(100):  # the real kernel frees a map a moment later
        try:
            with host.kernel.map_by_id(map_id):
                pass
        except OSError as error:
            assert error.errno == errno.ENOENT
            return
    pytest.fail("the map is still there")


def test_the_maps_of_a_host_are_made_once(host: Host) -> None:
    kernel = host.kernel
    assert [kernel.host_map(shape.name) for shape in HOST_MAPS] == [None] * 5
    assert not kernel.is_pinned()
    kernel.require_host_maps()
    assert kernel.is_pinned()
    assert kernel.pinned().keys() == {shape.name for shape in HOST_MAPS}
    with kernel.host_map("hosts_v4") as first:
        kernel.require_host_maps()
        with kernel.host_map("hosts_v4") as again:
            assert (again.info.id, again.shape) == (first.info.id, MAPS["hosts_v4"])


def test_programs_can_be_waited_for(host: Host) -> None:
    host.kernel.wait_for_programs()


def test_a_pin_keeps_a_map_and_gives_way_to_the_next(host: Host) -> None:
    kernel, ifindex = host.kernel, host.kernel.interface(host.nic).ifindex
    assert kernel.interface_map(ifindex, "xdp_settings") is None
    ids = []
    for _version in range(2):
        with kernel.new_map(MAPS["xdp_settings"]) as opened:
            kernel.pin(ifindex, {"xdp_settings": opened})
            kernel.pin(ifindex, {"xdp_settings": opened})
        with kernel.interface_map(ifindex, "xdp_settings") as pinned:
            ids.append(pinned.info.id)
    assert ids[0] != ids[1]
    assert kernel.is_pinned(ifindex)
    assert not kernel.is_left_over(ifindex)
    assert (kernel.pinned(ifindex), kernel.pinned()) == ({"xdp_settings": ids[1]}, {})
    assert kernel.pinned_interfaces() == [ifindex]
    with kernel.new_map(MAPS["xdp_counters"]) as opened:
        kernel.pin(ifindex, {"xdp_counters": opened})
        assert kernel.pinned(ifindex) == {"xdp_counters": opened.info.id}


def test_forgetting_an_interface_keeps_the_lists_and_forgetting_all_does_not(host: Host) -> None:
    kernel, ifindex = host.kernel, host.kernel.interface(host.nic).ifindex
    kernel.require_host_maps()
    with kernel.new_map(MAPS["xdp_settings"]) as opened:
        kernel.pin(ifindex, {"xdp_settings": opened})
    kernel.forget(ifindex)
    assert (kernel.is_pinned(ifindex), kernel.is_pinned()) == (False, True)
    assert kernel.interface_map(ifindex, "xdp_settings") is None
    kernel.forget()
    assert not kernel.is_pinned()
    assert kernel.host_map("hosts_v4") is None
    kernel.forget()  # nothing is there: nothing to do


def test_interfaces_have_names_numbers_and_counters(host: Host) -> None:
    assert {host.nic, host.bridge, "lo"} <= set(host.kernel.interfaces())
    numbers = {host.kernel.interface(name).ifindex for name in (host.nic, host.bridge)}
    assert len(numbers) == 2
    assert {"rx_packets", "tx_bytes"} <= host.kernel.statistics(host.nic).keys()
    with pytest.raises(FastpathError, match="nosuch: there is no such interface. This host has: .*lo"):
        host.kernel.interface("nosuch")


def test_a_program_that_is_gone_can_not_be_opened(host: Host) -> None:
    with pytest.raises(OSError, match="No such file"), host.kernel.opened(999999):
        pass


def test_numbers_are_added_to_what_was_counted(host: Host) -> None:
    key, other = struct.pack("=I", 3), struct.pack("=I", 4)
    with host.kernel.new_map(MAPS["xdp_counters"]) as counters:
        for _time in range(2):
            host.kernel.add(counters, (0,), [(key, (1 << 40,)), (other, (7,))])
        sums = {key: sum(struct.unpack("=%dQ" % (len(value) // 8), value)) for key, value in counters.items()}
        assert (sums[key], sums[other], sum(sums.values())) == (2 << 40, 14, (2 << 40) + 14)
    with host.kernel.new_map(MAPS["prefixes_v6"]) as table:
        network = struct.pack("=I", 32) + bytes(range(16))
        table.update(network, LIST_ENTRY.pack(1, 32, 0, 0, 5, 9))
        host.kernel.add(table, (3, 4), [(network, (2, (1 << 64) - 1))])
        assert table.lookup(network) == LIST_ENTRY.pack(1, 32, 0, 0, 7, 8)


def test_lists_that_were_unpinned_are_found_in_the_program_that_goes_by_them(host: Host) -> None:
    kernel, ifindex = host.kernel, host.kernel.interface(host.nic).ifindex
    kernel.require_host_maps()
    before = kernel.pinned()
    with contextlib.ExitStack() as stack:
        reuse = {name: stack.enter_context(kernel.host_map(name)).fd for name in before}
        loaded = stack.enter_context(kernel.load(host.version1, Config(), reuse))
        kernel.attach(ifindex, "native", loaded.fd, NOTHING)
    kernel.forget()
    assert kernel.pinned() == {}
    with kernel.host_map("hosts_v6") as found:
        assert found.info.id == before["hosts_v6"]
    kernel.require_host_maps()
    assert kernel.pinned() == before
    with kernel.opened(kernel.attached(ifindex).prog_id) as there:
        kernel.attach(ifindex, "native", NOTHING, there)


# What is read and zeroed at once, and what a XSKMAP has.

COUNTED = ("xdp_counters", "xdp_stats", "top_sources")


def values_of(host: Host, maps: dict[str, int]) -> dict[str, set[int]]:
    """The bytes that there are in these maps."""
    found = {}
    for name, map_id in maps.items():
        with host.kernel.map_by_id(map_id) as opened:
            found[name] = {byte for _key, value in opened.items() for byte in value}
    return found


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """What is opened in a test is closed at its end."""
    with contextlib.ExitStack() as opened:
        yield opened


def test_what_is_taken_is_zeroed_and_was_there(host: Host, stack: contextlib.ExitStack) -> None:
    maps = {}
    for name in COUNTED:
        opened = stack.enter_context(host.kernel.new_map(MAPS[name]))
        maps[name] = opened.info.id
        for slot in range(5 if name == "xdp_counters" else 1):
            size = len(opened.lookup(bytes(4)))
            opened.update(slot.to_bytes(4, "little"), bytes([slot + 1, *bytes(7)]) * (size // 8))
    with host.kernel.map_by_id(maps["xdp_counters"]) as counters:
        cpus = len(counters.lookup(bytes(4))) // 8

    with host.kernel.taking(*maps.values()) as take:
        assert values_of(host, maps)["xdp_counters"] == set(range(6)), "nothing is done yet"
        assert take() == [cpus * number for number in (1, 2, 3, 4, 5, *[1] * 144)]
        assert values_of(host, maps) == {name: {0} for name in COUNTED}
        assert take() == [0] * 149


def test_every_cpu_of_this_host_can_be_reached(host: Host) -> None:
    before = os.sched_getaffinity(0)
    assert host.kernel.unreachable_cpus() == []
    assert os.sched_getaffinity(0) == before


def test_a_map_of_sockets_that_has_none(host: Host) -> None:
    with host.kernel.new_map(MAPS["xsks_map"]) as opened:
        assert host.kernel.sockets(opened.info.id, 256) == {}


def test_an_interface_has_receive_queues(host: Host) -> None:
    assert host.kernel.receive_queues(host.nic) == 1


def test_pins_that_were_left_behind_follow_the_program(host: Host) -> None:
    kernel, ifindex = host.kernel, host.kernel.interface(host.nic).ifindex
    kernel.require_host_maps()
    before = kernel.pinned()
    with contextlib.ExitStack() as stack:
        opened = {name: stack.enter_context(kernel.host_map(name)) for name in before}
        loaded = stack.enter_context(kernel.load(host.version1, Config(), {name: each.fd for name, each in opened.items()}))
        kernel.attach(ifindex, "native", loaded.fd, NOTHING)
        opened["hosts_v4"] = stack.enter_context(kernel.new_map(MAPS["hosts_v4"]))
        kernel.pin(None, opened)
    assert kernel.pinned() != before
    kernel.require_host_maps()
    assert kernel.pinned() == before
    with kernel.opened(kernel.attached(ifindex).prog_id) as there:
        kernel.attach(ifindex, "native", NOTHING, there)
