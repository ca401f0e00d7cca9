# SPDX-License-Identifier: GPL-3.0-or-later

"""A few entries, changed by their keys: on the fake kernel and on the real one."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._few import Few
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.list_tasks import gate_of


@pytest.fixture(params=["fake", "real"])
def host(request: pytest.FixtureRequest) -> Kernel:
    if request.param == "fake":
        fake: FakeKernel = request.getfixturevalue("kernel")
        return fake
    request.getfixturevalue("no_pins")
    return Kernel()


def put(host: Kernel, name: str, tick: int, *texts: str) -> None:
    with Few(host) as few:
        for text in texts:
            few.put(parse_prefix(text), name, tick)


def take(host: Kernel, name: str, *texts: str) -> None:
    with Few(host) as few:
        for text in texts:
            few.take(parse_prefix(text), name)


def decides(host: Kernel, text: str, tick: int = 50) -> str | None:
    with Few(host) as few:
        return few.decides(parse_prefix(text), tick)


def expires(host: Kernel, text: str, name: str) -> int | None:
    with Few(host) as few:
        return few.expires(parse_prefix(text), name)


def is_consistent(host: Kernel) -> bool:
    """Whether the gate says what the tables have."""
    return _lists.read_gate(host) == gate_of(_lists.read(host))


def test_the_first_entry_of_a_host_makes_the_lists(host: Kernel) -> None:
    assert host.host_map("list_gate") is None
    put(host, "block", 100, "192.0.2.7")
    assert (decides(host, "192.0.2.7"), decides(host, "192.0.2.8")) == ("block", None)
    assert is_consistent(host)
    assert _lists.sizes(_lists.read(host)) == {"allow": 0, "block": 1}


def test_an_entry_is_on_one_list_on_both_on_one_and_on_none(host: Kernel) -> None:
    seen = []
    for change in (
        lambda: put(host, "allow", 100, "2001:db8::7"),
        lambda: put(host, "block", 100, "2001:db8::7"),
        lambda: take(host, "allow", "2001:db8::7"),
        lambda: take(host, "block", "2001:db8::7"),
    ):
        change()
        seen.append(_lists.sizes(_lists.read(host)))
        assert is_consistent(host)
    assert seen == [{"allow": 1, "block": 0}, {"allow": 1, "block": 1}, {"allow": 0, "block": 1}, {"allow": 0, "block": 0}]
    assert decides(host, "2001:db8::7") is None


def test_an_entry_gets_another_time_and_stays_one(host: Kernel) -> None:
    put(host, "allow", 100, "192.0.2.7")
    put(host, "allow", 200, "192.0.2.7")
    assert expires(host, "192.0.2.7", "allow") == 200
    assert expires(host, "192.0.2.7", "block") is None
    assert _lists.sizes(_lists.read(host)) == {"allow": 1, "block": 0}
    assert is_consistent(host)


def test_what_the_program_counted_is_kept(host: Kernel) -> None:
    prefix = parse_prefix("192.0.2.7")
    put(host, "allow", 100, "192.0.2.7")
    opened = host.host_map("hosts_v4")
    assert opened is not None
    with opened:
        opened.update(prefix.key, LIST_ENTRY.pack(1, 32, 100, 0, 17, 99))
        put(host, "block", 300, "192.0.2.7")
        found = opened.lookup(prefix.key)
    assert found is not None
    assert LIST_ENTRY.unpack(found) == (3, 32, 100, 300, 17, 99)


def test_the_host_decides_before_the_network_and_the_longer_network_before_the_shorter(host: Kernel) -> None:
    put(host, "allow", 0, "192.0.2.0/24", "192.0.2.9")
    put(host, "block", 0, "192.0.2.0/28", "192.0.2.20")
    assert [decides(host, f"192.0.2.{number}") for number in (9, 8, 20, 21)] == ["allow", "block", "block", "allow"]
    put(host, "block", 0, "192.0.2.9")
    assert decides(host, "192.0.2.9") == "block"
    assert is_consistent(host)


def test_what_has_expired_is_stepped_over(host: Kernel) -> None:
    put(host, "block", 40, "192.0.2.9", "192.0.2.0/28")
    put(host, "allow", 60, "192.0.0.0/16")
    assert [decides(host, "192.0.2.9", tick) for tick in (39, 40, 59, 60)] == ["block", "allow", "allow", None]
    put(host, "block", 40, "::/0")
    assert [decides(host, "2001:db8::/64", tick) for tick in (39, 40)] == ["block", None]


def test_a_network_is_not_the_one_that_covers_it(host: Kernel) -> None:
    put(host, "allow", 100, "2001:db8::/32")
    assert expires(host, "2001:db8:0:1::/64", "allow") is None
    put(host, "allow", 200, "2001:db8:0:1::/64")
    assert (expires(host, "2001:db8::/32", "allow"), expires(host, "2001:db8:0:1::/64", "allow")) == (100, 200)
    take(host, "allow", "2001:db8:0:1::/64")
    assert decides(host, "2001:db8:0:1::/64") == "allow"
    assert is_consistent(host)


def test_the_program_looks_into_a_table_before_its_first_entry_is_there(kernel: FakeKernel) -> None:
    with Few(kernel) as few:
        few.expires(parse_prefix("192.0.2.7"), "block")
        kernel.writes.clear()
        few.put(parse_prefix("192.0.2.7"), "block", 0)
        assert [write[:2] for write in kernel.writes] == [("update", "list_gate"), ("update", "hosts_v4")]


def test_a_table_that_is_full_says_so_and_is_counted_right(kernel: FakeKernel) -> None:
    put(kernel, "block", 0, "192.0.2.7")
    kernel.memory = 0
    with pytest.raises(FastpathError, match="hosts_v4: .*ENOMEM"):
        put(kernel, "block", 0, "192.0.2.8")
    assert is_consistent(kernel)
    kernel.memory = 0
    with pytest.raises(FastpathError, match="prefixes_v6"):
        put(kernel, "block", 0, "2001:db8::/64")
    put(kernel, "block", 9, "192.0.2.7")
    assert is_consistent(kernel)


def test_a_table_without_room_says_so(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    put(kernel, "block", 0, "192.0.2.7")
    table = kernel.tables[kernel.pins["hosts_v4"]]
    monkeypatch.setattr(table, "shape", table.shape._replace(max_entries=1))
    with pytest.raises(FastpathError, match="it is full"):
        put(kernel, "block", 0, "192.0.2.8")
    assert _lists.sizes(_lists.read(kernel)) == {"allow": 0, "block": 1}


def test_lists_that_somebody_unpins_meanwhile(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "require_host_maps", list)
    with pytest.raises(FastpathError, match="somebody unpinned it"):
        put(kernel, "block", 0, "192.0.2.7")


def test_maps_of_an_older_version_are_read_and_written_as_they_are(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    kernel.outdate(kernel.pins["hosts_v4"], value_size=32)
    kernel.outdate(kernel.pins["list_gate"], value_size=16)
    put(kernel, "block", 0, "192.0.2.7", "192.0.2.8")
    take(kernel, "allow", "192.0.2.7")
    assert (decides(kernel, "192.0.2.7"), decides(kernel, "192.0.2.8")) == ("block", "block")
