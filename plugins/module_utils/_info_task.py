# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this host could do: the preflight of the role, and a report for people."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._abi import MapShape
from ansible_collections.vos.fastpath.plugins.module_utils._bpf import create_map
from ansible_collections.vos.fastpath.plugins.module_utils._capabilities import missing_capabilities
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._interfaces import interface_names
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_surveying import SurveyingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import version
from ansible_collections.vos.fastpath.plugins.module_utils._pins import mounted
from ansible_collections.vos.fastpath.plugins.module_utils._survey import survey

__all__ = ("ARGUMENT_SPEC", "Host", "info_task")

ARGUMENT_SPEC: t.Dict[str, t.Any] = {
    "interfaces": {"type": "list", "elements": "str", "aliases": ["interface"]},
    "assert_ready": {"type": "bool", "default": False},
}

KERNEL_FLOOR = (5, 10)
PACKAGES = {
    "debian": {
        "clang": "clang",
        "bpftool": "bpftool",
        "libbpf": "libbpf1",
        "libbpf_headers": "libbpf-dev",
        "kernel_headers": "linux-libc-dev",
        "pyroute2": "python3-pyroute2",
    },
    "rhel": {  # untested here
        "clang": "clang",
        "bpftool": "bpftool",
        "libbpf": "libbpf",
        "libbpf_headers": "libbpf-devel",
        "kernel_headers": "kernel-headers",
        "pyroute2": "python3-pyroute2",
    },
}
"""The package that brings what is needed, by the family of the distribution (C(ID) or C(ID_LIKE) in os-release)."""


class Host:
    """This host, asked one thing at a time."""

    def __init__(self) -> None:
        self.release = platform.release()
        self.machine = platform.machine()

    def os_release(self) -> t.Dict[str, str]:
        """Return os-release(5)."""
        with open("/etc/os-release", encoding="utf-8") as stream:
            pairs = (line.rstrip("\n").partition("=") for line in stream if "=" in line)
            return {key: value.strip("\"'") for key, _equals, value in pairs}

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(path)

    def program(self, name: str) -> t.Optional[str]:
        """Return the path of a program."""
        return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def has_python(self, name: str) -> bool:
        """Whether the Python of the modules can import it."""
        return importlib.util.find_spec(name) is not None

    def libbpf(self) -> t.Optional[str]:
        """Return libbpf's version."""
        try:
            return version()
        except FastpathError:
            return None

    def bpf_refusal(self) -> t.Optional[str]:
        """Try to make a small map, and return why the kernel does not let us."""
        try:
            os.close(create_map(MapShape("probe", 2, 4, 4, 1)))
        except OSError as error:
            return reason_of(error)
        return None

    def jit(self) -> t.Optional[bool]:
        """Whether the kernel compiles BPF to machine code; V(none) where it does not say."""
        try:
            with open("/proc/sys/net/core/bpf_jit_enable", encoding="ascii") as stream:
                return stream.read().strip() != "0"
        except OSError:
            return None

    def interface(self, name: str) -> t.Dict[str, t.Any]:
        """Return what is known of an interface; what needs privileges only with them. Raises FastpathError."""
        return survey(SurveyingKernel(), name, with_programs=bool(self.libbpf()) and not self.missing_capabilities())

    def missing_capabilities(self) -> t.List[str]:
        """Return what this process may not do of what attaching takes."""
        return missing_capabilities()

    def bpffs(self) -> bool:
        """Whether a BPF filesystem is mounted where pins go."""
        return mounted()

    def version_of(self, name: str, argument: str) -> t.Optional[str]:
        """Return the version that a program tells, V(none) where it is missing or tells none."""
        path = self.program(name)
        if path is None:
            return None
        done = subprocess.run((path, argument), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        found = re.search(r"\d+(\.\d+)+", done.stdout)
        return found.group() if found else None

    def interface_names(self) -> t.List[str]:
        """Return the names of all interfaces."""
        return interface_names()


def info_task(params: t.Dict[str, t.Any], check: bool, host: t.Optional[Host] = None) -> t.Dict[str, t.Any]:
    """Return what this host could do, and what is in the way. Raises FastpathError for that if so asked."""
    host = host or Host()
    problems = _problems(host)
    interfaces = {}
    for name in params["interfaces"] or host.interface_names():
        try:
            interfaces[name] = host.interface(name)
        except FastpathError as error:
            problems.append(str(error))
    if problems and params["assert_ready"]:
        lines = "".join("\n- " + problem for problem in problems)
        raise FastpathError("This host", "it can't run the filter:" + lines, "Nothing was changed", problems=problems)
    tools = _tools(host)
    family = _family(host.os_release())
    missing = sorted(name for name, there in tools.items() if not there)
    return {
        "changed": False,
        "kernel": host.release,
        "architecture": host.machine,
        "family": family,
        "btf": host.exists("/sys/kernel/btf/vmlinux"),
        "jit": host.jit(),
        "libbpf": host.libbpf(),
        "clang": host.version_of("clang", "--version"),
        "bpftool": host.version_of("bpftool", "version"),
        "bpffs": host.bpffs(),
        "missing_capabilities": host.missing_capabilities(),
        "interfaces": interfaces,
        "missing": missing,
        "packages": [PACKAGES[family][name] for name in missing] if family in PACKAGES else [],
        "problems": problems,
        "ready": not problems and not missing,
    }


def _problems(host: Host) -> t.List[str]:
    """Return what no package can mend."""
    problems = []
    found = re.match(r"(\d+)\.(\d+)", host.release)
    if not found or tuple(map(int, found.groups())) < KERNEL_FLOOR:
        floor = "%d.%d" % KERNEL_FLOOR
        problems.append("kernel %s: it is older than %s. Upgrade the kernel of this host" % (host.release, floor))
    refusal = host.bpf_refusal()
    if refusal:
        remedy = "Run as root, on the host itself or in a container that may use BPF"
        problems.append("bpf(2): the kernel refused to make a map: %s. %s" % (refusal, remedy))
    return problems


def _tools(host: Host) -> t.Dict[str, bool]:
    tools = {
        "clang": bool(host.program("clang")),
        "libbpf": bool(host.libbpf()),
        "libbpf_headers": host.exists("/usr/include/bpf/bpf_helpers.h"),
        "pyroute2": host.has_python("pyroute2"),
    }
    if host.exists("/sys/kernel/btf/vmlinux"):
        tools["bpftool"] = bool(host.program("bpftool"))
    else:
        tools["kernel_headers"] = host.exists("/usr/include/linux/bpf.h")
    return tools


def _family(release: t.Dict[str, str]) -> str:
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((name for name in names if name in PACKAGES), next(("rhel" for n in names if n == "fedora"), names[0]))
