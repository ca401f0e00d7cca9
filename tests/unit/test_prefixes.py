# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and prefixes as operators write them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix, parse_prefix

WRITE = "Write an address or a prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32"
NO_ADDRESS = "it is neither an IPv4 nor an IPv6 address. " + WRITE


@pytest.mark.parametrize(
    ("text", "table", "key", "shown"),
    [
        ("192.0.2.7", "hosts_v4", b"\xc0\0\2\7", "192.0.2.7"),
        ("192.0.2.7/32", "hosts_v4", b"\xc0\0\2\7", "192.0.2.7"),
        (" 192.0.2.7\n", "hosts_v4", b"\xc0\0\2\7", "192.0.2.7"),
        ("192.0.2.0/24", "prefixes_v4", b"\x18\0\0\0\xc0\0\2\0", "192.0.2.0/24"),
        ("0.0.0.0/0", "prefixes_v4", b"\0\0\0\0\0\0\0\0", "0.0.0.0/0"),
        ("2001:db8::1", "hosts_v6", b"\x20\1\x0d\xb8" + bytes(11) + b"\1", "2001:db8::1"),
        ("2001:0DB8:0::0:1/128", "hosts_v6", b"\x20\1\x0d\xb8" + bytes(11) + b"\1", "2001:db8::1"),
        ("2001:db8::/32", "prefixes_v6", b"\x20\0\0\0\x20\1\x0d\xb8" + bytes(12), "2001:db8::/32"),
        ("::/0", "prefixes_v6", bytes(20), "::/0"),
    ],
)
def test_what_is_written_is_found_in_a_table(text: str, table: str, key: bytes, shown: str) -> None:
    prefix = parse_prefix(text)
    assert (prefix.table, prefix.key, str(prefix)) == (table, key, shown)
    assert len(key) == MAPS[table].key_size
    assert Prefix.from_key(table, key) == prefix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.1.2.abc", NO_ADDRESS),
        ("10.1.2", NO_ADDRESS),
        ("10.1.2.3.4", NO_ADDRESS),
        ("10.1.2.256", NO_ADDRESS),
        ("10.1.2.03", NO_ADDRESS),
        ("0x0a010203", NO_ADDRESS),
        ("167838211", NO_ADDRESS),
        ("", NO_ADDRESS),
        ("   ", NO_ADDRESS),
        ("/24", NO_ADDRESS),
        ("sbc.example.com", NO_ADDRESS),
        ("10.1.2.\u0663", NO_ADDRESS),
        ("\uff11\uff10.1.2.3", NO_ADDRESS),
        ("10.1.2.3\0", NO_ADDRESS),
        ("2001:db8::\udc80", NO_ADDRESS),
        ("2001:db8:::1", NO_ADDRESS),
        ("2001:db8::12345", NO_ADDRESS),
        ("fe80::1%eth0", NO_ADDRESS),
        ("[2001:db8::1]", NO_ADDRESS),
        ("10.1.2.3:5060", NO_ADDRESS),
        ("10.1.2.3 10.1.2.4", NO_ADDRESS),
        ("10.1.2.3/33", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("10.1.2.3/", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("10.1.2.3/-1", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("10.1.2.0/255.255.255.0", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("10.1.2.0/2\u0664", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("10.1.2.0/24/24", "the prefix length has to be a number from 0 to 32. " + WRITE),
        ("2001:db8::/129", "the prefix length has to be a number from 0 to 128. " + WRITE),
        ("10.1.2.3/24", "it has host bits set below /24. Write 10.1.2.0/24 if the network is meant"),
        ("10.1.2.3/0", "it has host bits set below /0. Write 0.0.0.0/0 if the network is meant"),
        ("2001:db8::1/64", "it has host bits set below /64. Write 2001:db8::/64 if the network is meant"),
        ("::ffff:10.0.0.1", "on the wire this source is an IPv4 address. Write 10.0.0.1"),
        ("::ffff:10.0.0.0/104", "on the wire this source is an IPv4 address. Write 10.0.0.0/8"),
        ("::ffff:0:0/96", "on the wire this source is an IPv4 address. Write 0.0.0.0/0"),
    ],
)
def test_what_is_no_address_is_refused(text: str, message: str) -> None:
    with pytest.raises(FastpathError) as error:
        parse_prefix(text)
    shown = text.replace("\0", "\\x00").replace("\udc80", "\\udc80")
    assert str(error.value) == f"{shown}: {message}"


@pytest.mark.parametrize(
    ("text", "length", "network"),
    [("192.0.2.77", 24, "192.0.2.0/24"), ("192.0.2.77", 32, "192.0.2.77"), ("2001:db8::1", 0, "::/0"), ("192.0.0.0/8", 7, "192.0.0.0/7")],
)
def test_the_network_that_an_address_is_in(text: str, length: int, network: str) -> None:
    assert str(parse_prefix(text).network(length)) == network


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(0, 128))
def test_it_agrees_with_the_library_of_python(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    if network.version == 6 and network.network_address in ipaddress.ip_network("::ffff:0:0/96"):
        return
    prefix = parse_prefix(str(network))
    assert (prefix.address, prefix.length) == (network.network_address.packed, network.prefixlen)
    assert prefix.is_host == (network.num_addresses == 1)
    assert ipaddress.ip_network(str(prefix)) == network
    assert Prefix.from_key(prefix.table, prefix.key) == prefix


@given(st.text(max_size=20))
def test_any_text_is_read_as_an_address_or_refused(text: str) -> None:
    try:
        prefix = parse_prefix(text)
    except FastpathError:
        return
    assert ipaddress.ip_network(text.strip()) == ipaddress.ip_network(str(prefix))
