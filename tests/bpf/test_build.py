# SPDX-License-Identifier: GPL-3.0-or-later

"""The object: what compilers say of it, what is in it, what the verifier makes of it."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import frames as f
import harness
import pytest
import verifier

from ansible_collections.vos.fastpath.plugins.module_utils import _abi as abi

COMPILERS = ("clang-14", "clang-19")
VERIFIED, VERIFIED_WITH_FRAGS = 36_000, 52_000
SETTINGS = {"stealth_methods": harness.mask("OPTIONS"), "malformed_scope": 1}


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def works(path: Path, frags: bool = False) -> None:
    with harness.load(path, frags=frags) as program:
        program.set(**SETTINGS)
        assert program.run(f.sip4(f.request(b"OPTIONS"))) == "drop"
        assert program.run(f.sip4(f.request())) == "pass"


@pytest.mark.parametrize("frags", [False, True], ids=["plain", "frags"])
def test_it_builds_without_a_warning_and_loads(workplace: Path, compiler: str, frags: bool) -> None:
    works(harness.build(workplace, compiler), frags)


def test_it_builds_without_vmlinux(tmp_path: Path, compiler: str) -> None:
    """Where the kernel has no BTF: against the headers of user space."""
    works(harness.build_without_vmlinux(tmp_path / "uapi.o", compiler))


def sections(path: Path) -> dict[str, bytes]:
    """The sections of a 64-bit ELF file (elf(5)) that have something in the file."""
    raw = path.read_bytes()
    (table,) = struct.unpack_from("=Q", raw, 40)
    size, count, names_at = struct.unpack_from("=HHH", raw, 58)
    headers = [struct.unpack_from("=IIQQQQ", raw, table + number * size) for number in range(count)]
    names = headers[names_at][4]
    return {
        raw[names + name : raw.index(b"\0", names + name)].decode(): raw[offset : offset + length]
        for name, kind, _flags, _address, offset, length in headers
        if kind != 8  # SHT_NOBITS
    }


def test_read_only_data_is_the_configuration_and_nothing_else(workplace: Path, compiler: str) -> None:
    """The loader sets all of .rodata at once, so the compiler may add nothing to it."""
    found = sections(harness.build(workplace, compiler))
    data = {name: len(content) for name, content in found.items() if name.startswith((".rodata", ".data", ".bss"))}
    assert data == {".rodata": abi.CONFIG.size}


def test_by_default_it_is_for_port_5060(object_file: Path) -> None:
    count, ports, flags, hz = abi.CONFIG.unpack(sections(object_file)[".rodata"])
    assert (count, ports[:2], flags, hz) == (1, b"\x13\xc4", 0, 250)


def test_its_maps_are_those_of_the_abi(object_file: Path) -> None:
    with harness.load(object_file) as program:
        assert {name: opened.shape for name, opened in program.maps.items()} == abi.MAPS


def test_nothing_is_relocated_against_the_kernel(object_file: Path) -> None:
    """A CO-RE relocation would make libbpf parse the kernel's BTF, 70 to 200 ms per load."""
    header = struct.unpack_from("=HBBIIIIIII", sections(object_file)[".BTF.ext"])
    assert header[0] == 0xEB9F
    assert header[-1] == 0, "bytes of CO-RE relocations"


def test_what_it_takes_the_verifier_is_recorded(object_file: Path, record_property: Callable[[str, object], None]) -> None:
    found = verifier.effort(object_file)
    for name, number in found.items():
        record_property(name, number)
    assert 0 < found["peak_states"] <= found["states"] <= found["instructions"] < VERIFIED


@pytest.mark.parametrize("frags", [False, True], ids=["plain", "frags"])
def test_what_the_verifier_reads_is_bounded(object_file: Path, frags: bool) -> None:
    """Instructions verified in the common configuration: they may grow, but not unseen."""
    with harness.load(object_file, frags=frags) as program:
        assert 0 < program.verified() < (VERIFIED_WITH_FRAGS if frags else VERIFIED)


@pytest.mark.parametrize(("ports", "hit", "missed"), [
    ((5060,), (5060,), (5059, 5061, 0xC413, 0)),
    ((5060, 5080, 1), (5060, 5080, 1), (0, 2, 5061)),
    (tuple(range(6000, 6008)), tuple(range(6000, 6008)), (5060, 5999, 6008)),
])  # fmt: skip
def test_sip_ports_are_configured(object_file: Path, ports: tuple[int, ...], hit: tuple[int, ...], missed: tuple[int, ...]) -> None:
    with harness.load(object_file, ports) as program:
        program.set(**SETTINGS)
        for port in (*hit, *missed):
            assert program.run(f.sip4(f.request(b"OPTIONS"), port=port)) == ("drop" if port in hit else "pass"), port
