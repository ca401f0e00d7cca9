# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that is loaded but not attached yet, on the real kernel."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import CONFIG, CONFIG_FRAGS, MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import prog_info
from ansible_collections.vos.fastpath.plugins.module_utils._clock import ticks_per_second
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._program import Candidate, load
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config

pytestmark = pytest.mark.usefixtures("real_host")
BUILT = "Name the sip_logic.bpf.o that vos.fastpath.xdp_build made"


def configuration(candidate: Candidate) -> tuple[int, bytes, int, int]:
    """What the kernel has of it."""
    for map_id in prog_info(candidate.fd).map_ids:
        with AttachingKernel().map_by_id(map_id) as opened:
            if opened.shape.name == "sip.rodata":
                return CONFIG.unpack(opened.lookup(bytes(4)))
    raise AssertionError("it has no configuration")


def test_a_program_is_loaded_with_its_configuration(bpf_object: Callable[[str], str]) -> None:
    with load(bpf_object("filter"), Config((5060, 5080), True), {}) as candidate:
        info = prog_info(candidate.fd)
        assert (info.name, info.id, info.tag) == ("sip_logic", candidate.prog_id, candidate.tag)
        ports = struct.pack("!8H", 5060, 5080, *[0] * 6)
        assert configuration(candidate) == (2, ports, 1 | CONFIG_FRAGS, ticks_per_second())


def test_a_program_that_must_not_take_frags_is_loaded_without(bpf_object: Callable[[str], str]) -> None:
    with load(bpf_object("no_frags"), Config(), {}) as candidate:
        assert prog_info(candidate.fd).name == "sip_logic"
        assert configuration(candidate)[2] == 1


def test_a_program_that_is_not_wanted_any_more_is_gone(bpf_object: Callable[[str], str]) -> None:
    with load(bpf_object("filter"), Config(), {}) as candidate:
        pass
    for _attempt in range(1000):  # the kernel frees it a moment later
        try:
            with AttachingKernel().opened(candidate.prog_id):
                pass
        except FileNotFoundError:
            return
    pytest.fail("it is still loaded")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unverifiable", "the kernel or libbpf refused to load it: Permission denied. The verifier: invalid access to packet"),
        ("foreign", "it has no map sip.rodata, so it is not an object of this collection. Build it with vos.fastpath.xdp_build"),
        ("no_maps", "it has no map hosts_v4, so it is not an object of this collection. Build it with vos.fastpath.xdp_build"),
        ("other_config", "refused to set the configuration of it: Invalid argument"),
    ],
)
def test_an_object_that_can_not_be_ours(bpf_object: Callable[[str], str], name: str, words: str) -> None:
    path = bpf_object(name)
    with AttachingKernel().new_map(MAPS["hosts_v4"]) as table, pytest.raises(FastpathError) as error, load(path, Config(), {"hosts_v4": table.fd}):
        pass
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


def elf(machine: int) -> bytes:
    """The head of an ELF file."""
    return b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 1, machine)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"this is no ELF file at all", elf(62)], ids=["empty", "cut", "text", "x86-64"])
def test_a_file_that_is_no_bpf_object(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "object"
    path.write_bytes(content)
    with pytest.raises(FastpathError) as error, load(str(path), Config(), {}):
        pass
    assert str(error.value) == f"{path}: it is no BPF object (no ELF file for the machine BPF). {BUILT}"


def test_the_head_of_an_object_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(elf(247))
    with pytest.raises(FastpathError, match="libbpf can't open it as a BPF object"), load(str(path), Config(), {}):
        pass


def test_a_program_for_this_machine_is_no_bpf_object() -> None:
    with pytest.raises(FastpathError, match="it is no BPF object"), load(sys.executable, Config(), {}):
        pass


@pytest.mark.parametrize(("name", "words"), [("missing", "No such file or directory"), ("", "Is a directory")])
def test_a_file_that_can_not_be_read(tmp_path: Path, name: str, words: str) -> None:
    path = str(tmp_path / name).rstrip("/")
    with pytest.raises(FastpathError) as error, load(path, Config(), {}):
        pass
    assert str(error.value) == f"{path}: {words}. {BUILT}"
