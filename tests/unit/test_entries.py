# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries that a list is to have: from texts to keys, on their way to the host, and how they lie to each other."""

from __future__ import annotations

import base64
import ipaddress
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _entries
from ansible_collections.vos.fastpath.plugins.module_utils._abi import HOST_MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._entries import LATER, Collected, Item, Wanted, collect, covers, overlaps, pack, unpack
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix

HOST, HOST6 = b"\xc0\0\2\7", b"\x20\1\x0d\xb8" + bytes(11) + b"\1"
NET, NET6 = b"\x18\0\0\0\xc0\0\2\0", b"\x20\0\0\0\x20\1\x0d\xb8" + bytes(12)


def wanted(*texts: str) -> Wanted:
    return collect(texts, (), 0.0).wanted


def texts(found: Wanted) -> list[str]:
    return [str(Prefix.from_key(table, key)) for table, keys in found.items() for key in keys]


def test_the_tables_are_those_of_the_program_in_the_order_of_the_gate() -> None:
    assert [*_entries.TABLES, "list_gate"] == [shape.name for shape in HOST_MAPS]


def test_texts_become_keys_of_the_tables_in_their_order() -> None:
    found, comments, duplicates, remarks = collect(["192.0.2.7", "2001:db8::/32", "192.0.2.6", "192.0.2.0/24", "2001:db8::1"], (), 0.0)
    assert found == {
        "hosts_v4": {HOST: 0.0, b"\xc0\0\2\6": 0.0},
        "hosts_v6": {HOST6: 0.0},
        "prefixes_v4": {NET: 0.0},
        "prefixes_v6": {NET6: 0.0},
    }
    assert (_entries.count(comments), duplicates, remarks) == (0, 0, [])
    assert _entries.count(found) == 5
    assert list(found["hosts_v4"]) == [HOST, b"\xc0\0\2\6"]


def test_what_is_there_twice_is_counted_and_named_however_it_is_written() -> None:
    found = collect(["192.0.2.7", "192.0.2.7/32", " 192.0.2.7", "2001:db8::1", "2001:DB8:0::1/128"], (), 0.0)
    assert (texts(found.wanted), found.duplicates) == (["192.0.2.7", "2001:db8::1"], 3)
    assert found.remarks == [
        "Entry 2: 192.0.2.7 was there before; the last one counts",
        "Entry 3: 192.0.2.7 was there before; the last one counts",
        "Entry 5: 2001:db8::1 was there before; the last one counts",
    ]


def test_of_many_that_are_there_twice_the_first_are_named() -> None:
    found = collect(["192.0.2.7"] * 1000, (), 0.0)
    assert (found.duplicates, len(found.remarks)) == (999, _entries.REMARKS)
    assert found.remarks[-1].startswith(f"Entry {_entries.REMARKS + 1}: 192.0.2.7 ")


def test_entries_of_a_file_come_behind_those_of_the_task() -> None:
    lines = [("list line 1", "192.0.2.7", 7e9, ""), ("list line 2", "192.0.2.0/24", 0.0, "")]
    found = collect(["192.0.2.7", "192.0.2.6"], lines, 5e9)
    assert (found.duplicates, found.remarks) == (1, ["list line 1: 192.0.2.7 was there before; the last one counts"])
    assert found.wanted["hosts_v4"] == {HOST: 7e9, b"\xc0\0\2\6": 5e9}, "the last one counts"
    assert found.wanted["prefixes_v4"] == {NET: 0.0}


def test_no_entries_are_an_empty_list() -> None:
    assert collect(None, (), 0.0) == collect([], (), 0.0) == Collected(_entries.empty(), {table: {} for table in _entries.TABLES}, 0, [])


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        (" the office ", "the office"),
        ("\ttwo\x1b[31m\u2028lines\n", "two [31m lines"),
        ("x" * 1000000, "x" * 200),
        ("\x00" * 1000 + "far behind", None),
        ("", None),
    ],
)
def test_a_comment_is_one_short_line_that_can_be_printed(comment: str, kept: str | None) -> None:
    found = collect(None, [("here", "192.0.2.7", 0.0, comment), ("here", "192.0.2.0/24", 0.0, "")], 0.0)
    assert found.comments["hosts_v4"] == ({} if kept is None else {HOST: kept})
    assert _entries.count(found.comments) == len(found.comments["hosts_v4"])


def test_the_error_says_which_entry_it_is() -> None:
    with pytest.raises(FastpathError) as error:
        collect(["192.0.2.7", "10.1.2.3/24", "nonsense"], (), 0.0)
    assert str(error.value) == (
        "Entry 2: 10.1.2.3/24: it has host bits set below /24. Write 10.1.2.0/24 if the network is meant. Nothing was changed"
    )


@pytest.mark.parametrize("text", ["192.0.2.7\0", "192.0.2.\udc80", "192.0.2.07", "::ffff:192.0.2.7", "192.0.2", "\u0661.2.3.4", ""])
def test_the_quick_way_refuses_what_the_long_way_does(text: str) -> None:
    with pytest.raises(FastpathError, match="^line 7: "):
        collect(None, [("line 7", text, 0.0, "")], 0.0)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_texts_are_read_or_refused(some: list[str]) -> None:
    try:
        found = collect(some, (), 0.0).wanted
    except FastpathError:
        return
    assert {ipaddress.ip_network(text) for text in texts(found)} == {ipaddress.ip_network(text.strip()) for text in some}


def test_of_a_long_list_the_first_are_named() -> None:
    assert _entries.texts_of("hosts_v4", [HOST, b"\xc0\0\2\6", b"\xc0\0\2\5"], 2) == ["192.0.2.7", "192.0.2.6"]
    assert _entries.texts_of("prefixes_v6", [NET6], 1000) == ["2001:db8::/32"]
    assert _entries.texts_of("hosts_v4", [HOST], 0) == []


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.8", "192.0.2.0/24"),
        ("192.0.3.1", "192.0.0.0/16"),
        ("198.51.100.1", None),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:db8::2", "2001:db8::/32"),
        ("2001:db9::2", None),
    ],
)
def test_the_longest_entry_that_an_address_falls_under(address: str, entry: str | None) -> None:
    assert covers(wanted("192.0.2.7", "192.0.0.0/16", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32"), address) == entry


def test_everything_falls_under_the_whole_internet() -> None:
    assert covers(wanted("0.0.0.0/0"), "198.51.100.1") == "0.0.0.0/0"
    assert covers(wanted("0.0.0.0/0"), "2001:db8::1") is None


@pytest.mark.parametrize(
    ("some", "number"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param(["192.0.2.1", "192.0.2.2", "2001:db8::1"], 0, id="hosts"),
        pytest.param(["192.0.2.1", "192.0.2.0/24"], 1, id="a host in a network"),
        pytest.param(["192.0.2.1", "192.0.2.0/24", "192.0.0.0/16"], 2, id="each is counted once"),
        pytest.param(["192.0.3.1", "192.0.2.0/24", "192.0.3.0/24"], 1, id="neighbours"),
        pytest.param(["2001:db8::/48", "2001:db8::/32", "::/0", "192.0.2.1"], 2, id="families are apart"),
        pytest.param(["0.0.0.0/0", "192.0.2.1", "10.0.0.0/8"], 2, id="the whole internet"),
    ],
)
def test_entries_that_lie_within_others(some: list[str], number: int) -> None:
    found, named = overlaps(wanted(*some))
    assert (found, len(named)) == (number, number)


def test_those_that_lie_within_others_are_named_with_the_nearest_one() -> None:
    words = "it is kept, since a longer prefix can outrank the other list"
    assert overlaps(wanted("192.0.2.1", "192.0.2.0/24", "192.0.0.0/16", "2001:db8::/48", "2001:db8::/32"))[1] == [
        f"192.0.2.0/24 lies within 192.0.0.0/16; {words}",
        f"192.0.2.1 lies within 192.0.2.0/24; {words}",
        f"2001:db8::/48 lies within 2001:db8::/32; {words}",
    ]


def test_of_many_that_lie_within_others_the_first_are_named() -> None:
    found, named = overlaps(wanted("10.0.0.0/8", "2001:db8::/32", "2001:db8::1", *(f"10.0.{number}.0/24" for number in range(200))))
    assert (found, len(named)) == (201, _entries.REMARKS)


NETWORKS = st.builds(
    lambda address, length: ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False),
    st.one_of(st.ip_addresses(v=4, network="192.0.2.0/27"), st.ip_addresses(v=6, network="2001:db8::/123")),
    st.integers(20, 128),
)


@given(st.sets(NETWORKS, max_size=12), st.one_of(st.ip_addresses(v=4, network="192.0.2.0/27"), st.ip_addresses(v=6, network="2001:db8::/123")))
def test_the_library_of_python_finds_the_same(networks: set[ipaddress.IPv4Network], address: ipaddress.IPv4Address) -> None:
    found = wanted(*map(str, networks))
    within = [one for one in networks if any(one != other and one.version == other.version and one.subnet_of(other) for other in networks)]
    assert overlaps(found)[0] == len(within)
    around = sorted((network for network in networks if address in network), key=lambda network: network.prefixlen)
    expected = str(around[-1]) if around else None
    covering = covers(found, str(address))
    assert (covering and str(ipaddress.ip_network(covering))) == expected


def test_where_it_would_take_too_long_it_is_not_said() -> None:
    many = wanted(*(f"10.0.0.0/{length}" for length in range(8, 32)))
    many["hosts_v4"] = dict.fromkeys((number.to_bytes(4, "big") for number in range(250000)), 0.0)
    assert overlaps(many) == (None, [])


COMMENTS = st.sampled_from(["", "", "the office", "caf\u00e9, 2nd floor"])


@given(st.lists(st.tuples(st.just("lists/caf\u00e9 line 1"), NETWORKS.map(str), st.sampled_from([0.0, 1.0, 1.8e9, 1700000000.25]), COMMENTS)))
def test_what_is_packed_is_unpacked(some: list[Item]) -> None:
    found = collect(None, some, 0.0)
    again = unpack(pack(found))
    assert again == found
    assert [list(keys) for keys in again.wanted.values()] == [list(keys) for keys in found.wanted.values()], "in their order"


def test_a_time_that_was_left_open_is_put_in_where_it_is_unpacked() -> None:
    packed = pack(collect(["192.0.2.7", "2001:db8::/32"], [("feed line 1", "192.0.2.8", 1.8e9, "")], LATER))
    found = unpack(packed, 1.7e9).wanted
    assert [time for keys in found.values() for time in keys.values()] == [1.7e9, 1.8e9, 1.7e9]


def test_it_travels_as_few_bytes() -> None:
    network = collect((f"198.18.{number >> 8}.{number & 255}" for number in range(20000)), (), 0.0)
    assert len(pack(network)) < 3 * 20000


def test_a_file_of_any_name_may_have_an_entry_twice() -> None:
    line = ("odd\nname\udc80 line 1", "192.0.2.7", 0.0, "")
    assert unpack(pack(collect(None, [line, line], 0.0))).remarks == ["odd name? line 1: 192.0.2.7 was there before; the last one counts"]


def packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw)).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("no base64!", id="no base64"),
        pytest.param("\udc80", id="no text"),
        pytest.param(base64.b64encode(b"192.0.2.7").decode(), id="not compressed"),
        pytest.param(packed(b""), id="nothing in it"),
        pytest.param(packed(bytes(10 + 15 * 2)), id="cut between tables"),
        pytest.param(packed(bytes(10 + 15 * 4 + 1)), id="more than four tables"),
        pytest.param(packed(bytes(10) + b"\xff\xff\xff\xff\0" + bytes(60)), id="four billion hosts"),
        pytest.param(packed(bytes(10) + b"\0\0\0\1\1" + HOST), id="a host without its time"),
        pytest.param(packed(bytes(10 + 5) + b"\0\0\0\1\0" + bytes(4 + 5 + 45)), id="a comment about nothing"),
        pytest.param(packed(bytes(5) + b"\0\0\0\1\0\xff" + bytes(60)), id="remarks that are no text"),
        pytest.param(pack(collect(["192.0.2.7"], (), 0.0))[:-8], id="cut short"),
        pytest.param(packed(bytes(1 << 30)), id="a gigabyte of nothing"),
    ],
)
def test_what_the_action_plugin_did_not_make_is_refused(text: str) -> None:
    with pytest.raises(FastpathError) as error:
        unpack(text)
    assert str(error.value).startswith("packed: it is not what the action plugin makes (")
    assert str(error.value).endswith("). Use entries or src, and leave packed alone")


@given(st.binary(max_size=80))
def test_any_bytes_are_unpacked_or_refused(raw: bytes) -> None:
    for text in (packed(raw), raw.decode("latin-1"), base64.b64encode(raw).decode()):
        try:
            found = unpack(text)
        except FastpathError:
            continue
        assert found.wanted.keys() == set(_entries.TABLES)
