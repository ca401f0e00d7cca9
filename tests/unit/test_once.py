# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that are run once, on the real kernel: sockets in a XSKMAP, and CPUs that can't be reached."""

from __future__ import annotations

import contextlib
import os
import struct

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _once
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._maps import Map, possible_cpus
from ansible_collections.vos.fastpath.plugins.module_utils._once import sockets, taking, unreachable_cpus
from ansible_collections.vos.fastpath.plugins.module_utils._xsk import XdpSocket


def test_each_socket_is_found_with_the_queue_that_it_is_bound_to(veth: str) -> None:
    ifindex = Kernel().interface(veth).ifindex
    with Map(create_map(MAPS["xsks_map"])) as xsks, XdpSocket(ifindex, 0) as bound:
        for number in (0, 3):
            xsks.update(struct.pack("=I", number), struct.pack("=I", bound.fileno()))
        assert sockets(xsks.info.id, 256) == {0: 0, 3: 0}
        assert sockets(xsks.info.id, 2) == {0: 0}
        assert sockets(xsks.info.id, 0) == {}


def test_a_socket_that_is_closed_is_not_found(veth: str) -> None:
    with Map(create_map(MAPS["xsks_map"])) as xsks:
        with XdpSocket(Kernel().interface(veth).ifindex, 0) as bound:
            xsks.update(bytes(4), struct.pack("=I", bound.fileno()))
        assert sockets(xsks.info.id, 1) == {}


@pytest.fixture
def last_cpu_is_offline(real_host: None, monkeypatch: pytest.MonkeyPatch) -> int:
    """The kernel refuses to run anything there, as where a CPU is offline or outside of the cpuset."""
    last = possible_cpus()[-1]
    enter = os.sched_setaffinity

    def refuse(pid: int, cpus: set[int]) -> None:
        if cpus == {last}:
            raise OSError(22, "Invalid argument")
        enter(pid, cpus)

    monkeypatch.setattr(_once.os, "sched_setaffinity", refuse)
    return last


def test_a_cpu_that_is_offline_can_not_be_reached(last_cpu_is_offline: int) -> None:
    assert unreachable_cpus() == [last_cpu_is_offline]


def test_what_a_cpu_counted_that_is_offline_stays(last_cpu_is_offline: int) -> None:
    with Map(create_map(MAPS["xdp_counters"])) as counters, Map(create_map(MAPS["xdp_stats"])) as stats, Map(create_map(MAPS["top_sources"])) as top:
        counters.update(bytes(4), struct.pack("=Q", 7) * len(possible_cpus()))
        with taking(counters.info.id, stats.info.id, top.info.id) as take:
            assert take()[0] == 7 * last_cpu_is_offline
        assert counters.lookup(bytes(4)) == bytes(8 * last_cpu_is_offline) + struct.pack("=Q", 7)


def test_maps_of_another_shape_are_refused_and_left_alone(real_host: None) -> None:
    short = MAPS["xdp_counters"]._replace(max_entries=1)
    with Map(create_map(short)) as counters, Map(create_map(MAPS["xdp_stats"])) as stats, Map(create_map(MAPS["top_sources"])) as top:
        counters.update(bytes(4), struct.pack("=Q", 7) * len(possible_cpus()))
        with pytest.raises(FastpathError, match="xdp_counters: it was made by another version.* Nothing was changed"):
            with taking(counters.info.id, stats.info.id, top.info.id):
                pass
        assert counters.lookup(bytes(4)) == struct.pack("=Q", 7) * len(possible_cpus())


def test_a_kernel_that_knows_no_exchange_is_named(real_host: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_once, "_XCHG", 0xEE)  # an instruction that no kernel knows, as 5.10 knows none of these
    with contextlib.ExitStack() as stack:
        maps = [stack.enter_context(Map(create_map(MAPS[name]))) for name in ("xdp_counters", "xdp_stats", "top_sources")]
        with pytest.raises(FastpathError, match=r"reset: the kernel refuses .*\(EINVAL\)\. Zeroing needs kernel 5\.12"):
            stack.enter_context(taking(*(each.info.id for each in maps)))
