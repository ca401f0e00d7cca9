# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_allowlist and xdp_blocklist."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, seconds_of, ticks_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._entries import LATER, collect, pack
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Settings
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.processes import message_of

CONTROLLER = "198.51.100.7"
GATEWAY = "203.0.113.1"


def task(
    kernel: FakeKernel, name: str, entries: list[str] | None, state: str = "present", check: bool = False, warnings: Sequence[str] = (), **given: Any
) -> dict[str, Any]:
    params = parameters(f"xdp_{name}list", entries=entries, state=state, **given)
    result = list_task(name, params, check, kernel, lambda: CONTROLLER, gateways=lambda: [GATEWAY, "fe80::1"])
    assert result.pop("warnings") == list(warnings)
    return result


def texts(kernel: FakeKernel, name: str) -> list[str]:
    found = _lists.listed(_lists.read(kernel), name)
    return [str(prefix) for prefix in sorted(Prefix.from_key(table, key) for table, keys in found.items() for key in keys)]


def expiry(kernel: FakeKernel, name: str, text: str) -> float | None:
    """In how many seconds an entry expires."""
    prefix = parse_prefix(text)
    tick = _lists.expires_of(_lists.read(kernel)[prefix.table][prefix.key], name)
    return seconds_of(tick) - time.clock_gettime(time.CLOCK_MONOTONIC) if tick else None


def test_entries_are_added(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.9")
    result = task(kernel, "allow", ["2001:db8::/32", "192.0.2.7", "192.0.2.7/32", "192.0.2.9"])
    assert result == {
        "changed": True,
        "actions": ["add 192.0.2.7", "add 2001:db8::/32"],
        "added": ["192.0.2.7", "2001:db8::/32"],
        "added_count": 2,
        "renewed_count": 0,
        "removed": [],
        "removed_count": 0,
        "duplicates": 1,
        "expired": 0,
        "overlaps": 0,
        "remarks": ["Entry 3: 192.0.2.7 was there before; the last one counts"],
        "size": 3,
        "local": {"kept": [], "removed": []},
        "diff": {"before": "", "after": "192.0.2.7\n2001:db8::/32\n"},
    }
    assert texts(kernel, "allow") == ["192.0.2.7", "192.0.2.9", "2001:db8::/32"]


def test_entries_are_removed(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7", "192.0.2.8")
    result = task(kernel, "block", ["192.0.2.7", "192.0.2.77"], "absent")
    assert (result["removed"], result["removed_count"], result["size"], result["changed"]) == (["192.0.2.7"], 1, 1, True)
    assert result["diff"] == {"before": "192.0.2.7\n", "after": ""}
    assert texts(kernel, "block") == ["192.0.2.8"]


def test_a_list_is_made_equal(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7", "192.0.2.8", "192.0.2.6")
    result = task(kernel, "allow", ["192.0.2.9", "192.0.2.8"], "exact")
    assert result["actions"] == ["add 192.0.2.9", "remove 192.0.2.6", "remove 192.0.2.7"]
    assert (result["added_count"], result["removed_count"], result["size"]) == (1, 2, 2)
    assert result["diff"] == {"before": "192.0.2.6\n192.0.2.7\n", "after": "192.0.2.9\n"}
    assert texts(kernel, "allow") == ["192.0.2.8", "192.0.2.9"]


def test_a_second_run_changes_nothing(kernel: FakeKernel) -> None:
    task(kernel, "allow", ["192.0.2.7"], "exact")
    kernel.writes.clear()
    result = task(kernel, "allow", ["192.0.2.7"], "exact")
    assert (result["changed"], result["actions"], kernel.writes) == (False, [], [])
    assert result["diff"] == {"before": "", "after": ""}


def test_nothing_to_do_on_a_clean_host_makes_nothing(kernel: FakeKernel) -> None:
    assert task(kernel, "block", [], "exact")["changed"] is False
    assert kernel.pins == {}


def test_the_two_lists_are_two(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    task(kernel, "block", ["192.0.2.7", "192.0.2.8"], "exact")
    assert (texts(kernel, "allow"), texts(kernel, "block")) == (["192.0.2.7"], ["192.0.2.7", "192.0.2.8"])
    task(kernel, "block", [], "exact")
    assert (texts(kernel, "allow"), texts(kernel, "block")) == (["192.0.2.7"], [])


def test_entries_within_others_are_kept_and_counted(kernel: FakeKernel) -> None:
    result = task(kernel, "allow", ["192.0.2.7", "192.0.2.0/24", "2001:db8::/48", "2001:db8::/32", "192.0.3.1"])
    assert (result["overlaps"], result["size"]) == (2, 5)


def test_what_lies_within_another_or_is_there_twice_is_named(kernel: FakeKernel) -> None:
    assert task(kernel, "allow", ["192.0.2.7", "192.0.2.0/24", "192.0.2.7"])["remarks"] == [
        "Entry 3: 192.0.2.7 was there before; the last one counts",
        "192.0.2.7 lies within 192.0.2.0/24; it is kept, since a longer prefix can outrank the other list",
    ]


def test_comments_are_shown_with_what_changes(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("192.0.2.7,,the office\n192.0.2.8\n2001:db8::/32 # a trunk\n")
    packed = pack(collect(None, read_feed("feed", path.read_text()), 0.0))
    foretold, result = task(kernel, "allow", None, src=str(path), check=True), task(kernel, "allow", None, packed=packed)
    assert result["diff"]["after"] == foretold["diff"]["after"] == "192.0.2.7  # the office\n192.0.2.8\n2001:db8::/32  # a trunk\n"
    renewed = task(kernel, "allow", None, src=str(path), expires=3600)["diff"]
    assert renewed["before"].splitlines() == ["192.0.2.7 for good  # the office", "192.0.2.8 for good", "2001:db8::/32 for good  # a trunk"]
    assert renewed["after"].splitlines()[0].endswith("Z  # the office")
    assert task(kernel, "allow", None, "absent", src=str(path))["diff"]["before"] == result["diff"]["after"]


def test_of_a_long_list_the_first_thousand_are_named(kernel: FakeKernel) -> None:
    hosts = [f"192.0.{number >> 8}.{number & 255}" for number in range(1200)]
    added = task(kernel, "allow", [*hosts, "2001:db8::1"])
    assert (added["added"], added["added_count"], added["size"]) == (hosts[:1000], 1201, 1201)
    assert added["actions"] == [*("add " + host for host in hosts[:1000]), "add 201 more"]
    assert added["diff"]["after"].splitlines() == [*hosts[:1000], "201 more"]
    removed = task(kernel, "allow", ["192.0.0.1"], "exact")
    assert (len(removed["removed"]), removed["removed_count"], removed["actions"][-1]) == (1000, 1200, "remove 200 more")
    assert removed["diff"]["before"].splitlines() == [hosts[0], *hosts[2:1001], "200 more"]


@pytest.mark.parametrize("check", [True, False])
def test_one_bad_entry_and_nothing_is_changed(kernel: FakeKernel, check: bool) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "allow", ["192.0.2.7", "10.1.2.abc"], check=check)
    assert str(error.value) == (
        "Entry 2: 10.1.2.abc: it is neither an IPv4 nor an IPv6 address. "
        "Write an address or a prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32. Nothing was changed"
    )
    assert kernel.state() == before


# Files, and what the controller sends.


def test_entries_come_from_a_file_of_this_host(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "trunks.txt"
    path.write_text("# trunks\n192.0.2.8\n198.51.100.0/24 # the office\n192.0.2.8\n")
    result = task(kernel, "allow", ["192.0.2.7", "192.0.2.8"], src=str(path), remote_src=True)
    assert (result["added"], result["duplicates"]) == (["192.0.2.7", "192.0.2.8", "198.51.100.0/24"], 2)
    assert task(kernel, "allow", None, "exact", src=str(path))["removed"] == ["192.0.2.7"]


def test_a_file_with_one_bad_line_changes_nothing_and_names_it(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("address,expires\n192.0.2.7,\n10.1.2.3/24,\n192.0.2.8,\n")
    kernel.block("192.0.2.1")
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "block", None, "exact", src=str(path))
    assert str(error.value) == (
        f"{path} line 3: 10.1.2.3/24: it has host bits set below /24. Write 10.1.2.0/24 if the network is meant. Nothing was changed"
    )
    assert kernel.state() == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nosuch.txt", r"No such file or directory \(ENOENT\)"),
        (".", r"Is a directory \(EISDIR\)"),
        ("binary", "it is no UTF-8: 'utf-8' codec can't decode byte 0xff in position 10: invalid start byte"),
        ("pipe", "it is no regular file"),
        ("zero\0byte", "embedded null byte"),
    ],
)
def test_a_file_that_can_not_be_read(kernel: FakeKernel, tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "binary").write_bytes(b"192.0.2.7\n\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FastpathError, match=f"^src: {tmp_path}/[^:]*: {words}. Name a text file with one entry per line, CSV or JSON$"):
        task(kernel, "block", None, src=f"{tmp_path}/{path}")


def test_what_the_controller_packed_is_what_it_read(kernel: FakeKernel) -> None:
    packed = pack(collect(["192.0.2.7", "2001:db8::/32", "192.0.2.7"], (), 0.0))
    result = task(kernel, "allow", None, packed=packed)
    assert (result["added"], result["duplicates"], result["size"]) == (["192.0.2.7", "2001:db8::/32"], 1, 2)


def test_hits_of_an_older_version_that_counts_less(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    kernel.outdate(kernel.pins["hosts_v4"], value_size=32)
    [found] = task(kernel, "allow", ["192.0.2.7"], hits=True)["hits"]
    assert (found["entry"], found["packets"], found["last_seen"]) == ("192.0.2.7", 0, None)


def test_seconds_count_by_the_clock_of_this_host(kernel: FakeKernel) -> None:
    packed = pack(collect(["192.0.2.7"], [("feed line 1", "192.0.2.8", 4e9, "")], LATER))
    assert task(kernel, "allow", None, packed=packed, expires=600)["expired"] == 0
    assert 590 < (expiry(kernel, "allow", "192.0.2.7") or 0) <= 601
    assert (expiry(kernel, "allow", "192.0.2.8") or 0) > 600, "this one has a time of its own"


def test_the_controller_does_not_say_by_its_clock_when_they_end(collections_path: Path) -> None:
    code = (
        "from ansible_collections.vos.fastpath.plugins.module_utils._entries import unpack\n"
        "from ansible_collections.vos.fastpath.plugins.plugin_utils._list_action import ListAction\n"
        "for expires in ('600', None):\n"
        "    arguments = {'entries': ['192.0.2.7'], 'expires': expires}\n"
        "    ListAction._pack(None, arguments)\n"
        "    print([time for keys in unpack(arguments['packed'], 7.0).wanted.values() for time in keys.values()], arguments['expires'])\n"
    )
    assert message_of(code, collections_path) == "[7.0] 600\n[0.0] None"


def test_what_the_controller_packed_and_a_file_of_this_host_are_one_list(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "more.txt"
    path.write_text("192.0.2.7\n192.0.2.8\n192.0.2.8\n")
    packed = pack(collect(["192.0.2.7", "192.0.2.7", "192.0.2.6"], (), 0.0))
    result = task(kernel, "allow", None, "exact", packed=packed, src=str(path), remote_src=True)
    assert (sorted(result["added"]), result["duplicates"]) == (["192.0.2.6", "192.0.2.7", "192.0.2.8"], 3)


def test_what_nobody_packed_is_refused(kernel: FakeKernel) -> None:
    with pytest.raises(FastpathError, match="^packed: it is not what the action plugin makes "):
        task(kernel, "allow", None, packed="192.0.2.7")
    assert kernel.pins == {}


@pytest.mark.parametrize("state", ["present", "absent", "exact"])
def test_a_task_about_nothing_is_refused(kernel: FakeKernel, state: str) -> None:
    kernel.block("192.0.2.7")
    with pytest.raises(FastpathError, match="^entries: neither entries nor src says what the list is about. Name one of them$"):
        task(kernel, "block", None, state)
    assert texts(kernel, "block") == ["192.0.2.7"]


# Expiry.

SOME = 30
"""Seconds that a test may take between two looks at the clock, on a machine that is busy with others."""


def test_entries_expire_some_time_from_now(kernel: FakeKernel) -> None:
    result = task(kernel, "block", ["192.0.2.7", "2001:db8::/32"], expires=3600)
    assert (result["added_count"], result["expired"]) == (2, 0)
    for entry in ("192.0.2.7", "2001:db8::/32"):
        assert expiry(kernel, "block", entry) == pytest.approx(3600, abs=SOME)


def test_a_file_says_when_each_expires_and_the_task_for_the_others(kernel: FakeKernel, tmp_path: Path) -> None:
    now = time.time()
    path = tmp_path / "feed.csv"
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 2000))
    path.write_text(f"192.0.2.1,{now + 1000}\n192.0.2.2,{later}\n192.0.2.3\n192.0.2.4,{now - 1}\n192.0.2.5,1970-01-01\n192.0.2.6,0\n")
    result = task(kernel, "allow", None, src=str(path), expires=3000)
    assert (result["added"], result["expired"], result["size"]) == (["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.6"], 2, 4)
    assert expiry(kernel, "allow", "192.0.2.1") == pytest.approx(1000, abs=SOME)
    assert expiry(kernel, "allow", "192.0.2.2") == pytest.approx(2000, abs=SOME)
    assert expiry(kernel, "allow", "192.0.2.3") == pytest.approx(3000, abs=SOME)
    assert expiry(kernel, "allow", "192.0.2.6") is None


def test_what_has_expired_is_not_wanted_any_more(kernel: FakeKernel, tmp_path: Path) -> None:
    kernel.block("192.0.2.7", "192.0.2.8")
    path = tmp_path / "feed.csv"
    path.write_text("192.0.2.7,2001-01-01\n192.0.2.8,\n")
    assert task(kernel, "block", None, "exact", src=str(path))["removed"] == ["192.0.2.7"]


def test_what_has_expired_can_be_removed(kernel: FakeKernel, tmp_path: Path) -> None:
    kernel.block("192.0.2.7", "192.0.2.8")
    path = tmp_path / "feed.csv"
    path.write_text("192.0.2.7,2001-01-01\n")
    result = task(kernel, "block", None, "absent", src=str(path))
    assert (result["removed"], result["expired"]) == (["192.0.2.7"], 0)


def test_a_run_right_after_another_renews_nothing(kernel: FakeKernel) -> None:
    task(kernel, "block", ["192.0.2.7"], expires=3600)
    again = task(kernel, "block", ["192.0.2.7"], expires=3600)
    assert (again["changed"], again["renewed_count"]) == (False, 0)


def test_a_later_run_starts_the_time_anew(kernel: FakeKernel) -> None:
    task(kernel, "block", ["192.0.2.7", "2001:db8::1"], expires=3600)
    result = task(kernel, "block", ["192.0.2.7", "2001:db8::1", "192.0.2.8"], "exact", expires=7200)
    assert result["actions"] == ["add 192.0.2.8", "renew 192.0.2.7", "renew 2001:db8::1"]
    assert (result["changed"], result["added_count"], result["renewed_count"], result["size"]) == (True, 1, 2, 3)
    assert expiry(kernel, "block", "192.0.2.7") == pytest.approx(7200, abs=SOME)


def test_the_difference_of_a_renewal_is_its_time(kernel: FakeKernel) -> None:
    task(kernel, "block", ["192.0.2.7"])
    diff = task(kernel, "block", ["192.0.2.7", "192.0.2.8"], expires=3600)["diff"]
    assert diff["before"] == "192.0.2.7 for good\n"
    found = re.fullmatch(r"192\.0\.2\.7 until (.*)Z\n192\.0\.2\.8\n", diff["after"])
    until = time.mktime(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert until == pytest.approx(time.time() + 3600, abs=SOME)
    assert task(kernel, "block", ["192.0.2.7"])["diff"]["after"] == "192.0.2.7 for good\n"


def test_of_many_renewals_the_first_thousand_are_named(kernel: FakeKernel) -> None:
    hosts = [f"192.0.{number >> 8}.{number & 255}" for number in range(1001)]
    kernel.block(*hosts)
    result = task(kernel, "block", hosts, expires=3600)
    assert (len(result["actions"]), result["actions"][-1], result["renewed_count"]) == (1001, "renew 1 more", 1001)
    assert result["diff"]["before"].splitlines()[-1] == result["diff"]["after"].splitlines()[-1] == "1 more"


@pytest.mark.parametrize("seconds", [0, -1, 10**30, 100 * 365 * 86400 + 1])
def test_a_time_that_is_none_is_refused(kernel: FakeKernel, seconds: int) -> None:
    with pytest.raises(FastpathError, match=f"^expires: {seconds}: it has to be 1 to 3153600000 seconds. Leave it out for no end$"):
        task(kernel, "block", ["192.0.2.7"], expires=seconds)


def test_a_century_is_the_longest_time(kernel: FakeKernel) -> None:
    task(kernel, "block", ["192.0.2.7"], expires=100 * 365 * 86400)
    assert expiry(kernel, "block", "192.0.2.7") == pytest.approx(100 * 365 * 86400, abs=SOME)


# Hits.


def test_entries_tell_what_they_decided_about(kernel: FakeKernel) -> None:
    kernel.block("192.0.2.7", "192.0.2.8", "2001:db8::/32", "192.0.2.9")
    kernel.allow("192.0.2.10", "192.0.2.8")
    now = time.time()
    tick = ticks_of(time.clock_gettime(time.CLOCK_MONOTONIC))
    counted = {
        "192.0.2.7": (2, 32, 0, 0, 5, tick),
        "192.0.2.8": (3, 32, 0, tick + 1000 * ticks_per_second(), 0, 0),
        "2001:db8::/32": (2, 32, 0, 0, 70, tick - 1000 * ticks_per_second()),
        "192.0.2.10": (1, 32, 0, 0, 900, tick),
    }
    for text, numbers in counted.items():
        prefix = parse_prefix(text)
        with kernel.host_map(prefix.table) as table:
            table.update(prefix.key, LIST_ENTRY.pack(*numbers))
    result = task(kernel, "block", ["192.0.2.9"], "absent", hits=True)
    assert result["hits"] == [
        {"entry": "2001:db8::/32", "packets": 70, "last_seen": pytest.approx(now - 1000, abs=SOME), "expires": None, "comment": None},
        {"entry": "192.0.2.7", "packets": 5, "last_seen": pytest.approx(now, abs=SOME), "expires": None, "comment": None},
        {"entry": "192.0.2.8", "packets": 0, "last_seen": None, "expires": pytest.approx(now + 1000, abs=SOME), "comment": None},
    ]
    allowed = task(kernel, "allow", [], hits=True)["hits"]
    assert [(hit["entry"], hit["packets"], hit["expires"]) for hit in allowed] == [("192.0.2.10", 900, None), ("192.0.2.8", 0, None)]


def test_comments_are_told_with_them(kernel: FakeKernel, tmp_path: Path) -> None:
    (tmp_path / "feed.txt").write_text("192.0.2.7 # an attack\n192.0.2.8\n")
    found = task(kernel, "block", None, src=str(tmp_path / "feed.txt"), hits=True)["hits"]
    assert {hit["entry"]: hit["comment"] for hit in found} == {"192.0.2.7": "an attack", "192.0.2.8": None}


def test_they_are_told_on_request_only(kernel: FakeKernel) -> None:
    assert "hits" not in task(kernel, "block", ["192.0.2.7"])
    assert task(kernel, "allow", [], hits=True)["hits"] == []


def test_where_no_list_was_made_yet_nothing_was_hit(kernel: FakeKernel) -> None:
    assert task(kernel, "block", ["192.0.2.7"], check=True, hits=True)["hits"] == []


def test_of_many_entries_the_busiest_thousand_are_told(kernel: FakeKernel) -> None:
    hosts = [f"192.0.{number >> 8}.{number & 255}" for number in range(1001)]
    kernel.block(*hosts)
    with kernel.host_map("hosts_v4") as table:
        for number, host in enumerate(hosts):
            table.update(parse_prefix(host).key, LIST_ENTRY.pack(2, 32, 0, 0, number, 1))
    found = task(kernel, "block", [], hits=True)["hits"]
    assert [hit["packets"] for hit in found] == list(range(1000, 0, -1))


# What goes wrong, or would.


def test_a_wrong_gate_is_mended(kernel: FakeKernel) -> None:
    kernel.allow("192.0.2.7")
    with kernel.host_map("list_gate") as gate:  # as if a task had been killed halfway
        gate.update(bytes(4), bytes(24))
    kernel.writes.clear()
    foretold = task(kernel, "allow", ["192.0.2.7"], check=True)
    assert kernel.writes == []
    result = task(kernel, "allow", ["192.0.2.7"])
    assert result == foretold
    assert (result["changed"], result["actions"]) == (True, ["correct the sizes that the program goes by"])
    assert _lists.read_gate(kernel) == _lists.gate_of(_lists.read(kernel))
    assert task(kernel, "allow", ["192.0.2.7"])["changed"] is False


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("state", ["present", "exact"])
@pytest.mark.parametrize("entry", ["198.51.100.7", "198.51.100.0/24", "0.0.0.0/0"])
def test_the_controller_is_not_blocked_by_mistake(kernel: FakeKernel, entry: str, state: str, check: bool) -> None:
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "block", ["192.0.2.7", entry], state, check)
    assert str(error.value) == (
        f"{entry}: the controller itself (198.51.100.7) would be blocked. "
        "Take it out, or set allow_controller=true if this is meant. Nothing was changed"
    )
    assert kernel.state() == before


@pytest.mark.parametrize(
    ("controller", "entry"),
    [
        ("2001:db8::7", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::/32"),
        ("2001:db8::7", "::/0"),
        ("fe80::7", "fe80::/10"),
        ("fe80::7", "fe80::7"),
    ],
)
@pytest.mark.parametrize("way", ["words", "packed", "file of the host"])
def test_nor_is_one_that_comes_by_ipv6_whichever_way_the_list_comes(kernel: FakeKernel, tmp_path: Path, controller: str, entry: str, way: str) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text(f"192.0.2.7\n{entry},,a mistake\n")
    given = {
        "words": {"entries": ["192.0.2.7", entry]},
        "packed": {"packed": pack(collect(None, read_feed("feed", feed.read_text()), 0.0))},
        "file of the host": {"src": str(feed), "remote_src": True},
    }
    params = parameters("xdp_blocklist", state="exact", **given[way])
    with pytest.raises(FastpathError, match=f"^{entry}: the controller itself .{controller}. would be blocked. "):
        list_task("block", params, False, kernel, lambda: controller, gateways=list)
    assert kernel.pins == {}


def test_it_is_blocked_on_request_and_may_be_forgiven_trusted_or_out_of_date(kernel: FakeKernel, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("198.51.100.0/24,2001-01-01\n192.0.2.7,\n")
    assert task(kernel, "block", None, src=str(path))["added"] == ["192.0.2.7"]
    assert task(kernel, "block", [CONTROLLER], allow_controller=True)["added"] == [CONTROLLER]
    assert task(kernel, "block", [CONTROLLER], "absent")["removed"] == [CONTROLLER]
    assert task(kernel, "allow", [CONTROLLER])["added"] == [CONTROLLER]


def test_where_nobody_knows_the_controller_anybody_can_be_blocked(kernel: FakeKernel) -> None:
    params = parameters("xdp_blocklist", entries=["0.0.0.0/0"])
    assert list_task("block", params, False, kernel, lambda: None, gateways=list)["added"] == ["0.0.0.0/0"]


def test_a_gateway_that_would_be_blocked_is_pointed_out(kernel: FakeKernel) -> None:
    words = "the default gateway (203.0.113.1) is in it. If it translates addresses, all calls come from there and are dropped"
    task(kernel, "block", ["203.0.113.0/24"], warnings=[f"203.0.113.0/24: {words}"])
    task(kernel, "block", ["203.0.113.0/24"], "absent")
    task(kernel, "allow", ["203.0.113.0/24"])


def protect(kernel: FakeKernel, path: Path, stealth: tuple[str, ...]) -> None:
    chosen = Settings(stealth=stealth)
    attach(kernel, ["eth0"], Wanted(str(path), settings=chosen, allow_empty_allowlist=True), check=False)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(("entries", "state"), [([], "exact"), (["192.0.2.7"], "absent")])
def test_the_last_trusted_source_is_not_taken_away_under_stealth(
    kernel: FakeKernel, filter_object: Path, entries: list[str], state: str, check: bool
) -> None:
    kernel.allow("192.0.2.7")
    kernel.block("192.0.2.8")
    kernel.run_foreign("br0", "generic")
    protect(kernel, filter_object, ("OPTIONS", "INVITE"))
    before = kernel.state()
    with pytest.raises(FastpathError) as error:
        task(kernel, "allow", entries, state, check)
    assert str(error.value) == (
        "entries: the allowlist would be empty (what has expired does not count), and eth0 drops INVITE, OPTIONS from everybody who is not on it. "
        "Keep an entry, or set allow_empty=true if this is meant. Nothing was changed"
    )
    assert kernel.state() == before
    assert task(kernel, "allow", entries, state, allow_empty=True)["size"] == 0


@pytest.mark.parametrize(("entries", "state"), [(["192.0.2.9"], "exact"), (["192.0.2.7"], "absent")])
def test_what_has_expired_is_no_trusted_source(kernel: FakeKernel, filter_object: Path, entries: list[str], state: str) -> None:
    kernel.allow("192.0.2.8", until=current_tick())
    kernel.allow("192.0.2.7")
    protect(kernel, filter_object, ("OPTIONS",))
    if state == "absent":
        with pytest.raises(FastpathError, match="the allowlist would be empty"):
            task(kernel, "allow", entries, state)
    else:
        assert task(kernel, "allow", entries, state)["size"] == 1, "somebody else is trusted instead"


def test_what_has_expired_may_always_go(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.allow("192.0.2.8", until=current_tick())
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "allow", [], "exact")["removed"] == ["192.0.2.8"]


def test_it_may_be_taken_away_where_nothing_is_hidden(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.allow("192.0.2.7")
    protect(kernel, filter_object, ())
    assert task(kernel, "allow", [], "exact")["removed"] == ["192.0.2.7"]


def test_the_last_blocked_source_may_always_be_forgiven(kernel: FakeKernel, filter_object: Path) -> None:
    kernel.block("192.0.2.7")
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "block", [], "exact")["removed"] == ["192.0.2.7"]


def test_an_allowlist_that_was_empty_before_may_stay_so(kernel: FakeKernel, filter_object: Path) -> None:
    protect(kernel, filter_object, ("OPTIONS",))
    assert task(kernel, "allow", [], "exact")["changed"] is False


SOURCES = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.0/24", "2001:db8::1", "2001:db8::/64"]), max_size=6)


@given(SOURCES, SOURCES, SOURCES, st.sampled_from(["allow", "block"]), st.sampled_from(["present", "absent", "exact"]), st.booleans())
def test_check_mode_foretells(allowed: list[str], blocked: list[str], entries: list[str], name: str, state: str, ends: bool) -> None:
    kernel = FakeKernel()
    if allowed:
        kernel.allow(*allowed)
    if blocked:
        kernel.block(*blocked)
    kernel.writes.clear()
    before = texts(kernel, name)

    given = {"expires": 3600} if ends else {}
    foretold = task(kernel, name, entries, state, check=True, **given)
    assert kernel.writes == []
    done = task(kernel, name, entries, state, **given)
    for result in (foretold, done):  # a second may have passed in between
        for key, text in result["diff"].items():
            result["diff"][key] = re.sub(r"until .*", "until then", text)
    assert done == foretold
    after = texts(kernel, name)
    assert done["size"] == len(after)
    assert set(done["added"]) == set(after) - set(before)
    assert set(done["removed"]) == set(before) - set(after)
    kernel.writes.clear()
    assert task(kernel, name, entries, state, **given)["changed"] is False
    assert kernel.writes == []
