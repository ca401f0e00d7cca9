# SPDX-License-Identifier: GPL-3.0-or-later

"""What the filters of a host counted."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import METHODS, REASONS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.plugins.module_utils._stats_task import stats_task
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import CPUS, FakeKernel

ZEROS = dict.fromkeys(("options_dropped", "redirected", "passed", "blocked", "malformed"), 0)


def facts(kernel: FakeKernel, *names: str) -> dict[str, Any]:
    kernel.writes.clear()
    result = stats_task({"interfaces": list(names) or None, "query": None}, False, kernel)
    assert (result["changed"], kernel.writes) == (False, []), "it only reads"
    assert result.keys() == {"changed", "ansible_facts"}
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
    assert facts(kernel) == {"interfaces": {}, "counters": ZEROS, "lists": {"allow": 0, "block": 0}}


def test_an_interface_by_name_is_told_of_even_without_a_program(kernel: FakeKernel) -> None:
    found = facts(kernel, "eth0")["interfaces"]["eth0"]
    assert found == {
        "attached": False, "ifindex": 2, "driver": "virtio_net", "mode": None, "prog_id": None, "tag": None, "uptime": None,
        "statistics": kernel.statistics("eth0"), "counters": {},
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


def test_the_sizes_of_the_lists(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("192.0.2.7", "2001:db8::/32")
    assert facts(kernel)["lists"] == {"allow": 1, "block": 2}


def test_an_interface_that_does_not_exist(kernel: FakeKernel) -> None:
    with pytest.raises(FastpathError, match="eth9: there is no such interface. This host has: br0, eth0, lo"):
        facts(kernel, "eth9")
