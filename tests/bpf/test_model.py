# SPDX-License-Identifier: GPL-3.0-or-later

"""The model itself, where a named case would not show a mistake: choices, lists, time, order of rows."""

from __future__ import annotations

from dataclasses import replace

import frames as f
import pytest
from model import Entry, Model, Settings, is_stun, network

FOREVER = float("inf")
JUNK = f.sip4(b"this is no SIP message, but it is long enough")
OPTIONS, INVITE = f.sip4(f.request(b"OPTIONS")), f.sip4(f.request())


def reason(frame: bytes, **choices: object) -> str:
    return Model(replace(Settings(), **choices)).judge(frame).reason


def listed(**entries: Entry) -> dict[str, object]:
    """The lists by name; 198_51_100_0_24 is 198.51.100.0/24."""
    return {"lists": {network("{}.{}.{}.{}/{}".format(*name[1:].split("_"))): entry for name, entry in entries.items()}}


ALLOWED, BLOCKED = Entry(allow_until=FOREVER), Entry(block_until=FOREVER)


def test_a_blocked_source_is_dropped_before_its_message_is_read() -> None:
    assert reason(f.sip4(b""), **listed(_198_51_100_7_32=BLOCKED)) == "blocklist"


def test_an_allowed_source_may_scan() -> None:
    assert reason(OPTIONS, **listed(_198_51_100_7_32=ALLOWED)) == "request"


def test_the_longer_prefix_wins() -> None:
    assert reason(INVITE, **listed(_198_51_100_0_24=BLOCKED, _198_51_100_7_32=ALLOWED)) == "request"
    assert reason(INVITE, **listed(_198_51_100_0_24=ALLOWED, _198_51_100_7_32=BLOCKED)) == "blocklist"


def test_on_a_tie_the_blocklist_wins() -> None:
    assert reason(INVITE, **listed(_198_51_100_0_24=Entry(FOREVER, FOREVER))) == "blocklist"


def test_what_has_expired_was_never_there() -> None:
    both = listed(_198_51_100_0_24=BLOCKED, _198_51_100_7_32=Entry(allow_until=5))
    model = Model(replace(Settings(), **both))
    assert model.judge(INVITE, now=4.9).reason == "request"
    assert model.judge(INVITE, now=5.0).reason == "blocklist"


def test_an_expired_block_leaves_the_allowance_of_the_same_entry() -> None:
    model = Model(replace(Settings(), **listed(_198_51_100_7_32=Entry(allow_until=FOREVER, block_until=5))))
    assert model.judge(OPTIONS, now=4).reason == "blocklist"
    assert model.judge(OPTIONS, now=5).reason == "request"


def test_ipv4_and_ipv6_are_told_apart() -> None:
    assert reason(f.sip6(f.request()), **listed(_0_0_0_0_0=BLOCKED)) == "request"


@pytest.mark.parametrize(("scope", "trusted", "wanted"), [
    ("off", False, "request"), ("off", True, "request"),
    ("untrusted", False, "malformed_method"), ("untrusted", True, "request"),
    ("all", False, "malformed_method"), ("all", True, "malformed_method"),
])  # fmt: skip
def test_malformed_has_a_scope(scope: str, trusted: bool, wanted: str) -> None:
    choices = listed(_198_51_100_7_32=ALLOWED) if trusted else {}
    assert reason(f.sip4(b"\x80" * 40), malformed=scope, **choices) == wanted


def test_the_guards_have_no_scope() -> None:
    assert reason(f.sip4(b"\n" * 65 + b"x"), malformed="off") == "leading_blanks"
    assert reason(f.first_fragment4(b"A" * 24), malformed="off") == "tiny_fragment"
    assert reason(f.first_fragment4(b"INVITE sip:alice@exa"), malformed="off") == "line_cut"
    assert reason(f.ethernet(f.ipv4(f.udp(b"x", length=3))), malformed="off") == "udp_len"


def test_a_status_line_that_nobody_minds_is_a_response() -> None:
    assert reason(f.sip4(b"SIP/2.0 hello there!"), malformed="off") == "response"


@pytest.mark.parametrize(("method", "wanted"), [(b"FOO", "stealth"), (b"A" * 200, "stealth"), (b"INVITE", "request"), (b"INVITEX", "stealth")])
def test_other_is_every_method_that_is_not_registered(method: bytes, wanted: str) -> None:
    assert reason(f.sip4(f.request(method)), stealth=frozenset((b"other",))) == wanted


def test_methods_are_counted_whatever_becomes_of_them() -> None:
    assert Model(Settings()).judge(OPTIONS).method == "OPTIONS"
    assert Model(Settings()).judge(f.sip4(b"BYE@")).method == "BYE"
    assert Model(Settings()).judge(f.sip4(b"INVITE")).method is None


def test_audit_passes_and_says_what_it_would_have_done() -> None:
    outcome = Model(Settings(audit=True)).judge(OPTIONS)
    assert (outcome.action, outcome.counted, outcome.reason) == ("pass", "would_drop", "stealth")


def test_a_bucket_empties_and_fills() -> None:
    model = Model(Settings(rate=10, burst=3))
    assert [model.judge(INVITE, now=0).reason for _time in range(4)] == ["request"] * 3 + ["rate_limit"]
    assert [model.judge(INVITE, now=0.2).reason for _time in range(3)] == ["request"] * 2 + ["rate_limit"]
    assert [model.judge(INVITE, now=99).reason for _time in range(4)] == ["request"] * 3 + ["rate_limit"]


def test_a_bucket_is_for_a_source_and_of_ipv6_for_a_64() -> None:
    model = Model(Settings(rate=1, burst=1))
    assert model.judge(INVITE).reason == "request"
    assert model.judge(f.sip4(f.request(), source="198.51.100.8")).reason == "request"
    assert model.judge(f.sip6(f.request(), source="2001:db8:5::1")).reason == "request"
    assert model.judge(f.sip6(f.request(), source="2001:db8:5:0:ffff::2")).reason == "rate_limit"
    assert model.judge(f.sip6(f.request(), source="2001:db8:5:1::1")).reason == "request"


def test_answers_and_trusted_sources_have_no_rate() -> None:
    model = Model(replace(Settings(rate=1, burst=1), **listed(_198_51_100_7_32=ALLOWED)))
    assert {model.judge(INVITE).reason for _time in range(5)} == {"request"}
    model = Model(Settings(rate=1, burst=1))
    assert {model.judge(f.sip4(b"SIP/2.0 200 OK")).reason for _time in range(5)} == {"response"}


def test_a_socket_gets_whole_untagged_datagrams() -> None:
    model = Model(Settings(sockets=frozenset((3,))))
    assert model.judge(INVITE, queue=3).action == "redirect"
    assert model.judge(INVITE, queue=0).action == "pass"
    assert model.judge(f.first_fragment4(f.request()), queue=3).action == "pass"
    assert model.judge(f.ethernet(f.ipv4(f.udp(f.request())), tags=(f.VLAN,)), queue=3).action == "pass"


def test_stun_is_strict() -> None:
    right = f.stun(0x0001, b"\0\0\0\0")
    assert is_stun(right)
    for at, value in ((0, 0x40), (0, 0x02), (1, 0x03), (3, 0x05), (4, 0x22)):
        assert not is_stun(right[:at] + bytes((value,)) + right[at + 1 :]), f"byte {at}"


def test_junk_is_junk() -> None:
    assert reason(JUNK) == "malformed_start_line"
