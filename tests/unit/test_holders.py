# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose program it is, and how to get it off."""

from __future__ import annotations

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._holders import check_ours, removal_of, words_of
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Program

OTHER = Program("native", 7, "other", "f0" * 8, False, {}, 3.5)
DISPATCHER = OTHER._replace(name="xdp_dispatcher")
LINKED = OTHER._replace(link_id=12)


@pytest.mark.parametrize("mode", [("native", "xdpdrv"), ("generic", "xdpgeneric"), ("offload", "xdpoffload"), ("multiple", "xdp")])
def test_each_mode_is_turned_off_by_its_own_word(mode: tuple[str, str]) -> None:
    assert removal_of("eth0", OTHER._replace(mode=mode[0])) == f"ip link set dev eth0 {mode[1]} off"


@pytest.mark.parametrize(
    ("program", "words", "removal"),
    [
        (OTHER, "", "ip link set dev eth0 xdpdrv off"),
        (DISPATCHER, ", libxdp's dispatcher for the programs of others", "xdp-loader unload eth0 --all"),
        (LINKED, ", held by BPF link 12", "bpftool link detach id 12"),
    ],
)
def test_who_it_is_and_how_it_goes(program: Program, words: str, removal: str) -> None:
    assert words_of(program) == f"program 7 ({program.name}, tag {'f0' * 8}, native)" + words
    assert removal_of("eth0", program) == removal


@pytest.mark.parametrize("force", [False, True])
def test_nothing_and_ours_are_no_problem(force: bool) -> None:
    check_ours("eth0", None, force)
    check_ours("eth0", OTHER._replace(ours=True), force)


@pytest.mark.parametrize("program", [OTHER, DISPATCHER])
def test_force_is_for_what_can_be_replaced(program: Program) -> None:
    check_ours("eth0", program, force=True)
    with pytest.raises(FastpathError) as error:
        check_ours("eth0", program, force=False)
    removal = removal_of("eth0", program)
    assert str(error.value) == (
        f"eth0: {words_of(program)} is attached, and it is not ours. Remove it ({removal}), or set force=true to have it replaced"
    )


@pytest.mark.parametrize("force", [False, True])
def test_what_a_link_holds_only_its_holder_takes_off(force: bool) -> None:
    with pytest.raises(FastpathError) as error:
        check_ours("eth0", LINKED, force)
    assert str(error.value).endswith(
        "Stop what holds the link, or detach it (bpftool link detach id 12); neither 'ip link … off' nor force=true can"
    )
