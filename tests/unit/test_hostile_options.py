# SPDX-License-Identifier: GPL-3.0-or-later

"""Options as nobody should write them: every module answers with a result or with one error in words, and then nothing has changed."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils import _lists
from ansible_collections.vos.fastpath.plugins.module_utils._kernel import Kernel
from ansible_collections.vos.fastpath.tests.unit.documents import NAMES, argument_spec, module

CALLS = 40
KEPT = ("/proc", "/sys", "/run", "/dev")
"""Filesystems that are not files of this machine; /sys and /run are already the tests' own."""

ODD = (
    *("", " ", "\0", "a\0b", "\n", "..", "/", "-", "--help", "-1", "1e309", "nan", "0x7f", "{{ 7 * 7 }}", "$(id)", "%s%n", "'\"", "lo", "lo.1"),
    *("\ufeff", "\u202e", "\u0661", "caf\u00e9", "\x1b[31m", "x" * 70000, "eth0,lo", "::ffff:192.0.2.7", "010.0.0.1", "fe80::1%lo", "3232235777"),
    *("192.0.2.7", "0.0.0.0/0", "2001:db8::/32", "OPTIONS", "present", "absent", "exact", "yes", "5060", "5060,5061"),
)
JUNK = st.recursive(
    st.one_of(
        st.sampled_from(ODD),
        st.text(max_size=20),
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(ODD), st.text(max_size=5)), inner, max_size=3)),
    max_leaves=8,
)


def sealed(work: Callable[[], None], place: Path) -> None:
    """Do something in a child that can write into one empty folder, to no other file of this machine, and has a loopback of its own."""
    child = os.fork()
    if not child:
        code = 1
        try:
            if ctypes.CDLL(None).unshare(0x40020000):  # CLONE_NEWNS and CLONE_NEWNET: what is attached goes with the child
                raise OSError("unshare(2) failed")
            for point in mount_points():
                subprocess.run(("mount", "-o", "remount,bind,ro", point), check=True)
            subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(place)), check=True)
            work()
            code = 0
        finally:
            if code:
                traceback.print_exception(*sys.exc_info())
            sys.stderr.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "see what the child wrote"


def mount_points() -> list[str]:
    """Where files of this machine are."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted({point for point in points if not f"{point}/".startswith(tuple(f"{kept}/" for kept in KEPT))})


NUMBERS = st.one_of(st.integers(), st.sampled_from([0, -1, 1 << 16, 1 << 32, 1 << 64, -(1 << 63), 10**40]))
WORDS = st.one_of(st.sampled_from(ODD), st.text(max_size=20), NUMBERS.map(str))
BY_TYPE = {"int": NUMBERS, "float": st.one_of(NUMBERS, st.floats(allow_nan=False)), "list": st.lists(st.one_of(WORDS, NUMBERS), max_size=5), "bool": JUNK}
"""What gets past Ansible's own look at the types, as far as that can be."""


def meant(option: str, spec: dict[str, Any], place: Path, program: str) -> st.SearchStrategy[Any]:
    """What somebody could mean."""
    likely = {
        "interfaces": ["lo"],
        "interval": 3600.0,
        "object": program,
        "sources": {"sip_logic.bpf.c": "int number;"},
        "entries": ["192.0.2.7", "192.0.2.0/24", "2001:db8::/32"],
        "directory": str(place / "folder"),
        "src": str(place / "feed.txt"),
        "packed": None,
    }
    if "choices" in spec:
        return st.sampled_from(spec["choices"])
    if spec.get("type") == "bool":
        return st.booleans()
    return st.just(likely.get(option, spec.get("default")))


def arguments(name: str, place: Path, program: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the options as somebody could mean them, but mostly one as nobody does, or one that does not exist."""
    spec = argument_spec(name)
    sound = {key: meant(key, option, place, program) for key, option in spec.items()}
    required = {key: sound.pop(key) for key, option in spec.items() if option.get("required")}
    odd = [st.fixed_dictionaries({key: BY_TYPE.get(option.get("type", "str"), WORDS)}) for key, option in spec.items()]
    any_odd = st.sampled_from([*sorted(spec), "nonsense"]).flatmap(lambda key: st.fixed_dictionaries({key: JUNK}))
    twist = st.one_of(*odd, any_odd, st.just({}))
    return st.builds(lambda some, other: {**some, **other}, st.fixed_dictionaries(required, optional=sound), twist)


def state(place: Path) -> object:
    """What a module could have changed: the lists, what is attached, pins, files."""
    kernel = Kernel()
    pins = sorted(map(str, Path("/sys/fs/bpf").rglob("*")))
    files = {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    attached = kernel.attached(1)
    return _lists.read(kernel), _lists.read_gate(kernel), attached and attached._replace(uptime=0), pins, files


def answer(name: str, given: dict[str, Any], check: bool) -> dict[str, Any]:
    """What a module prints: one JSON object, and nothing else."""
    out, err = io.StringIO(), io.StringIO()
    with patch_module_args({**given, "_ansible_check_mode": check}), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            module(name).main()
        except SystemExit:
            pass
        else:
            raise AssertionError("it ended without a word")
    found = json.loads(out.getvalue())
    assert isinstance(found, dict)
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_any_options_are_taken_or_refused_in_words(
    real_host: None, no_pins: None, tmp_path: Path, bpf_object: Callable[[str], str], name: str
) -> None:
    program = bpf_object("filter")

    def attempts() -> None:
        (tmp_path / "feed.txt").write_text("192.0.2.8\n198.51.100.0/24\n")
        (tmp_path / "folder").mkdir()
        answer("xdp_blocklist", {"entries": ["203.0.113.7"]}, False)

        @settings(max_examples=CALLS)
        @given(arguments(name, tmp_path, program), st.booleans())
        def attempt(options: dict[str, Any], check: bool) -> None:
            before = state(tmp_path)
            found = answer(name, options, check)
            if found.get("failed"):
                assert found["msg"].strip()
                assert not found.get("changed")
            if found.get("failed") or check:
                assert state(tmp_path) == before

        with mock.patch.object(time, "sleep"):  # nobody waits for an hour of counting
            attempt()

    sealed(attempts, tmp_path)
