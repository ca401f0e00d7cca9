# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of xdp_allowlist and xdp_blocklist."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _list_task
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LIST_ENTRY
from ansible_collections.vos.fastpath.plugins.module_utils._clock import current_tick, ticks_of, ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._entries import LATER, collect, pack
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel
from ansible_collections.vos.fastpath.tests.unit.list_tasks import expiry, task, texts
from ansible_collections.vos.fastpath.tests.unit.processes import message_of


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


@pytest.mark.parametrize("check", [True, False])
def test_that_an_entry_has_expired_is_no_change(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    task(kernel, "block", ["192.0.2.7", "2001:db8::/32"], expires=3600)
    kernel.block("192.0.2.8", "192.0.2.9")
    later = current_tick() + 4000 * ticks_per_second()
    monkeypatch.setattr(_list_task, "current_tick", lambda: later)
    result = task(kernel, "block", ["192.0.2.8"], "exact", check=check)
    assert (result["actions"], result["removed_count"], result["size"]) == (["remove 192.0.2.9"], 1, 1), "this one has not"
    again = task(kernel, "block", ["192.0.2.8"], "exact")
    assert (again["changed"], again["actions"], again["diff"]) == (check, ["remove 192.0.2.9"] * check, {"before": "192.0.2.9\n" * check, "after": ""})
    assert texts(kernel, "block") == ["192.0.2.8"], "it is removed"


def test_an_entry_that_has_expired_is_removed_where_it_is_named(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    task(kernel, "block", ["192.0.2.7"], expires=3600)
    later = current_tick() + 4000 * ticks_per_second()
    monkeypatch.setattr(_list_task, "current_tick", lambda: later)
    assert task(kernel, "block", ["192.0.2.7"], "absent")["removed"] == ["192.0.2.7"]


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
