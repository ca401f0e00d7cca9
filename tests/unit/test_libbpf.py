# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading objects with libbpf, on the real kernel."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MAPS
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map, map_info, prog_info
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject, version
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config
from ansible_collections.vos.fastpath.tests.unit.processes import message_of, without

pytestmark = pytest.mark.usefixtures("real_host")
CONFIG = Config((5060,), True).pack(True, 250)


def library() -> str:
    """The file of libbpf that this process has loaded."""
    version()
    return next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libbpf.so" in line)


def test_its_version() -> None:
    assert re.fullmatch(r"1\.\d+", version())


def test_a_host_without_libbpf(collections_path: Path) -> None:
    code = "from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import version\nversion()"
    message = message_of(code, collections_path, *without(os.path.realpath(library())))
    assert message.startswith("libbpf.so.1: ")
    assert message.endswith(". Install libbpf 1.0 or later (Debian: libbpf1, RHEL: libbpf) on this host")


def test_an_object_is_opened_configured_and_loaded(bpf_object: Callable[[str], str]) -> None:
    with BpfObject(bpf_object("filter")) as opened:
        opened.configure(CONFIG)
        opened.accept_frags()
        fd = opened.load()
        assert prog_info(fd).name == "sip_logic"
        assert {name: map_info(opened.map_fd(name)).shape for name in MAPS} == MAPS
        assert len(prog_info(fd).map_ids) == len(MAPS) + 1


def test_a_map_can_be_used_again(bpf_object: Callable[[str], str]) -> None:
    fd = create_map(MAPS["hosts_v4"])
    with BpfObject(bpf_object("filter")) as opened:
        opened.reuse_map("hosts_v4", fd)
        program = opened.load()
        assert map_info(fd).id in prog_info(program).map_ids
        assert map_info(opened.map_fd("hosts_v4")).id == map_info(fd).id
    os.close(fd)


def test_what_is_no_elf_file(tmp_path: Path) -> None:
    path = tmp_path / "text.bpf.o"
    path.write_text("this is text")
    with pytest.raises(FastpathError) as error:
        BpfObject(str(path))
    assert re.fullmatch(rf"{path}: libbpf can't open it as a BPF object: .+\. Build it again", str(error.value))
    assert str(path) in error.value.details["log"]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FastpathError, match="libbpf can't open it as a BPF object: No such file or directory. Build it again"):
        BpfObject(str(tmp_path / "nothing"))


def test_a_program_that_the_verifier_refuses(bpf_object: Callable[[str], str]) -> None:
    path = bpf_object("unverifiable")
    with BpfObject(path) as opened, pytest.raises(FastpathError) as error:
        opened.load()
    message = str(error.value)
    assert message.startswith(f"{path}: the kernel or libbpf refused to load it: Permission denied. The verifier: invalid access to packet")
    assert "invalid access to packet" in message
    assert error.value.details["errno"] == errno.EACCES
    assert "invalid access to packet" in error.value.details["log"]
    assert len(error.value.details["log"].splitlines()) <= 12


@pytest.mark.parametrize(
    ("name", "call", "message"),
    [
        ("foreign", lambda opened: opened.configure(CONFIG), "it has no map sip.rodata, so it is not an object of this collection"),
        ("foreign", lambda opened: opened.accept_frags(), "it has no program sip_logic, so it is not an object of this collection"),
        ("no_maps", lambda opened: opened.reuse_map("hosts_v4", 0), "it has no map hosts_v4, so it is not an object of this collection"),
    ],
)
def test_an_object_that_is_not_ours(bpf_object: Callable[[str], str], name: str, call: Callable[[BpfObject], None], message: str) -> None:
    path = bpf_object(name)
    with BpfObject(path) as opened, pytest.raises(FastpathError) as error:
        call(opened)
    assert str(error.value) == f"{path}: {message}. Build it with vos.fastpath.xdp_build"


def test_a_configuration_of_another_size(bpf_object: Callable[[str], str]) -> None:
    path = bpf_object("other_config")
    with BpfObject(path) as opened, pytest.raises(FastpathError) as error:
        opened.configure(CONFIG)
    assert str(error.value) == (
        f"{path}: the kernel or libbpf refused to set the configuration of it: Invalid argument. Build the object again on this host"
    )


def test_a_map_that_is_none(bpf_object: Callable[[str], str]) -> None:
    path = bpf_object("filter")
    words = "refused to use the map hosts_v4 of it: (File descriptor in bad state|Bad file descriptor)"
    with BpfObject(path) as opened, pytest.raises(FastpathError, match=words):
        opened.reuse_map("hosts_v4", 9999)


def test_flags_come_too_late_after_loading(bpf_object: Callable[[str], str]) -> None:
    with BpfObject(bpf_object("filter")) as opened:
        opened.load()
        with pytest.raises(FastpathError, match="refused to set the flags of it: Device or resource busy"):
            opened.accept_frags()


def test_who_is_not_root_is_told_so(bpf_object: Callable[[str], str], collections_path: Path) -> None:
    code = f"""
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
with BpfObject({bpf_object("filter")!r}) as opened:
    opened.load()
"""
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
    assert message_of(code, collections_path, *powerless).endswith(
        "refused to load it: Operation not permitted. Loading needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
    )
