# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking the kernel over netlink, without pyroute2."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._asking import ROUTE, ask, attribute, attributes, number


def test_attributes_are_padded_and_found_again() -> None:
    raw = attribute(1, b"abc") + attribute(2, b"") + attribute(3, b"abcd")
    assert len(raw) == 8 + 4 + 8
    assert attributes(raw) == {1: b"abc", 2: b"", 3: b"abcd"}


def test_the_kernel_marks_what_is_nested() -> None:
    assert attributes(attribute(18 | 0x8000, attribute(1, b"vlan\0"))) == {18: attribute(1, b"vlan\0")}


@pytest.mark.parametrize("raw", [b"", b"\x08", struct.pack("=HH", 0, 7) * 2])
def test_what_is_cut_short_ends(raw: bytes) -> None:
    assert set(attributes(raw).values()) <= {b""}


@pytest.mark.parametrize(("raw", "value"), [(None, None), (b"\x07", 7), (struct.pack("=I", 70000), 70000), (struct.pack("=Q", 1 << 40), 1 << 40)])
def test_numbers_of_any_size(raw: bytes | None, value: int | None) -> None:
    assert number(raw) == value


def test_an_answer_of_the_kernel(real_host: None) -> None:
    answer = ask(ROUTE, 18, struct.pack("=BxHiII", 0, 0, 1, 0, 0))  # RTM_GETLINK of lo
    assert attributes(answer[16:])[3] == b"lo\0"


def test_a_refusal_of_the_kernel(real_host: None) -> None:
    with pytest.raises(OSError, match="No such device") as refused:
        ask(ROUTE, 18, struct.pack("=BxHiII", 0, 0, 987654, 0, 0))
    assert refused.value.errno == errno.ENODEV


def test_reading_imports_no_pyroute2(collections_path: object) -> None:
    name = "ansible_collections.vos.fastpath.plugins.module_utils._devices"
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {name}; sys.exit('pyroute2' in sys.modules)"
    subprocess.run((sys.executable, "-c", code, str(collections_path)), check=True)
