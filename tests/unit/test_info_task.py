# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host could do, and what is in the way."""

from __future__ import annotations

import inspect
import platform
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._info_task import PACKAGES, Host, info_task
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, attach
from ansible_collections.vos.fastpath.tests.unit.processes import message_of, without

BTF = "/sys/kernel/btf/vmlinux"
AS_ROOT = "Run as root, on the host itself or in a container that may use BPF"
UAPI = "/usr/include/linux/bpf.h"
HELPERS = "/usr/include/bpf/bpf_helpers.h"


class FakeHost(Host):
    """A host that has everything; a test takes something away."""

    def __init__(self) -> None:
        self.release = "6.12.38+deb13-amd64"
        self.machine = "x86_64"
        self.distribution = {"ID": "debian"}
        self.files = {BTF, HELPERS, UAPI}
        self.programs = {"clang", "bpftool"}
        self.pythons = {"pyroute2"}
        self.libbpf_version: str | None = "1.5"
        self.refusal: str | None = None
        self.jitted: bool | None = True
        self.lacks: list[str] = []
        self.names = ["enp1s0", "lo"]

    def os_release(self) -> dict[str, str]:
        return self.distribution

    def exists(self, path: str) -> bool:
        return path in self.files

    def program(self, name: str) -> str | None:
        return "/usr/bin/" + name if name in self.programs else None

    def has_python(self, name: str) -> bool:
        return name in self.pythons

    def libbpf(self) -> str | None:
        return self.libbpf_version

    def bpf_refusal(self) -> str | None:
        return self.refusal

    def jit(self) -> bool | None:
        return self.jitted

    def missing_capabilities(self) -> list[str]:
        return self.lacks

    def bpffs(self) -> bool:
        return True

    def version_of(self, name: str, argument: str) -> str | None:
        return {"clang": "19.1.7", "bpftool": "7.5.0"}[name] if name in self.programs else None

    def interface(self, name: str) -> dict[str, Any]:
        if name not in self.names:
            raise FastpathError(name, "there is no such interface", "This host has: %s" % ", ".join(self.names))
        return {"name": name, "ifindex": 1 + self.names.index(name), "driver": "virtio_net", "mtu": 1500, "operstate": "up", "xdp": None}

    def interface_names(self) -> list[str]:
        return self.names


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def info(host: Host, *names: str, assert_ready: bool = False) -> dict[str, Any]:
    return info_task({"interfaces": list(names) or None, "assert_ready": assert_ready}, False, host)


def test_the_fake_answers_everything_itself() -> None:
    assert {name for name, _method in inspect.getmembers(Host, inspect.isfunction)} <= vars(FakeHost).keys()


def test_a_host_that_has_everything(host: FakeHost) -> None:
    assert info(host) == {
        "changed": False,
        "kernel": "6.12.38+deb13-amd64",
        "architecture": "x86_64",
        "family": "debian",
        "btf": True,
        "jit": True,
        "libbpf": "1.5",
        "clang": "19.1.7",
        "bpftool": "7.5.0",
        "bpffs": True,
        "missing_capabilities": [],
        "interfaces": {name: host.interface(name) for name in ("enp1s0", "lo")},
        "missing": [],
        "packages": [],
        "problems": [],
        "ready": True,
    }
    assert info(host, "enp1s0", assert_ready=True)["ready"] is True


def test_a_bare_debian(host: FakeHost) -> None:
    host.programs, host.pythons, host.libbpf_version = set(), set(), None
    host.files = {BTF}
    found = info(host, assert_ready=True)
    assert found["missing"] == ["bpftool", "clang", "libbpf", "libbpf_headers", "pyroute2"]
    assert found["packages"] == ["bpftool", "clang", "libbpf1", "libbpf-dev", "python3-pyroute2"]
    assert (found["ready"], found["problems"]) == (False, [])


@pytest.mark.parametrize(
    ("take", "name"),
    [
        (lambda host: host.programs.discard("clang"), "clang"),
        (lambda host: host.programs.discard("bpftool"), "bpftool"),
        (lambda host: host.pythons.discard("pyroute2"), "pyroute2"),
        (lambda host: host.files.discard(HELPERS), "libbpf_headers"),
        (lambda host: setattr(host, "libbpf_version", None), "libbpf"),
    ],
)
@pytest.mark.parametrize("family", ["debian", "rhel"])
def test_what_is_missing_has_a_package(host: FakeHost, take: Callable[[FakeHost], None], name: str, family: str) -> None:
    host.distribution = {"ID": family}
    take(host)
    found = info(host)
    assert (found["missing"], found["packages"], found["ready"]) == ([name], [PACKAGES[family][name]], False)


def test_a_kernel_that_tells_no_types_needs_its_headers_instead_of_bpftool(host: FakeHost) -> None:
    host.files = {HELPERS}
    host.programs = {"clang"}
    found = info(host)
    assert (found["btf"], found["missing"], found["packages"]) == (False, ["kernel_headers"], ["linux-libc-dev"])
    host.files.add(UAPI)
    assert info(host)["ready"] is True


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "debian"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian"),
        ({"ID": "rhel", "ID_LIKE": "fedora"}, "rhel"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
        ({"ID": "fedora"}, "rhel"),
        ({"ID": "amzn", "ID_LIKE": "fedora"}, "rhel"),
        ({"ID": "arch"}, "arch"),
        ({}, ""),
    ],
)
def test_the_family_of_a_distribution(host: FakeHost, release: dict[str, str], family: str) -> None:
    host.distribution = release
    assert info(host)["family"] == family


def test_a_distribution_that_is_not_known_has_no_names_of_packages(host: FakeHost) -> None:
    host.distribution, host.programs = {"ID": "arch"}, {"bpftool"}
    found = info(host)
    assert (found["missing"], found["packages"]) == (["clang"], [])


@pytest.mark.parametrize(("release", "old"), [("5.9.16", True), ("4.19.0-27-amd64", True), ("5.10.0", False), ("6.1", False), ("odd", True)])
def test_the_oldest_kernel(host: FakeHost, release: str, old: bool) -> None:
    host.release = release
    problems = [f"kernel {release}: it is older than 5.10. Upgrade the kernel of this host"] if old else []
    assert info(host)["problems"] == problems


def test_everything_that_is_in_the_way_is_told_at_once(host: FakeHost) -> None:
    host.release, host.refusal = "4.19.0", "Operation not permitted (EPERM)"
    with pytest.raises(FastpathError) as error:
        info(host, "enp9s0", "enp1s0", assert_ready=True)
    problems = [
        "kernel 4.19.0: it is older than 5.10. Upgrade the kernel of this host",
        "bpf(2): the kernel refused to make a map: Operation not permitted (EPERM). " + AS_ROOT,
        "enp9s0: there is no such interface. This host has: enp1s0, lo",
    ]
    assert str(error.value) == "This host: it can't run the filter:\n- " + "\n- ".join(problems) + ". Nothing was changed"
    assert error.value.details == {"problems": problems}
    found = info(host, "enp9s0", "enp1s0")
    assert (found["problems"], list(found["interfaces"]), found["ready"]) == (problems, ["enp1s0"], False)


# The real host.


def test_this_host_is_asked(veth: str) -> None:
    found = info_task({"interfaces": None, "assert_ready": False}, False)
    assert (found["kernel"], found["architecture"]) == (platform.release(), platform.machine())
    assert found["interfaces"].keys() == {"lo", "veth0", "veth1"}
    assert (found["interfaces"][veth]["driver"], found["interfaces"][veth]["xdp"]) == ("veth", None)
    assert found["problems"] == []
    assert found["jit"] in (True, False, None)
    assert (found["family"], found["btf"]) == ("debian", Path(BTF).exists())


def test_a_program_on_an_interface_is_seen(veth: str, bpf_object: Callable[[str], str]) -> None:
    ifindex = int(Path(f"/sys/class/net/{veth}/ifindex").read_text())
    with BpfObject(bpf_object("filter")) as opened:
        fd = opened.load()
        attach(ifindex, "generic", fd)
        assert Host().interface(veth)["xdp"]["mode"] == "generic"
        attach(ifindex, "generic", NOTHING, fd)


def test_words_of_os_release(real_host: None) -> None:
    assert Host().os_release()["ID"] == platform.freedesktop_os_release()["ID"]
    assert '"' not in Host().os_release()["NAME"]


@pytest.fixture
def no_net_sysctls(real_host: None) -> Iterator[None]:
    """A host that says nothing of its network."""
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/proc/sys/net"), check=True)
    yield
    subprocess.run(("umount", "/proc/sys/net"), check=True)


def test_a_kernel_that_does_not_tell_of_its_compiler(no_net_sysctls: None) -> None:
    assert Host().jit() is None


@pytest.mark.parametrize(("text", "on"), [("0", False), ("1", True), ("2", True)])
def test_the_compiler_is_on_or_off(no_net_sysctls: None, text: str, on: bool) -> None:
    folder = Path("/proc/sys/net/core")
    folder.mkdir()
    (folder / "bpf_jit_enable").write_text(text + "\n")
    assert Host().jit() is on


def test_a_host_without_libbpf(collections_path: Path, real_host: None) -> None:
    library = next(path for path in Path("/usr/lib").rglob("libbpf.so.1") if path.exists())
    code = """
from ansible_collections.vos.fastpath.plugins.module_utils._info_task import Host
print(Host().libbpf(), Host().interface("lo")["xdp"])
"""
    assert message_of(code, collections_path, *without(str(library.resolve()))) == "None None"


def test_without_privileges_what_anybody_may_know_is_told(collections_path: Path, real_host: None) -> None:
    code = """
from ansible_collections.vos.fastpath.plugins.module_utils._info_task import Host
print(Host().missing_capabilities(), Host().interface("lo")["xdp"], Host().interface("lo")["expected_mode"])
"""
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
    assert message_of(code, collections_path, *powerless).startswith("['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'] None ")


def test_programs_tell_their_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in {"clang": "Debian clang version 14.0.6", "bpftool": "bpftool v7.1.0\nusing libbpf v1.1", "silent": "none"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{words}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (Host().version_of("clang", "--version"), Host().version_of("bpftool", "version")) == ("14.0.6", "7.1.0")
    assert (Host().version_of("silent", "--version"), Host().version_of("no-such-program", "--version")) == (None, None)


def test_pins_have_a_place_or_not(no_pins: None) -> None:
    assert Host().bpffs() is True


def test_a_kernel_that_does_not_let_us(collections_path: Path, real_host: None) -> None:
    code = """
from ansible_collections.vos.fastpath.plugins.module_utils._info_task import Host
print(Host().bpf_refusal())
"""
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
    assert message_of(code, collections_path, *powerless) == "Operation not permitted (EPERM)"


def test_what_this_python_has() -> None:
    assert Host().has_python("pyroute2")
    assert not Host().has_python("pyroute3")


def test_programs_are_found_where_a_plain_su_does_not_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert Host().program("ldconfig")
    assert Host().program("no-such-program") is None
