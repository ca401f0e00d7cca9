# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with entries: as people write them, as they are published, and as they should not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed, read_hosts, read_text

NOON = 1795435200.0
"""2026-11-23 12:00:00 UTC."""


def entries(text: str, expires: float = 0.0) -> list[tuple[str, float]]:
    return [(entry, when) for _place, entry, when, _comment in read_feed("feed", text, expires)]


def comments(text: str) -> list[str]:
    return [comment.strip() for _place, _entry, _when, comment in read_feed("feed", text)]


def message(text: str) -> str:
    with pytest.raises(FastpathError) as error:
        collect(None, read_feed("lists/feed.txt", text), 0.0)
    return str(error.value)


LINES = """\
# scanners, by hand
192.0.2.7

  198.51.100.0/24   # a whole network
2001:db8::/32 ; another mark
;
192.0.2.8\r
"""
CSV = """\
192.0.2.7,2026-11-23T12:00:00Z,seen by the honeypot
192.0.2.8 , 1795435200 , "a comment, quoted"
192.0.2.9,,for good
192.0.2.10,
"192.0.2.11",2026-11-23
192.0.2.12,1795435200.5 # until then
"192.0.2.13, as well"
192.0.2.14
"""


def test_one_per_line_with_comments() -> None:
    assert [entry for entry, _when in entries(LINES)] == ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32", "192.0.2.8"]


def test_comments_stay_with_their_entries() -> None:
    assert comments(LINES) == ["", "a whole network", "another mark", ""]
    assert comments(CSV) == ["seen by the honeypot", "a comment, quoted", "for good", "", "", "until then", "", ""]
    assert comments('192.0.2.7,,"ticket #5; urgent" # a mark\n192.0.2.8 # "so"\n"192.0.2.9"\n') == ["ticket #5; urgent", '"so"', ""]
    some = [{"ip": "192.0.2.7", "comment": "the office"}, {"ip": "192.0.2.8", "Reason": "a scan"}, "192.0.2.9", {"ip": "192.0.2.9", "comment": 7}]
    assert comments(json.dumps(some)) == ["the office", "a scan", "", ""]


def test_nothing_but_comments_is_an_empty_list() -> None:
    assert entries("# nobody\n\n;\n") == entries("") == entries("\n") == []


def test_a_mark_of_utf_8_is_no_part_of_the_first_address() -> None:
    assert entries("\ufeff192.0.2.7\n") == [("192.0.2.7", 0.0)]
    assert entries('\ufeff["192.0.2.7"]') == [("192.0.2.7", 0.0)]


@pytest.mark.parametrize("header", ["", "address,expires,comment\n", "IP,Until\n", '# made by hand\n"CIDR","expiry"\n'])
def test_csv_with_and_without_names_of_columns(header: str) -> None:
    assert entries(header + CSV, 5.0) == [
        ("192.0.2.7", NOON),
        ("192.0.2.8", NOON),
        ("192.0.2.9", 5.0),
        ("192.0.2.10", 5.0),
        ("192.0.2.11", NOON - 12 * 3600),
        ("192.0.2.12", NOON + 0.5),
        ("192.0.2.13, as well", 5.0),
        ("192.0.2.14", 5.0),
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], []),
        ({"list": []}, []),
        (["192.0.2.7", " 2001:db8::/32 "], [("192.0.2.7", 5.0), ("2001:db8::/32", 5.0)]),
        ([{"address": "192.0.2.7"}], [("192.0.2.7", 5.0)]),
        ([{"ip": "192.0.2.7", "expires": 1795435200}], [("192.0.2.7", NOON)]),
        ([{"Prefix": "192.0.2.0/24", "Until": "2026-11-23T12:00:00Z"}], [("192.0.2.0/24", NOON)]),
        ([{"cidr": " 192.0.2.0/24", "expires": None, "expiry": 1795435200.5, "comment": "a scanner"}], [("192.0.2.0/24", NOON + 0.5)]),
        ([{"ip": None, "network": "192.0.2.0/24"}, "192.0.2.7"], [("192.0.2.0/24", 5.0), ("192.0.2.7", 5.0)]),
        ({"count": 1, "by": "somebody", "ipaddress": ["192.0.2.7"]}, [("192.0.2.7", 5.0)]),
    ],
)
def test_json(found: Any, expected: list[tuple[str, float]]) -> None:
    assert entries(json.dumps(found), 5.0) == expected
    assert entries("\n " + json.dumps(found, indent=1), 5.0) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1795435200", NOON),
        ("1795435200.25", NOON + 0.25),
        ("0", 0.0),
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("2026-11-23 12:00:00", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T12:00:00.500000+00:00", NOON + 0.5),
        ("2026-11-23", NOON - 12 * 3600),
        ("9999-12-31T23:59:59Z", 253402300799.0),
        pytest.param("999999999999", 253402300799.0, id="later than ISO 8601 can say"),
        pytest.param("9999-12-31T23:59:59.9-12:00", 253402300799.0, id="later than it can say in UTC"),
        pytest.param("1969-12-31T00:00:00Z", 1.0, id="long ago, and not never"),
        pytest.param("0001-01-01T00:00:00+14:00", 1.0, id="before all time"),
    ],
)
def test_times_are_seconds_or_iso_8601_and_utc(text: str, seconds: float) -> None:
    assert entries("192.0.2.7," + text, 5.0) == entries(json.dumps([{"ip": "192.0.2.7", "expires": text}])) == [("192.0.2.7", seconds)]


@pytest.mark.parametrize("text", ["tomorrow", "-5", "1e9", "nan", "inf", "1795435200000", "2026-13-01", "12:00", "\u0661", "True"])
def test_what_is_no_time_is_refused(text: str) -> None:
    assert message("# a comment\n192.0.2.7,%s,comment" % text) == (
        "lists/feed.txt line 2: %s: it is no time. "
        "Write seconds since 1970, or ISO 8601 as in 2026-11-23T12:00:00Z. Nothing was changed" % text
    )
    assert message(json.dumps([{"ip": "192.0.2.7", "expires": text}])).startswith("lists/feed.txt item 1: %s: it is no time." % text)


ADDRESS = "it is neither an IPv4 nor an IPv6 address. Write an address or a prefix: "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.0.2.7\n\n# comment\n10.1.2.abc\n", "lists/feed.txt line 4: 10.1.2.abc: " + ADDRESS),
        ("192.0.2.7\r\n10.1.2.abc\r\n", "lists/feed.txt line 2: 10.1.2.abc: " + ADDRESS),
        ("192.0.2.7 192.0.2.8", "lists/feed.txt line 1: 192.0.2.7 192.0.2.8: " + ADDRESS),
        ("192.0.2.7\x0c\n192.0.2.8\u2028\n10.1.2.abc", "lists/feed.txt line 3: 10.1.2.abc: " + ADDRESS),
        ("address,expires\n10.1.2.3/24,", "lists/feed.txt line 2: 10.1.2.3/24: it has host bits set below /24. Write 10.1.2.0/24 "),
        (",", "lists/feed.txt line 1: : " + ADDRESS),
        ("192.0.2.7\n<html>, not a list", "lists/feed.txt line 2: not a list: it is no time. "),
        ("192.0.2.7,\r,", "lists/feed.txt line 1: it is no CSV: "),
        ("," + "x" * 200000, "lists/feed.txt line 1: it is no CSV: "),
        ('["192.0.2.7", "10.1.2.abc"]', "lists/feed.txt item 2: 10.1.2.abc: " + ADDRESS),
        ('["192.0.2.7", 7]', "lists/feed.txt item 2: it is neither a text nor an object with an address. "),
        ('[{"comment": "192.0.2.7"}]', "lists/feed.txt item 1: it is neither a text nor an object with an address. "),
        ('[{"ip": 7}]', "lists/feed.txt item 1: it is neither a text nor an object with an address. "),
        ('["192.0.2.7", ', "lists/feed.txt: it is no JSON: Expecting value: line 1 column 15 (char 14). "),
        ('{"a": [], "b": []}', "lists/feed.txt: the object has 2 lists in it instead of one. "),
        ("{}", "lists/feed.txt: the object has 0 lists in it instead of one. "),
        ("[" * 100000, "lists/feed.txt: it is no JSON: "),
    ],
)
def test_a_bad_line_is_named(text: str, words: str) -> None:
    found = message(text)
    assert found.startswith(words)
    assert found.endswith("Nothing was changed")


def test_a_name_may_have_anything_in_it() -> None:
    with pytest.raises(FastpathError, match="^100%s of %d line 1: nobody: "):
        collect(None, read_feed("100%s of %d", "nobody"), 0.0)


PIECES = st.sampled_from([",", '"', "#", ";", "\n", "\r", "\0", "/", "[", "]", "{", "}", "%s", "192.0.2.7", "2001:db8::/32", "1795435200", "2026-11-23T12:00Z"])
TEXTS = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=30).map("".join))
THINGS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5), PIECES),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(st.text(max_size=3), st.sampled_from(["ip", "Expires", "until"])), inner)),
)


@given(st.one_of(TEXTS, THINGS.map(json.dumps)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        wanted, _comments, duplicates, _remarks = collect(None, read_feed("feed", text), 0.0)
    except FastpathError as error:
        assert str(error).startswith("feed")
        return
    assert duplicates >= 0
    assert all(0 <= when < 1e12 for keys in wanted.values() for when in keys.values())


ODD = st.lists(st.one_of(st.just("192.0.2.7"), st.text(st.characters(exclude_characters="\n#;"), max_size=12)), min_size=1)


@given(ODD)
def test_the_first_odd_line_of_many_is_the_one_that_is_named(lines: list[str]) -> None:
    lines = ["192.0.2.1"] * 3 + lines
    try:
        collect(None, read_feed("feed", "\n".join(lines)), 0.0)
    except FastpathError as error:
        if not str(error).startswith("feed line "):
            return
        number = int(str(error).removeprefix("feed line ").partition(":")[0])
        collect(None, read_feed("feed", "\n".join(lines[: number - 1])), 0.0)  # up to there it is good
        with pytest.raises(FastpathError):
            collect(None, read_feed("feed", lines[number - 1]), 0.0)


def test_a_million_odd_lines_are_refused_for_the_one_that_is_wrong() -> None:
    odd = ["  192.0.2.7  # again", "", ";;;", '"192.0.2.8", 2026-11-23T12:00:00Z , "a, b"', "\t2001:DB8::/32", "192.0.2.9,,", "# 10.1.2.abc", "10.0.0.0/8"]
    text = "\n".join(odd * 125000)
    wanted, _comments, duplicates, _remarks = collect(None, read_feed("feed", text), 0.0)
    assert (sum(map(len, wanted.values())), duplicates) == (5, 5 * 125000 - 5)
    assert message(text + "\n10.1.2.abc").startswith("lists/feed.txt line 1000001: 10.1.2.abc: ")


MEBIBYTE = 1 << 20


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as stream:
        stream.truncate(256 * MEBIBYTE + 1)
    with pytest.raises(FastpathError, match="^src: .*/huge: it is larger than 256 MiB. "):
        read_text(str(path))


def test_json_that_would_take_gigabytes_is_refused() -> None:
    assert message("[" + " " * 64 * MEBIBYTE).startswith("lists/feed.txt: as JSON it is larger than 64 MiB. Write one entry per line. ")


@pytest.mark.parametrize("text", ["192.0.2.7", "192.0.2.7\n", "198.51.100.1\n192.0.2.7\n\n"])
def test_a_file_of_hosts_is_read_at_once(text: str) -> None:
    assert read_hosts(text, NOON) == collect(None, read_feed("feed", text, NOON), NOON)


@pytest.mark.parametrize("text", ["", LINES, CSV, "192.0.2.7\n192.0.2.7\n", "192.0.2.7 192.0.2.8", "192.0.2.7\n\n192.0.2.8", "192.0.2.7\0"])
def test_any_other_file_is_not(text: str) -> None:
    assert read_hosts(text) is None


@given(st.lists(st.sampled_from(["192.0.2.7", "192.0.2.8", "192.0.2.9", "2001:db8::1", "192.0.2.0/24", " 192.0.2.6", ""])), st.booleans())
def test_read_at_once_it_is_what_it_is_line_by_line(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines) + "\n" * ends
    found = read_hosts(text)
    assert found is None or found == collect(None, read_feed("feed", text), 0.0)
