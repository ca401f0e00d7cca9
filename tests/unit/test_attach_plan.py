# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: what has to be done to an interface."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import PROGRAM_NAME
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import Interface
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Live, Wanted, plan_attach
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings

ETH0 = Interface("eth0", 2, "virtio_net", 1500, "up")
TAG = "a" * 16
NOTHING_THERE = Live(ETH0, None)
AUDIT = Settings(audit=True)
PORTS = Config((5060, 5080))


def live(mode: str = "native", tag: str = TAG, ours: bool = True) -> Live:
    program = Program(mode, 7, PROGRAM_NAME if ours else "other", tag, ours, {}, 1.0)
    return Live(ETH0, program, Config(), Settings()) if ours else Live(ETH0, program)


@pytest.mark.parametrize(
    ("there", "wanted", "steps"),
    [
        pytest.param(NOTHING_THERE, Wanted(""), ("attach",), id="nothing"),
        pytest.param(NOTHING_THERE, Wanted("", "generic", force=True), ("attach",), id="nothing, forced"),
        pytest.param(live(), Wanted(""), (), id="as wanted"),
        pytest.param(live(), Wanted("", force=True), (), id="as wanted, forced"),
        pytest.param(live("native"), Wanted("", "native"), (), id="as wanted, in that mode"),
        pytest.param(live("generic"), Wanted("", "auto"), (), id="auto keeps the mode"),
        pytest.param(live("generic"), Wanted("", "native"), ("detach", "attach"), id="another mode"),
        pytest.param(live("native"), Wanted("", "generic"), ("detach", "attach"), id="another mode, the other way round"),
        pytest.param(live("native", tag="b" * 16), Wanted("", "generic", PORTS, AUDIT), ("detach", "attach"), id="everything else"),
        pytest.param(live(tag="b" * 16), Wanted(""), ("replace",), id="another version"),
        pytest.param(live(), Wanted("", config=PORTS), ("replace",), id="other ports"),
        pytest.param(live(), Wanted("", config=Config(af_xdp=False)), ("replace",), id="no AF_XDP"),
        pytest.param(live(), Wanted("", settings=AUDIT), ("configure",), id="other settings"),
        pytest.param(live(), Wanted("", config=PORTS, settings=AUDIT), ("replace",), id="other ports and settings"),
        pytest.param(live(ours=False), Wanted("", force=True), ("replace",), id="foreign, forced"),
        pytest.param(live("generic", ours=False), Wanted("", "native", force=True), ("detach", "attach"), id="foreign, another mode"),
    ],
)
def test_the_plan(there: Live, wanted: Wanted, steps: tuple[str, ...]) -> None:
    assert plan_attach(there, wanted, TAG) == steps


@pytest.mark.parametrize(
    ("mode", "flag"), [("native", "xdpdrv"), ("generic", "xdpgeneric"), ("offload", "xdpoffload")]
)
def test_a_foreign_program_is_an_error_that_says_how_to_remove_it(mode: str, flag: str) -> None:
    with pytest.raises(FastpathError) as error:
        plan_attach(live(mode, ours=False), Wanted(""), TAG)
    assert str(error.value) == (
        f"eth0: program 7 (other, tag {TAG}, {mode}) is attached, and it is not ours. "
        f"Remove it (ip link set dev eth0 {flag} off), or set force=true to have it replaced"
    )


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("ours", [True, False])
def test_of_two_programs_at_once_none_is_touched(ours: bool, force: bool) -> None:
    with pytest.raises(FastpathError) as error:
        plan_attach(live("multiple", ours=ours), Wanted("", force=force), TAG)
    name = "sip_logic" if ours else "other"
    assert str(error.value) == (
        f"eth0: two programs are attached at once, native and offloaded, program 7 ({name}, tag {TAG}, multiple) among them. "
        "Take one of them off: ip link set dev eth0 xdpoffload off (or xdpdrv)"
    )


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [(Wanted(""), ("pin",)), (Wanted("", settings=AUDIT), ("configure", "pin")), (Wanted("", config=PORTS), ("replace",))],
)
def test_maps_that_somebody_unpinned_are_pinned_again(wanted: Wanted, steps: tuple[str, ...]) -> None:
    assert plan_attach(live(), wanted, TAG, pinned=False) == steps
