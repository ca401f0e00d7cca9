# SPDX-License-Identifier: GPL-3.0-or-later

"""The Debian packages that this checkout asks for: the only list of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A Debian package, the parts of script/setup that want it, and what for."""

    name: str
    parts: tuple[str, ...]
    why: str
    optional: bool = False
    """Installed where the release has it; nothing fails without."""


PACKAGES = (
    Package("python3-venv", ("run", "test", "lint", "docs", "molecule"), "virtual environments: Debian leaves ensurepip out of python3"),
    Package("clang", ("test",), "compiles the XDP program: the release's own version"),
    Package("clang-19", ("test",), "compiles it once more: the newest version that we promise", optional=True),
    Package("libbpf-dev", ("test",), "bpf_helpers.h for the compiler; brings libbpf.so.1 that loads the object"),
    Package("linux-libc-dev", ("test",), "the kernel's UAPI headers, where there is no BTF to make vmlinux.h of"),
    Package("bpftool", ("test",), "makes vmlinux.h; the independent witness of what the modules say"),
    Package("iproute2", ("test",), "network namespaces and veth pairs; the other independent witness"),
    Package("util-linux", ("test",), "unshare and nsenter: tests on real interfaces stay in namespaces of their own"),
    Package("python3-pyroute2", ("test",), "Debian's own netlink library, for modules run by /usr/bin/python3"),
    Package("shellcheck", ("lint",), "reads the shell scripts"),
)


class Missing(Exception):
    """Packages that are not there and that we cannot install."""


def wanted(parts: Sequence[str]) -> list[Package]:
    """The packages of these parts."""
    return [package for package in PACKAGES if set(package.parts) & set(parts)]


def install(parts: Sequence[str]) -> None:
    """Install what these parts want and the machine lacks; asks no mirror when nothing is missing."""
    if shutil.which("dpkg-query") is None:
        print(f"setup: no Debian here; see to it that these are there: {' '.join(p.name for p in wanted(parts))}", flush=True)
        return
    missing = [package for package in wanted(parts) if not _installed(package.name)]
    if all(package.optional and _known_missing(package) for package in missing):
        return
    if os.geteuid() != 0:
        raise Missing(f"not root, so install these first: apt-get install {' '.join(p.name for p in missing)}")
    _apt("update", "-q")
    names = [package.name for package in missing if not package.optional or available(package.name)]
    if names:
        print(f"setup: apt-get install {' '.join(names)}", flush=True)
        _apt("install", "-qy", "--no-install-recommends", *names)


def _installed(name: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", name]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def available(name: str) -> bool:
    """Whether the release has it, as far as its lists are here."""
    return bool(subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).stdout)


def _known_missing(package: Package) -> bool:
    """Does the release lack it, by lists that are there? (On a fresh machine there are none, and nothing is known.)"""
    return available("apt") and not available(package.name)


def _apt(command: str, *arguments: str) -> None:
    """apt-get, asking nothing, and waiting for another one that is at work."""
    argv = ["apt-get", "-o", "DPkg::Lock::Timeout=300", command, *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
