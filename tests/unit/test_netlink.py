# SPDX-License-Identifier: GPL-3.0-or-later

"""Attaching over rtnetlink, on the real kernel; the test command runs this with both kinds of pyroute2."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._bpf import prog_info
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._libbpf import BpfObject
from ansible_collections.vos.fastpath.plugins.module_utils._netlink import NOTHING, Refused, attach


@pytest.fixture
def program(real_host: None, bpf_object: Callable[[str], str]) -> Iterator[int]:
    with BpfObject(bpf_object("filter")) as opened:
        yield opened.load()


def ifindex(name: str) -> int:
    return int(Path(f"/sys/class/net/{name}/ifindex").read_text())


def shown(name: str) -> object:
    """What ip(8) says of the program."""
    done = subprocess.run(("ip", "-json", "link", "show", "dev", name), capture_output=True, check=True)
    return json.loads(done.stdout)[0].get("xdp")


@pytest.mark.parametrize(("mode", "number"), [("native", 1), ("generic", 2)])
def test_a_program_is_attached_and_detached(veth: str, program: int, mode: str, number: int) -> None:
    attach(ifindex(veth), mode, program)
    found = shown(veth)
    assert (found["mode"], found["prog"]["id"]) == (number, prog_info(program).id)
    attach(ifindex(veth), mode, NOTHING, program)
    assert shown(veth) is None


@pytest.mark.parametrize(
    ("expected", "code", "words"),
    [
        pytest.param(NOTHING, errno.EEXIST, "Active program does not match expected", id="something is there"),
        pytest.param(0, errno.EINVAL, None, id="a descriptor of no program"),
    ],
)
def test_only_the_expected_program_is_replaced(veth: str, program: int, expected: int, code: int, words: str | None) -> None:
    attach(ifindex(veth), "native", program)
    with pytest.raises(Refused) as refused:
        attach(ifindex(veth), "native", program, expected)
    assert refused.value.code == code
    assert words in (None, refused.value.words)
    assert shown(veth)["prog"]["id"] == prog_info(program).id


def test_the_kernel_says_why_in_its_own_words(bridge: str, program: int) -> None:
    with pytest.raises(Refused) as refused:
        attach(ifindex(bridge), "native", program)
    assert (refused.value.code, refused.value.words) == (errno.EOPNOTSUPP, "Underlying driver does not support XDP in native mode")
    assert shown(bridge) is None


def test_an_interface_that_is_gone(program: int) -> None:
    with pytest.raises(Refused) as refused:
        attach(0x7FFF0000, "generic", program)
    assert refused.value.code == errno.ENODEV


def test_pyroute2_is_needed_only_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)  # Python's way to say that there is none
    with pytest.raises(FastpathError) as error:
        attach(1, "generic", 0)
    assert str(error.value).startswith("pyroute2: it can't be imported (")
    assert str(error.value).endswith("). Install python3-pyroute2 on this host (the role vos_fastpath does)")


def test_readers_do_not_import_it(collections_path: Path) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[1])
for name in ("attach", "list", "stats", "info", "build"):
    __import__("ansible_collections.vos.fastpath.plugins.module_utils._%s_task" % name)
assert "pyroute2" not in sys.modules
"""
    subprocess.run((sys.executable, "-c", code, str(collections_path)), check=True)
