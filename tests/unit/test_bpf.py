# SPDX-License-Identifier: GPL-3.0-or-later

"""The system call bpf(2), on the real kernel."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _bpf
from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS, MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._instructions import EXIT, put
from ansible_collections.vos.fastpath.tests.unit.processes import message_of

SMALL = MapShape("small", 1, 4, 8, 16)
pytestmark = pytest.mark.usefixtures("real_host")


@pytest.mark.parametrize("shape", [SMALL, *MAPS.values()], ids=lambda shape: shape.name)
def test_a_map_has_the_shape_that_it_was_asked_for(shape: MapShape) -> None:
    fd = _bpf.create_map(shape)
    try:
        assert _bpf.map_info(fd).shape == shape
        again = _bpf.map_by_id(_bpf.map_info(fd).id)
        assert _bpf.map_info(again) == _bpf.map_info(fd)
        os.close(again)
    finally:
        os.close(fd)


def test_a_map_can_be_pinned_once(no_pins: None) -> None:
    fd = _bpf.create_map(SMALL)
    try:
        _bpf.pin(fd, "/sys/fs/bpf/small")
        with pytest.raises(FileExistsError):
            _bpf.pin(fd, "/sys/fs/bpf/small")
        again = _bpf.get_pinned("/sys/fs/bpf/small")
        assert _bpf.map_info(again).id == _bpf.map_info(fd).id
        os.close(again)
    finally:
        os.close(fd)


@pytest.mark.parametrize("call", [_bpf.map_by_id, _bpf.prog_by_id])
def test_there_is_no_object_of_that_number(call: Callable[[int], int]) -> None:
    with pytest.raises(FileNotFoundError):
        call(0x7FFFFFFF)


@pytest.mark.parametrize("may_raise", [True, False])
def test_where_memory_counts_as_locked_the_limit_is_raised(may_raise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernel 5.10 charges a table for all that it could hold; the limit of a session or a service is 64 KB to 64 MB."""
    real, limits = _bpf.bpf, [(1 << 16, 1 << 16)]

    def set_limit(what: int, limit: tuple[int, int]) -> None:
        assert what == resource.RLIMIT_MEMLOCK
        if not may_raise:
            raise ValueError("not allowed to raise maximum limit")
        limits.append(limit)

    def charge(command: int, attr: ctypes.Array[ctypes.c_char]) -> int:
        if limits[-1] != (resource.RLIM_INFINITY, resource.RLIM_INFINITY):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(command, attr)

    monkeypatch.setattr(_bpf, "bpf", charge)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    for make in (lambda: _bpf.create_map(SMALL), lambda: _bpf.load_xdp(put(0, 2) + EXIT)):
        with contextlib.nullcontext() if may_raise else pytest.raises(PermissionError):
            os.close(make())


def test_a_shape_that_the_kernel_does_not_take() -> None:
    with pytest.raises(OSError, match="Invalid argument") as error:
        _bpf.create_map(SMALL._replace(max_entries=0))
    assert error.value.errno == errno.EINVAL


def test_a_machine_whose_number_is_not_known(collections_path: Path) -> None:
    if platform.machine() != "x86_64" or not shutil.which("setarch"):
        pytest.skip("only an x86-64 can pretend to be an i686")
    code = """
from ansible_collections.vos.fastpath.plugins.module_utils import _bpf
try:
    _bpf.map_by_id(1)
except OSError as error:
    print(error.errno, error.strerror)
"""
    words = message_of(code, collections_path, "setarch", "i686")
    assert words == f"{errno.ENOSYS} the number of bpf(2) on i686 is not known"
