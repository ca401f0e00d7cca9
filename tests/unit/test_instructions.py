# SPDX-License-Identifier: GPL-3.0-or-later

"""Instructions of BPF; that the kernel runs them is what test_once.py and test_contract.py show."""

from __future__ import annotations

import struct
import sys

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _instructions as bpf


@pytest.mark.parametrize(("order", "registers"), [("little", 0xA2), ("big", 0x2A)])
def test_the_halves_of_a_byte_go_by_the_byte_order(monkeypatch: pytest.MonkeyPatch, order: str, registers: int) -> None:
    monkeypatch.setattr(sys, "byteorder", order)
    assert bpf.instruction(0x61, 2, 10, -4, 7) == struct.pack("=BBhi", 0x61, registers, -4, 7)


def test_a_copy_adds_only_where_there_is_something_to_add() -> None:
    assert bpf.copy(2, 10, -4) == bpf.copy(2, 10) + bpf.instruction(0x07, 2, number=-4)


def test_a_look_up_names_the_map_by_its_descriptor() -> None:
    code = bpf.look_up(77, bpf.copy(2, 6))
    assert struct.unpack_from("=BBhi", code) == (0x18, 0x11, 0, 77)
    assert len(code) == 4 * 8, "the number of a map takes two instructions"
