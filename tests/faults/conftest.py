# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of faults share: a host that is there for nothing else, and two versions of the filter."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config
from ansible_collections.vos.fastpath.tests.faults.host import NAME, Host
from ansible_collections.vos.fastpath.tests.live.world import Outside, far_end, ip, leave_the_machine, settle_down
from ansible_collections.vos.fastpath.tests.unit.objects import SMALLER

_CLANG = ("clang", "-target", "bpf", "-O2", "-mcpu=v3", "-g", "-Wall", "-Wextra", "-Werror", "-DSIP_UAPI_HEADERS")
_HEADERS = f"-I/usr/include/{platform.machine()}-linux-gnu"
_OTHER = (("#define EXPIRED_PREFIXES_MAX 4", "#define EXPIRED_PREFIXES_MAX 3"),)
"""What is different in the second version: something that no packet of these tests can tell."""
_VERSIONS: dict[str, tuple[tuple[str, str], ...]] = {"one": (), "two": _OTHER, "older": SMALLER}


@pytest.fixture(scope="session", autouse=True)
def private_host() -> None:
    """Go where no interface, pin or mount of the machine is in sight."""
    if os.geteuid() != 0:
        pytest.skip("only root can use BPF and make network namespaces")
    leave_the_machine()


@pytest.fixture(scope="session")
def objects(root: Path, private_host: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The filter as it is, a next version of it, and an older one with smaller maps."""
    folder = tmp_path_factory.mktemp("objects")
    made = {}
    for name, differences in _VERSIONS.items():
        source = folder / name
        shutil.copytree(root / "files", source)
        for now, then in differences:
            (found,) = (path for path in source.iterdir() if now in path.read_text())
            found.write_text(found.read_text().replace(now, then))
        made[name] = str(folder / f"{name}.bpf.o")
        subprocess.run((*_CLANG, _HEADERS, "-c", "sip_logic.bpf.c", "-o", made[name]), cwd=source, check=True)
        with AttachingKernel().load(made[name], Config(), {}):
            pass  # libbpf has asked the kernel for its features, and children need not
    return made


@pytest.fixture
def outside(private_host: None) -> Iterator[Outside]:
    """The other end of the cable."""
    made = Outside()
    yield made
    made.close()


@pytest.fixture
def host(outside: Outside, objects: dict[str, str]) -> Iterator[Host]:
    """The host, with a BPF filesystem of its own."""
    subprocess.run(("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"), check=True)
    ip("link", "add", NAME, "type", "veth", "peer", "name", "far0", "netns", outside.path)
    ip("link", "set", NAME, "address", "02:00:00:00:00:01", "addrgenmode", "none")
    with outside.inside():
        ip("link", "set", "far0", "address", "02:00:00:00:00:02", "addrgenmode", "none", "up")
    settle_down(NAME, ("192.0.2.1/24",), ("192.0.2.254",))
    with far_end(outside, "far0") as wire:
        yield Host(wire, objects)
    subprocess.run(("ip", "link", "delete", NAME), check=False, capture_output=True)  # a test may have done so
    subprocess.run(("umount", "/sys/fs/bpf"), check=False, capture_output=True)
