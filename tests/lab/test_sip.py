# SPDX-License-Identifier: GPL-3.0-or-later

"""Real SIP between the hosts: what the demonstration relies on, here without a filter."""

from __future__ import annotations

import pytest

ADDRESSES = ("198.19.1.1", "198.19.1.2", "198.19.2.2", "2001:2:0:1::1", "2001:2:0:2::2")
OWN = {"198.19.1": "198.19.1.251", "198.19.2": "198.19.2.251", "2001:2:0:1": "2001:2:0:1::fb", "2001:2:0:2": "2001:2:0:2::fb"}


def own(address: str) -> str:
    """The peer's address on the trunk of this one."""
    return OWN[address.rpartition("::" if ":" in address else ".")[0]]


def uri_host(address: str) -> str:
    """As it stands in a URI."""
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", [a for a in ADDRESSES if ":" not in a])
def test_options_is_answered(lab, address):
    assert "200" in lab.on("peer", f"sipsak -vv -s sip:lab@{address}")


def test_the_scanner_finds_what_is_not_protected(lab):
    found = lab.on("scanner", "svmap 198.19.1.1-198.19.1.2 198.19.2.2")
    assert all(f"{address}:5060" in found for address in ("198.19.1.1", "198.19.1.2", "198.19.2.2"))


@pytest.mark.parametrize("address", ADDRESSES)
def test_tcp_connects(lab, address):
    lab.on("peer", f"nc -z -w 3 {address} 5060")


@pytest.mark.parametrize("address", ADDRESSES)
def test_calls_complete(lab, address):
    sipp = "sipp -nostdin -m 5 -i"
    uas = f"{sipp} {own(address)} -p 5080 -sf /usr/local/share/sipp/uas.xml >/dev/null 2>&1 & sleep 0.3"
    uac = f"{sipp} {own(address)} -p 5070 -sf /usr/local/share/sipp/uac.xml -r 50 -d 50 -timeout 10 {uri_host(address)}:5060 >/tmp/uac 2>&1"
    lab.on("peer", f"{uas}; {uac}; code=$?; wait; exit $code")
