# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of a host as Prometheus reads them."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _stats
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS, METHOD_SLOTS, METHODS, REASON_SLOTS, REASONS
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._metrics import FAMILIES, HostState, metrics
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.fake_maps import CPUS

STATE = HostState("1.2.3", {"eth0": "native"}, {"block": 2}, (), {"program": 3}, 1800000000.25)


@pytest.fixture
def protected(kernel: FakeKernel, filter_object: Path) -> FakeKernel:
    wanted = Wanted(str(filter_object), settings=Settings(audit=True), allow_empty_allowlist=True)
    attach(kernel, ["eth0"], wanted, check=False)
    return kernel


def facts(kernel: FakeKernel) -> dict[str, Any]:
    return _stats.facts(kernel, _stats.read(kernel, None), None, 0)


def samples(text: str) -> dict[str, str]:
    """Every line that is a sample: name with labels, and value."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def count(kernel: FakeKernel, slot: int, number: int) -> None:
    """Have the program count something on the second CPU: a number of struct sip_stats."""
    size = 4 * REASON_SLOTS + METHOD_SLOTS
    numbers = [0] * (size * CPUS)
    numbers[size + slot] = number
    kernel.tables[kernel.attached(2).maps["xdp_stats"]].values[bytes(4)] = struct.pack("=%dQ" % len(numbers), *numbers)


def test_a_drop_is_a_sample_with_its_reason(protected: FakeKernel) -> None:
    [stealth] = [number for number, reason in enumerate(REASONS) if reason.name == "stealth"]
    count(protected, 2 * stealth, 7)
    found = samples(metrics(facts(protected), STATE))
    assert found['vos_fastpath_packets_total{interface="eth0",reason="stealth",verdict="drop"}'] == "7"
    assert found['vos_fastpath_bytes_total{interface="eth0",reason="stealth",verdict="drop"}'] == "0"
    assert found['vos_fastpath_packets_total{interface="eth0",reason="request",verdict="pass"}'] == "0"


def test_what_audit_mode_would_drop_is_told_apart(protected: FakeKernel) -> None:
    [stealth] = [number for number, reason in enumerate(REASONS) if reason.name == "stealth"]
    count(protected, 2 * REASON_SLOTS + 2 * stealth + 1, 700)
    found = samples(metrics(facts(protected), STATE))
    assert found['vos_fastpath_would_drop_bytes_total{interface="eth0",reason="stealth"}'] == "700"
    assert found['vos_fastpath_would_drop_packets_total{interface="eth0",reason="stealth"}'] == "0"
    assert found['vos_fastpath_audit{interface="eth0"}'] == "1"


def test_every_reason_that_is_counted_and_every_method_is_there_from_the_start(protected: FakeKernel) -> None:
    """A counter that appears with its first packet has no rate for it."""
    count(protected, 4 * REASON_SLOTS + METHODS.index("OPTIONS"), 5)
    found = samples(metrics(facts(protected), STATE))
    counted = {reason.name for reason in REASONS if reason.counter}
    assert {name for line in found for name in re.findall('packets_total{.*reason="([a-z_]+)",verdict', line)} == counted
    assert {name for line in found for name in re.findall('requests_total{.*method="(.+)"', line)} == set(METHODS)
    assert found['vos_fastpath_requests_total{interface="eth0",method="OPTIONS"}'] == "5"


def test_an_interface_tells_what_it_has_and_what_is_wanted(protected: FakeKernel) -> None:
    tag = protected.attached(2).tag
    found = samples(metrics(facts(protected), STATE))
    labels = f'driver="virtio_net",mode="native",tag="{tag}",wanted_mode="native"'
    assert found['vos_fastpath_interface_info{interface="eth0",%s}' % labels] == "1"
    assert found['vos_fastpath_attached{interface="eth0"}'] == "1"


def test_an_interface_that_is_wanted_and_not_there_is_not_attached(protected: FakeKernel) -> None:
    found = samples(metrics(facts(protected), STATE._replace(wanted={"eth9": "auto"})))
    assert found['vos_fastpath_attached{interface="eth9"}'] == "0"
    assert found['vos_fastpath_interface_info{interface="eth9",driver="none",mode="none",tag="none",wanted_mode="auto"}'] == "1"
    assert not any("packets" in line and "eth9" in line for line in found)


def test_an_interface_is_as_wanted_or_not(protected: FakeKernel) -> None:
    wanted = {"eth0": "native", "br0": "auto"}
    found = samples(metrics(facts(protected), STATE._replace(wanted=wanted, different={"br0"})))
    assert found['vos_fastpath_as_wanted{interface="eth0"}'] == "1"
    assert found['vos_fastpath_as_wanted{interface="br0"}'] == "0"


def test_an_interface_with_the_program_of_somebody_else_is_not_ours(kernel: FakeKernel) -> None:
    kernel.run_foreign("eth0", "native")
    found = samples(metrics(facts(kernel), STATE))
    assert found['vos_fastpath_attached{interface="eth0"}'] == "0"
    assert not any("packets" in line for line in found)


def test_the_state_of_the_host(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7", "192.0.2.8", "198.51.100.0/24")
    found = samples(metrics(facts(kernel), STATE))
    assert found['vos_fastpath_build_info{version="1.2.3"}'] == "1"
    assert {kind: found['vos_fastpath_drift_repairs_total{kind="%s"}' % kind] for kind in ("list", "program", "settings")} == {
        "list": "0", "program": "3", "settings": "0"
    }  # fmt: skip
    assert found["vos_fastpath_last_verify_timestamp_seconds"] == "1800000000.25"
    assert found['vos_fastpath_list_entries{list="block"}'] == "3"
    assert found['vos_fastpath_list_local_entries{list="block"}'] == "2"
    assert found['vos_fastpath_list_local_entries{list="allow"}'] == "0"


def test_the_tables_tell_how_full_they_are(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7", "192.0.2.8", "198.51.100.0/24")
    found = samples(metrics(facts(kernel), STATE))
    assert found['vos_fastpath_list_table_entries{table="hosts_v4"}'] == "2"
    assert found['vos_fastpath_list_table_entries{table="prefixes_v6"}'] == "0"
    assert found['vos_fastpath_list_table_entries_max{table="hosts_v4"}'] == str(MAPS["hosts_v4"].max_entries)


def test_what_is_not_known_is_left_out(kernel: FakeKernel) -> None:
    text = metrics(facts(kernel), HostState("1.2.3"))
    assert "last_verify" not in text
    assert "packets" not in text
    assert "as_wanted" not in text


def test_every_metric_says_what_it_is_before_its_samples(protected: FakeKernel) -> None:
    lines = metrics(facts(protected), STATE).splitlines()
    for name, family in FAMILIES.items():
        at = lines.index("# HELP %s %s" % (name, family.help))
        assert lines[at + 1] == "# TYPE %s %s" % (name, family.kind)
        assert re.match(r"%s[ {]" % name, lines[at + 2])
        assert name.endswith("_total") == (family.kind == "counter")


def test_a_name_can_hold_any_character_that_linux_takes(protected: FakeKernel) -> None:
    found = metrics(facts(protected), STATE._replace(wanted={'a"b\\c\nd': "auto"}))
    assert 'vos_fastpath_attached{interface="a\\"b\\\\c\\nd"} 0' in found.splitlines()
