# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters of a host counted."""

from __future__ import annotations

import datetime
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import GATE, METHOD_SLOTS, METHODS, REASONS, STATS_NUMBERS, TOP_SOURCE
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_of
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.fake_maps import CPUS

ZEROS = dict.fromkeys(("options_dropped", "redirected", "passed", "blocked", "malformed"), 0)


def facts(kernel: FakeKernel, *names: str, **given: Any) -> dict[str, Any]:
    kernel.writes.clear()
    result = stats_task(parameters("xdp_stats", interfaces=list(names) or None, **given), False, kernel)
    assert (result["changed"], kernel.writes) == (False, []), "it only reads"
    assert result.keys() == {"changed", "ansible_facts", "warnings"}
    return result["ansible_facts"]["vos_fastpath"]


@pytest.fixture
def protected(kernel: FakeKernel, filter_object: Path) -> FakeKernel:
    wanted = Wanted(str(filter_object), config=Config((5060, 5080)), settings=Settings(audit=True), allow_empty_allowlist=True)
    attach(kernel, ["eth0", "br0"], wanted, check=False)
    return kernel


def count(kernel: FakeKernel, ifindex: int, slot: int, *per_cpu: int) -> None:
    """Have the program count on each CPU."""
    table = kernel.tables[kernel.attached(ifindex).maps["xdp_counters"]]
    table.values[slot.to_bytes(4, "little")] = struct.pack("=%dQ" % CPUS, *per_cpu)


def test_a_host_without_a_program(kernel: FakeKernel) -> None:
    found = facts(kernel)
    assert (found["interfaces"], found["counters"], found["lists"]) == ({}, ZEROS, {"allow": 0, "block": 0})
    assert (found["interval"], found["rates"], found["top_sources"]) == (0, None, [])
    assert {number for key in ("reasons", "would_drop") for both in found[key].values() for number in both.values()} == {0}


def test_an_interface_by_name_is_told_of_even_without_a_program(kernel: FakeKernel) -> None:
    found = facts(kernel, "eth0")["interfaces"]["eth0"]
    assert found == {
        "attached": False, "ifindex": 2, "driver": "virtio_net", "carries": ["eth0"], "mode": None, "prog_id": None, "tag": None, "uptime": None,
        "statistics": kernel.statistics("eth0"), "counters": {}, "rates": None, "top_sources": [],
    }  # fmt: skip


def test_the_program_of_somebody_else_has_no_counters_for_us(kernel: FakeKernel) -> None:
    prog_id = kernel.run_foreign("eth0", "native")
    found = facts(kernel)
    assert list(found["interfaces"]) == ["eth0"]
    assert (found["interfaces"]["eth0"]["attached"], found["interfaces"]["eth0"]["prog_id"]) == (False, prog_id)
    assert (found["interfaces"]["eth0"]["counters"], found["counters"]) == ({}, ZEROS)


def test_the_counters_are_summed_over_cpus_and_interfaces(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    count(protected, 2, 4, 0, 1)
    count(protected, 3, 0, 100, 0)
    found = facts(protected)
    assert found["interfaces"]["eth0"]["counters"] == {**ZEROS, "options_dropped": 15, "malformed": 1}
    assert found["interfaces"]["br0"]["counters"] == {**ZEROS, "options_dropped": 100}
    assert found["counters"] == {**ZEROS, "options_dropped": 115, "malformed": 1}
    assert found["interfaces"]["eth0"]["counters_map_id"] == protected.attached(2).maps["xdp_counters"]


def test_only_the_interfaces_asked_for(protected: FakeKernel) -> None:
    count(protected, 2, 0, 1, 1)
    count(protected, 3, 0, 100, 0)
    found = facts(protected, "eth0")
    assert list(found["interfaces"]) == ["eth0"]
    assert found["counters"]["options_dropped"] == 2


def test_a_name_above_the_filter_stands_for_what_carries_it(protected: FakeKernel) -> None:
    protected.add_nic("eth0.100", 20)
    protected.stack("eth0.100", "eth0")
    count(protected, 2, 0, 1, 1)
    assert facts(protected, "eth0.100")["counters"]["options_dropped"] == 2
    both = facts(protected, "eth0.100", "eth0", "br0", "eth0.100")["interfaces"]
    assert {name: found["carries"] for name, found in both.items()} == {"eth0": ["eth0.100", "eth0"], "br0": ["br0"]}


def test_where_nothing_below_carries_one_either_a_name_stands_for_itself(kernel: FakeKernel) -> None:
    kernel.change("br0", kind="bridge")
    kernel.stack("br0", "eth0")
    found = facts(kernel, "br0")["interfaces"]
    assert {name: (each["attached"], each["carries"]) for name, each in found.items()} == {"br0": (False, ["br0"])}


def test_reasons_and_methods_are_told_by_name(protected: FakeKernel) -> None:
    numbers = list(range(1000, 1000 + 16 + 4 * 32))  # struct sip_stats of one CPU
    stats = struct.pack("=%dQ" % len(numbers), *numbers) + struct.pack("=%dQ" % len(numbers), *[1] * len(numbers))
    protected.tables[protected.attached(2).maps["xdp_stats"]].values[bytes(4)] = stats

    found = facts(protected)["interfaces"]["eth0"]

    stealth = next(i for i, reason in enumerate(REASONS) if reason.name == "stealth")
    assert found["reasons"]["stealth"] == {"packets": 1000 + 2 * stealth + 1, "bytes": 1000 + 2 * stealth + 1 + 1}
    assert found["reasons"].keys() == {reason.name for reason in REASONS if reason.counter}
    assert found["would_drop"]["stealth"] == {"packets": 1064 + 2 * stealth + 1, "bytes": 1064 + 2 * stealth + 1 + 1}
    assert found["would_drop"].keys() == {reason.name for reason in REASONS if reason.verdict == "drop"}
    assert found["methods"] == {name: 1128 + i + 1 for i, name in enumerate(METHODS)}


def test_the_settings_are_beside_the_counters(protected: FakeKernel) -> None:
    found = facts(protected)["interfaces"]["eth0"]
    program = protected.attached(2)
    assert (found["attached"], found["mode"], found["prog_id"], found["tag"], found["uptime"]) == (
        True, "native", program.prog_id, program.tag, program.uptime
    )  # fmt: skip
    shown = {key: found[key] for key in ("ports", "af_xdp", "stealth", "malformed", "audit", "rate_limit", "rate_burst")}
    assert shown == {**Config((5060, 5080))._asdict(), **Settings(audit=True)._asdict()}


def test_settings_that_nobody_can_have_chosen_are_an_error_with_the_way_out(protected: FakeKernel) -> None:
    protected.tables[protected.attached(2).maps["xdp_settings"]].values[bytes(4)] = b"\xff" * 24
    with pytest.raises(FastpathError, match=r"^xdp_settings: nothing that can be chosen is f{48}, .* Set them anew with vos.fastpath.xdp_attach$"):
        facts(protected)


def test_the_sizes_of_the_lists(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("192.0.2.7", "2001:db8::/32")
    found = facts(kernel)
    assert found["lists"] == {"allow": 1, "block": 2}
    assert found["tables"]["hosts_v4"] == {"entries": 1, "capacity": 1 << 20, "fill": 0}
    assert {name: table["entries"] for name, table in found["tables"].items()} == {
        "hosts_v4": 1, "hosts_v6": 0, "prefixes_v4": 0, "prefixes_v6": 1
    }  # fmt: skip


def test_how_full_a_table_is(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7")
    kernel.tables[kernel.pins["list_gate"]].values[bytes(4)] = GATE.pack(1 << 18, 0, 0, 0, 0, 1 << 18)
    assert facts(kernel)["tables"]["hosts_v4"] == {"entries": 1 << 18, "capacity": 1 << 20, "fill": 0.25}


def test_an_interface_that_does_not_exist(kernel: FakeKernel) -> None:
    with pytest.raises(FastpathError, match="eth9: there is no such interface. This host has: br0, eth0, lo"):
        facts(kernel, "eth9")


# Rates.


def measured(kernel: FakeKernel, during: Callable[[], object], seconds: float = 2.0) -> dict[str, Any]:
    """The facts of two readings with something in between."""
    moments = iter((100.0, 100.0 + seconds))

    def sleep(asked: float) -> None:
        assert asked == 1.5
        during()

    with mock.patch.object(time, "sleep", sleep):
        result = stats_task(parameters("xdp_stats", interval=1.5), False, kernel, lambda: next(moments))
    return result["ansible_facts"]["vos_fastpath"]


def test_rates_are_what_came_in_the_time_that_it_took(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    count(protected, 3, 2, 7, 0)

    def flood() -> None:
        count(protected, 2, 0, 13, 8)
        count(protected, 3, 2, 7, 5)
        protected.nics["eth0"].received += 9

    found = measured(protected, flood)

    assert found["interval"] == 2.0
    assert found["rates"]["counters"] == {**ZEROS, "options_dropped": 3.0, "passed": 2.5}
    eth0, br0 = (found["interfaces"][name] for name in ("eth0", "br0"))
    assert eth0["rates"]["counters"] == {**ZEROS, "options_dropped": 3.0}
    assert eth0["rates"]["statistics"] == {"rx_packets": 4.5, "rx_bytes": 4.5, "rx_dropped": 4.5}
    assert eth0["rates"].keys() == {"counters", "reasons", "would_drop", "methods", "statistics"}
    assert (br0["rates"]["counters"]["passed"], br0["rates"]["statistics"]["rx_packets"]) == (2.5, 0)
    assert eth0["counters"]["options_dropped"] == 21, "the facts are those of the end"


def test_counters_that_went_back_were_begun_anew(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    count(protected, 2, 2, 50, 0)

    def reset() -> None:
        count(protected, 2, 0, 3, 3)
        count(protected, 2, 2, 60, 0)

    assert measured(protected, reset)["rates"]["counters"] == {**ZEROS, "options_dropped": 3.0, "passed": 30.0}


def test_a_filter_that_came_in_between_has_no_rates_yet(protected: FakeKernel, filter_object: Path) -> None:
    protected.add_nic("eth1", 9)

    def come() -> None:
        attach(protected, ["eth1"], Wanted(str(filter_object), allow_empty_allowlist=True), check=False)

    found = measured(protected, come)
    assert found["interfaces"]["eth1"]["rates"] is None
    assert found["interfaces"]["eth0"]["rates"] is not None


def test_a_filter_that_went_in_between_has_no_rates(protected: FakeKernel) -> None:
    found = measured(protected, lambda: protected.run_foreign("eth0", "native"))
    assert found["interfaces"]["eth0"]["rates"] is None
    assert found["rates"]["counters"] == ZEROS


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"interval": -1.0}, "interval: -1.0: it has to be 0 to 3600 seconds"),
        ({"interval": 3601.0}, "interval: 3601.0: it has to be 0 to 3600 seconds"),
        ({"interval": float("nan")}, "interval: nan: it has to be 0 to 3600 seconds"),
        ({"top": -1}, "top: -1: it has to be a number of sources"),
    ],
)
def test_numbers_that_mean_nothing(kernel: FakeKernel, given: dict[str, Any], words: str) -> None:
    with pytest.raises(FastpathError, match=words):
        facts(kernel, **given)


# Sources.


def drop(kernel: FakeKernel, ifindex: int, slot: int, *per_cpu: tuple[str, int, float, str]) -> None:
    """Have the program note sources: address, drops, seconds ago, reason."""
    value = b""
    for address, packets, ago, reason in per_cpu:
        raw = socket.inet_pton(socket.AF_INET6, address if ":" in address else "::ffff:" + address)
        tick = ticks_of(time.clock_gettime(time.CLOCK_MONOTONIC) - ago)
        value += TOP_SOURCE.pack(raw, packets, tick, NUMBERS.get(reason, 31), 0)
    table = kernel.tables[kernel.attached(ifindex).maps["top_sources"]]
    table.values[slot.to_bytes(4, "little")] = value.ljust(TOP_SOURCE.size * CPUS, b"\0")


NUMBERS = {reason.name: index for index, reason in enumerate(REASONS)}


def short(sources: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(source["address"], source["packets"], source["reason"]) for source in sources]


def test_the_sources_that_are_dropped_most_come_first(protected: FakeKernel) -> None:
    drop(protected, 2, 0, ("198.18.0.2", 7, 100, "stealth"), ("198.18.0.2", 5, 10, "rate_limit"))
    drop(protected, 2, 1, ("2001:db8::4", 30, 50, "blocklist"))
    drop(protected, 3, 0, ("198.18.0.2", 100, 1000, "stealth"), ("192.0.2.1", 1, 1, "stealth"))
    found = facts(protected)
    assert short(found["interfaces"]["eth0"]["top_sources"]) == [("2001:db8::4", 30, "blocklist"), ("198.18.0.2", 12, "rate_limit")]
    assert short(found["interfaces"]["br0"]["top_sources"]) == [("198.18.0.2", 100, "stealth"), ("192.0.2.1", 1, "stealth")]
    assert short(found["top_sources"]) == [("198.18.0.2", 112, "rate_limit"), ("2001:db8::4", 30, "blocklist"), ("192.0.2.1", 1, "stealth")]


def test_no_more_sources_than_asked_for(protected: FakeKernel) -> None:
    for number in range(12):
        drop(protected, 2, number, (f"198.18.0.{number}", 100 - number, 1, "stealth"))
    assert [source["packets"] for source in facts(protected)["top_sources"]] == list(range(100, 90, -1))
    assert short(facts(protected, top=1)["interfaces"]["eth0"]["top_sources"]) == [("198.18.0.0", 100, "stealth")]
    assert facts(protected, top=0)["top_sources"] == []


def test_when_a_source_was_seen(protected: FakeKernel) -> None:
    drop(protected, 2, 0, ("198.18.0.2", 7, 3600, "stealth"))
    (source,) = facts(protected)["top_sources"]
    assert source["seconds_ago"] == pytest.approx(3600, abs=5)
    seen = datetime.datetime.fromisoformat(source["last_seen"])
    assert (datetime.datetime.now(datetime.timezone.utc) - seen).total_seconds() == pytest.approx(3600, abs=5)


def test_a_slot_that_is_free_or_outnumbered_names_nobody(protected: FakeKernel) -> None:
    drop(protected, 2, 0, ("::", 7, 1, "stealth"), ("198.18.0.2", 0, 1, "stealth"))
    assert facts(protected)["top_sources"] == []


def test_a_reason_of_a_later_version_has_a_number(protected: FakeKernel) -> None:
    drop(protected, 2, 0, ("198.18.0.2", 1, 1, "new"))
    assert facts(protected)["top_sources"][0]["reason"] == "31"


# A filter of an older version, before it is upgraded.


def number(kernel: FakeKernel, ifindex: int, name: str) -> int:
    """The number of a map that a program goes by."""
    return kernel.attached(ifindex).maps[name]


@pytest.mark.parametrize("name", ["top_sources", "xdp_stats", "xsks_map"])
def test_what_an_older_version_did_not_have_is_empty_and_the_rest_is_told(protected: FakeKernel, name: str) -> None:
    count(protected, 2, 0, 10, 5)
    drop(protected, 2, 0, ("198.18.0.2", 7, 1, "stealth"))
    del protected.codes[protected.attached(2).prog_id].maps[name]
    found = facts(protected)["interfaces"]["eth0"]
    assert found["counters"] == {**ZEROS, "options_dropped": 15}
    assert (found["top_sources"] == [], found["af_xdp_queues"]) == (name == "top_sources", [])
    assert set(found["methods"].values()) == {0}


def test_what_an_older_version_counted_is_told_and_what_it_did_not_count_is_0(protected: FakeKernel) -> None:
    count(protected, 2, 3, 10, 5)
    stats = protected.tables[number(protected, 2, "xdp_stats")]
    stats.values[bytes(4)] = struct.pack("=%dQ" % STATS_NUMBERS, *range(STATS_NUMBERS)) * CPUS
    drop(protected, 2, 0, ("198.18.0.2", 7, 1, "stealth"), ("198.18.0.3", 5, 1, "stealth"))
    before = facts(protected)["interfaces"]["eth0"]
    protected.outdate(number(protected, 2, "xdp_stats"), value_size=8 * (STATS_NUMBERS - METHOD_SLOTS))
    protected.outdate(number(protected, 2, "xdp_counters"), max_entries=4)
    protected.outdate(number(protected, 2, "top_sources"), value_size=32)
    found = facts(protected)["interfaces"]["eth0"]
    assert (found["counters"], found["reasons"]) == (before["counters"], before["reasons"])
    assert (before["methods"]["INVITE"] > 0, found["methods"]["INVITE"]) == (True, 0)
    assert [(each["address"], each["packets"]) for each in found["top_sources"]] == [("198.18.0.2", 7), ("198.18.0.3", 5)]


def test_a_program_by_our_name_without_a_configuration_is_to_be_upgraded(protected: FakeKernel) -> None:
    del protected.codes[protected.attached(2).prog_id].maps[".rodata"]
    with pytest.raises(FastpathError, match="The filter that is attached: it is of another version of this collection. Upgrade it"):
        facts(protected)


def test_what_an_older_version_counted_is_zeroed_when_it_is_upgraded(protected: FakeKernel) -> None:
    del protected.codes[protected.attached(2).prog_id].maps["top_sources"]
    count(protected, 2, 0, 10, 5)
    with pytest.raises(FastpathError) as error:
        reset(protected)
    words = "reset: eth0: the filter there is of another version, without top_sources. Upgrade it with vos.fastpath.xdp_attach. Nothing was changed"
    assert (str(error.value), protected.writes) == (words, [])


# AF_XDP.


def bind(kernel: FakeKernel, ifindex: int, bound: dict[int, int]) -> None:
    """Have sockets under these numbers, each bound to a queue."""
    table = kernel.tables[kernel.attached(ifindex).maps["xsks_map"]]
    table.values = {number.to_bytes(4, "little"): queue.to_bytes(4, "little") for number, queue in bound.items()}


def test_queues_with_a_socket(protected: FakeKernel) -> None:
    protected.nics["eth0"].queues = 4
    bind(protected, 2, {0: 0, 3: 3, 7: 7})
    found = facts(protected)["interfaces"]
    assert (found["eth0"]["af_xdp_queues"], found["eth0"]["af_xdp_misplaced"]) == ([0, 3], [])
    assert found["br0"]["af_xdp_queues"] == []


def test_a_socket_under_the_number_of_another_queue_is_warned_of(protected: FakeKernel) -> None:
    protected.nics["eth0"].queues = 2
    bind(protected, 2, {0: 1, 1: 1})
    result = stats_task(parameters("xdp_stats"), False, protected)
    found = result["ansible_facts"]["vos_fastpath"]["interfaces"]["eth0"]
    assert (found["af_xdp_queues"], found["af_xdp_misplaced"]) == ([1], [0])
    assert result["warnings"] == ["eth0: the packets of queue 0 are lost: xsks_map has a socket there that is bound to another queue"]


def test_a_filter_that_redirects_nothing_has_no_sockets(kernel: FakeKernel, filter_object: Path) -> None:
    attach(kernel, ["eth0"], Wanted(str(filter_object), config=Config(af_xdp=False), allow_empty_allowlist=True), check=False)
    bind(kernel, 2, {0: 0})
    assert facts(kernel)["interfaces"]["eth0"]["af_xdp_queues"] == []


# Beginning anew.


def reset(kernel: FakeKernel, *names: str, check: bool = False) -> dict[str, Any]:
    kernel.writes.clear()
    return stats_task(parameters("xdp_stats", interfaces=list(names) or None, reset=True), check, kernel)


def counters_of(result: dict[str, Any]) -> dict[str, int]:
    return result["ansible_facts"]["vos_fastpath"]["counters"]


def test_what_was_counted_is_returned_and_zeroed(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    count(protected, 3, 2, 7, 0)
    drop(protected, 2, 0, ("198.18.0.2", 15, 1, "stealth"))
    result = reset(protected)
    assert result["changed"] is True
    assert counters_of(result) == {**ZEROS, "options_dropped": 15, "passed": 7}
    assert short(result["ansible_facts"]["vos_fastpath"]["top_sources"]) == [("198.18.0.2", 15, "stealth")]
    assert result["diff"] == {
        "before": {"eth0": {**ZEROS, "options_dropped": 15}, "br0": {**ZEROS, "passed": 7}},
        "after": {"eth0": ZEROS, "br0": ZEROS},
    }
    found = facts(protected)
    assert (found["counters"], found["top_sources"]) == (ZEROS, [])


def test_a_second_time_there_is_nothing_to_zero(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    assert [reset(protected)["changed"] for _time in range(2)] == [True, False]


def test_sources_alone_are_something_to_forget(protected: FakeKernel) -> None:
    drop(protected, 2, 0, ("198.18.0.2", 15, 1, "stealth"))
    assert [reset(protected)["changed"] for _time in range(2)] == [True, False]


def test_in_check_mode_it_is_said_and_not_done(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    foretold = reset(protected, check=True)
    assert protected.writes == []
    done = reset(protected)
    assert [foretold[key] for key in ("changed", "diff")] == [done[key] for key in ("changed", "diff")]


def test_only_the_interfaces_that_are_named_are_zeroed(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    count(protected, 3, 0, 100, 0)
    assert counters_of(reset(protected, "eth0")) == {**ZEROS, "options_dropped": 15}
    assert facts(protected)["counters"] == {**ZEROS, "options_dropped": 100}


def test_what_came_after_the_reading_is_returned_too(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 5)
    unreachable = protected.unreachable_cpus

    def meanwhile() -> list[int]:
        count(protected, 2, 0, 11, 5)
        return unreachable()

    protected.unreachable_cpus = meanwhile
    assert counters_of(reset(protected)) == {**ZEROS, "options_dropped": 16}


def test_the_lists_are_not_zeroed(protected: FakeKernel) -> None:
    protected.block("192.0.2.7")
    reset(protected)
    assert facts(protected)["lists"]["block"] == 1


def test_without_a_filter_there_is_nothing_to_zero(kernel: FakeKernel) -> None:
    kernel.run_foreign("eth0", "native")
    result = reset(kernel)
    assert (result["changed"], result["diff"]) == (False, {"before": {}, "after": {}})


def test_a_cpu_that_is_offline_and_has_counted_is_said_before_anything_is_zeroed(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 0)
    count(protected, 3, 0, 10, 5)
    protected.offline = [1]
    with pytest.raises(FastpathError, match="reset: br0: CPU 1 has counted, and nothing can be run there now.* Nothing was changed"):
        reset(protected)
    assert facts(protected)["counters"] == {**ZEROS, "options_dropped": 25}


def test_a_cpu_that_is_offline_and_has_not_counted_is_nothing_to_speak_of(protected: FakeKernel) -> None:
    count(protected, 2, 0, 10, 0)
    protected.offline = [1]
    assert counters_of(reset(protected)) == {**ZEROS, "options_dropped": 10}
