# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said to the hook."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._hook_calls import LONGEST, Call, parse_call
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import parse_prefix


def event(method: str, **params: object) -> bytes:
    """As event_datagram of OpenSIPS 3.1 and later sends it."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"allow 192.0.2.7 3600", ("allow", "192.0.2.7", 3600, "")),
        (b"allow 192.0.2.7 3600 registered alice\r", ("allow", "192.0.2.7", 3600, "registered alice")),
        (b"block  2001:db8::7   60  fail2ban kamailio ", ("block", "2001:db8::7", 60, "fail2ban kamailio")),
        (b"block [2001:db8::7] 60", ("block", "2001:db8::7", 60, "")),
        (b"allow 2001:db8::/64 60", ("allow", "2001:db8::/64", 60, "")),
        (b"unallow 192.0.2.7", ("allow", "192.0.2.7", None, "")),
        (b"unblock 192.0.2.7 because", ("block", "192.0.2.7", None, "")),
        (event("E_VOS_FASTPATH_ALLOW", source="192.0.2.7", seconds=3600), ("allow", "192.0.2.7", 3600, "")),
        (event("E_VOS_FASTPATH_BLOCK", source="192.0.2.7", seconds="60", comment="pike"), ("block", "192.0.2.7", 60, "pike")),
        (event("unblock", source="192.0.2.7"), ("block", "192.0.2.7", None, "")),
    ],
)
def test_a_call(said: bytes, meant: tuple[str, str, int | None, str]) -> None:
    name, source, seconds, comment = meant
    assert parse_call(said) == Call(name, parse_prefix(source), seconds, comment)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "it is no call"),
        (b"permit 192.0.2.7 60", "permit: it is no call"),
        (b"un 192.0.2.7", "un: it is no call"),
        (b"ununblock 192.0.2.7", "it is no call"),
        (b"allow", "it is neither an IPv4 nor an IPv6 address"),
        (b"allow 10.1.2.abc 60", "10.1.2.abc"),
        (b"allow 192.0.2.7", "it is no number of seconds"),
        (b"allow 192.0.2.7 0", "0: it is no number of seconds"),
        (b"allow 192.0.2.7 -1", "it is no number of seconds"),
        (b"allow 192.0.2.7 1e9", "it is no number of seconds"),
        ("allow 192.0.2.7 ٣".encode(), "it is no number of seconds"),
        (b"allow 192.0.2.7 9999999999", "it is no number of seconds"),
        (b"allow 192.0.2.7 60 " + bytes(LONGEST), "a call has 512 at most"),
        (b"{", "it is no notification"),
        (b"{}", "it is no notification"),
        (b'{"method": "allow", "params": []}', "it is no notification"),
        (b'{"method": "allow", "params": {"source": "192.0.2.7"}}', "it is no number of seconds"),
        (b'{"a":' * 100, "it is no notification"),
    ],
)
def test_what_is_no_call(said: bytes, words: str) -> None:
    with pytest.raises(FastpathError) as refused:
        parse_call(said)
    assert words in str(refused.value)


def test_a_comment_is_short_and_can_do_nothing_to_a_terminal() -> None:
    found = parse_call(b"allow 192.0.2.7 60 \x1b[2Jgone\xff\x00" + b"x" * 300)
    assert found.comment.startswith("?[2Jgone")
    assert len(found.comment) == 200
    assert found.comment.isprintable()


@given(st.binary(max_size=LONGEST + 1))
def test_any_bytes_are_a_call_or_refused(said: bytes) -> None:
    try:
        assert isinstance(parse_call(said), Call)
    except FastpathError as error:
        assert str(error).isprintable()
