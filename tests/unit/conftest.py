# SPDX-License-Identifier: GPL-3.0-or-later

"""What the units share: a fake kernel, and a corner of the real one that nobody else sees."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._build_task import build_task
from ansible_collections.vos.fastpath.plugins.module_utils._entries import empty
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.commanding import Commander
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import NO_NATIVE, FakeKernel
from ansible_collections.vos.fastpath.tests.unit.objects import SOURCES, compile_object

hypothesis.settings.register_profile(
    "units",
    hypothesis.settings.get_profile("checkout"),
    database=None,  # units need no place to write to
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("units")

_NEWNS, _NEWNET = 0x00020000, 0x40000000
_MOUNTS = (
    ("mount", "--make-rprivate", "/"),
    ("mount", "-t", "sysfs", "sysfs", "/sys"),  # shows the interfaces of the namespace that it was mounted in
    ("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"),
    ("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"),  # the lock of the modules
    ("ip", "link", "set", "lo", "up"),
)


@pytest.fixture(scope="session", autouse=True)
def private_host() -> bool:
    """As root, go where no interface, pin or mount of the machine is in sight; says whether this could be done.

    The process is the only one there, so all that the tests make ends with it.
    """
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNS | _NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(2) failed")
    for command in _MOUNTS:
        subprocess.run(command, check=True)
    return True


@pytest.fixture(scope="session")
def real_host(private_host: bool) -> None:
    """The real kernel."""
    if not private_host:
        pytest.skip("only root can use BPF and make network namespaces")


@pytest.fixture
def kernel() -> Iterator[FakeKernel]:
    """A host with a NIC that can do native XDP (eth0) and a bridge that can't (br0). What was opened is closed in the end."""
    fake = FakeKernel()
    fake.add_nic("eth0", 2)
    fake.add_nic("br0", 3, {"native": NO_NATIVE})
    yield fake
    assert fake.descriptors == {}, "something was left open"


@pytest.fixture
def filter_object(tmp_path: Path) -> Path:
    """An object for the fake kernel."""
    path = tmp_path / "sip_logic.bpf.o"
    path.write_text("version 1")
    return path


@pytest.fixture
def wanted(filter_object: Path) -> Wanted:
    """What an operator wants who has said nothing but yes."""
    return Wanted(str(filter_object), allow_empty_allowlist=True)


def ip(*words: str) -> None:
    """Call ip(8)."""
    subprocess.run(("ip", *words), check=True)


@pytest.fixture
def veth(real_host: None) -> Iterator[str]:
    """An interface whose driver can do native XDP."""
    ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
    ip("link", "set", "veth0", "up")
    ip("link", "set", "veth1", "up")
    yield "veth0"
    ip("link", "delete", "veth0")


@pytest.fixture
def bridge(real_host: None) -> Iterator[str]:
    """An interface whose driver can't."""
    ip("link", "add", "bridge0", "type", "bridge")
    yield "bridge0"
    ip("link", "delete", "bridge0")


@pytest.fixture
def no_pins(real_host: None) -> Iterator[None]:
    """A BPF filesystem of its own, with nothing in it."""
    subprocess.run(("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf"), check=True)
    yield
    subprocess.run(("umount", "/sys/fs/bpf"), check=True)


@pytest.fixture(scope="session")
def bpf_object(real_host: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return the path of one of the objects of objects.py, compiled once."""
    folder = tmp_path_factory.mktemp("objects")
    made: dict[str, str] = {}

    def path_of(name: str) -> str:
        if name not in made:
            made[name] = compile_object(SOURCES[name], folder / (name + ".bpf.o"))
        return made[name]

    return path_of


@pytest.fixture(scope="session")
def built(real_host: None, root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The object, as the role builds it."""
    sources = {path.name: path.read_text() for path in (root / "files").glob("*.[ch]")}
    place = str(tmp_path_factory.mktemp("built"))
    params = {"state": "present", "directory": place, "sources": sources, "clang": "clang", "force": False}
    result = build_task(params, False)
    assert result["changed"]
    assert build_task(params, False)["changed"] is False
    return str(result["object"])


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """A host that keeps what it is to have."""
    found = Saved(str(tmp_path / "etc"))
    found.install({"allow": empty(), "block": empty()})
    return found


@pytest.fixture
def commander(
    kernel: FakeKernel, saved: Saved, filter_object: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Commander:
    """The command on a host whose interfaces eth0 and br0 Ansible protected."""
    from ansible_collections.vos.fastpath.plugins.module_utils import _command_change, _command_lists, _command_status, _command_watch, _repairs, _restore

    for unit in (_command_change, _command_lists, _command_status, _command_watch):
        monkeypatch.setattr(unit, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(_repairs, "COUNTERS", str(tmp_path / "var" / "drift.json"))
    monkeypatch.setattr(_restore, "COMPARED", str(tmp_path / "compared"))
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    found = Commander(kernel, saved, capsys)
    found.protect(filter_object, "eth0", "br0")
    return found
