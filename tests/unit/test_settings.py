# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator can choose about the filter."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._abi import CONFIG, METHODS
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

NAME_PORTS = "Name the ports SIP arrives on"


def test_the_configuration_is_what_the_program_reads() -> None:
    raw = Config((5060, 5080), True).pack(frags=False, hz=1000)
    assert CONFIG.size == len(raw) == 28
    assert raw == struct.pack("=I", 2) + b"\x13\xc4\x13\xd8" + bytes(12) + struct.pack("=II", 1, 1000)


@pytest.mark.parametrize(("af_xdp", "frags", "flags"), [(False, False, 0), (True, False, 1), (False, True, 2), (True, True, 3)])
def test_its_flags(af_xdp: bool, frags: bool, flags: int) -> None:
    assert struct.unpack_from("=I", Config((5060,), af_xdp).pack(frags, 250), 20)[0] == flags


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=8), st.booleans(), st.booleans())
def test_what_is_packed_can_be_read_back(ports: set[int], af_xdp: bool, frags: bool) -> None:
    config = Config(tuple(ports), af_xdp).check()
    assert Config.unpack(config.pack(frags, 250)) == config
    assert config == Config(tuple(sorted(ports)), af_xdp)


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ((0,), "ports: 0: a UDP port is from 1 to 65535. " + NAME_PORTS),
        ((5060, 65536), "ports: 65536: a UDP port is from 1 to 65535. " + NAME_PORTS),
        ((-1,), "ports: -1: a UDP port is from 1 to 65535. " + NAME_PORTS),
        ((), "ports: there are 0, and it takes 1 to 8. " + NAME_PORTS),
        (tuple(range(5060, 5069)), "ports: there are 9, and it takes 1 to 8. " + NAME_PORTS),
    ],
)
def test_ports_that_are_none(ports: tuple[int, ...], message: str) -> None:
    with pytest.raises(FastpathError) as error:
        Config(ports).check()
    assert str(error.value) == message


def test_a_port_counts_once_and_their_order_does_not() -> None:
    assert Config((5080, 5060) * 5).check() == Config((5060, 5080)).check() == Config((5060, 5080))


def test_the_settings_are_what_the_program_reads() -> None:
    chosen = Settings(("OPTIONS", "other"), "all", True, 100, 500)
    assert chosen.pack() == struct.pack("=6I", 1, 1 << 8 | 1 << 0, 2, 100, 500, 0)


@pytest.mark.parametrize(("malformed", "number"), [("off", 0), ("untrusted", 1), ("all", 2)])
def test_the_scopes_of_malformed(malformed: str, number: int) -> None:
    raw = Settings(malformed=malformed).pack()
    assert struct.unpack_from("=I", raw, 8)[0] == number
    assert Settings.unpack(raw).malformed == malformed


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ((), ()),
        (("options",), ("OPTIONS",)),
        (("Other", "OPTIONS", "INVITE", "options"), ("other", "INVITE", "OPTIONS")),
        (("all",), ("all",)),
        (("ALL", "OPTIONS"), ("all",)),
        (METHODS, ("all",)),
    ],
)
def test_methods_have_one_normal_form(given: tuple[str, ...], normal: tuple[str, ...]) -> None:
    assert Settings(given).check().stealth == normal


@given(st.sets(st.sampled_from(METHODS)), st.sampled_from(["off", "untrusted", "all"]), st.booleans(), st.integers(0, 2**32 - 1))
def test_settings_can_be_read_back(methods: set[str], malformed: str, audit: bool, rate: int) -> None:
    chosen = Settings(tuple(methods), malformed, audit, rate, 2**32 - 1).check()
    assert Settings.unpack(chosen.pack()) == chosen == chosen.check()
    assert set(chosen.stealth) in ({"all"}, methods)


SANE = "A sane limit is 100, with a burst of 1000"
KNOWN = ", ".join(METHODS[1:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(("OPTION",)), f"stealth: OPTION: it is no registered SIP method. Use all, other, or of {KNOWN}"),
        (Settings(("OPTIONS", "")), f"stealth: : it is no registered SIP method. Use all, other, or of {KNOWN}"),
        (Settings(("OPT\u0130ONS",)), f"stealth: OPT\u0130ONS: it is no registered SIP method. Use all, other, or of {KNOWN}"),
        (Settings(rate_limit=-1), f"rate_limit: -1: it has to be a number of requests from 0 to 4294967295. {SANE}"),
        (Settings(rate_limit=2**32), f"rate_limit: 4294967296: it has to be a number of requests from 0 to 4294967295. {SANE}"),
        (Settings(rate_burst=-5), f"rate_burst: -5: it has to be a number of requests from 0 to 4294967295. {SANE}"),
        (Settings(rate_limit=10, rate_burst=0), "rate_burst: 0: with a rate limit it would drop every request. A sane burst is 1000"),
    ],
)
def test_settings_that_are_none(settings: Settings, message: str) -> None:
    with pytest.raises(FastpathError) as error:
        settings.check()
    assert str(error.value) == message


def test_without_a_limit_no_burst_is_needed() -> None:
    assert Settings(rate_limit=0, rate_burst=0).check().rate_burst == 0


@pytest.mark.parametrize("kind", [Config, Settings])
@pytest.mark.parametrize("raw", [b"", bytes(20), bytes(64)])
def test_what_another_version_packed_is_not_guessed_at(kind: type[Config] | type[Settings], raw: bytes) -> None:
    with pytest.raises(FastpathError) as error:
        kind.unpack(raw)
    assert str(error.value) == (
        "The filter that is attached: it is of another version of this collection. Upgrade it with vos.fastpath.xdp_attach"
    )


GARBAGE = {
    "no scope": (0, 2, 3, 0, 1000, 0),
    "no method": (0, 1 << 15, 1, 0, 1000, 0),
    "all and more": (0, 2**32 - 1, 1, 0, 1000, 0),
    "no flag": (1 << 7, 2, 1, 0, 1000, 0),
    "what is reserved": (0, 2, 1, 0, 1000, 1),
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_somebody_else_wrote_into_the_map_is_not_guessed_at(garbage: str) -> None:
    raw = struct.pack("=6I", *GARBAGE[garbage])
    with pytest.raises(FastpathError) as error:
        Settings.unpack(raw)
    assert str(error.value) == (
        f"xdp_settings: nothing that can be chosen is {raw.hex()}, which somebody has written there. "
        "Set them anew with vos.fastpath.xdp_attach"
    )


def test_every_registered_method_has_a_bit_of_its_own() -> None:
    masks = {struct.unpack_from("=I", Settings((name,)).pack(), 4)[0] for name in METHODS}
    assert masks == {1 << number for number in range(15)}
