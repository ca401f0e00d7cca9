# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as a host runs them: a process, with arguments on its input and the result on its output."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, NoReturn

from ansible.module_utils.testing import patch_module_args

_WHERE = "ansible_collections.vos.fastpath.plugins.modules."
_START = """
import runpy
from ansible.module_utils import basic
basic._ANSIBLE_PROFILE = "legacy"
runpy.run_module("%s", run_name="__main__")
"""

Result = dict[str, Any]


class Wish(NamedTuple):
    """A module and its options."""

    module: str
    options: Mapping[str, Any]


def start(wish: Wish, *wrapper: str) -> subprocess.Popen[bytes]:
    """Start a module in a new process, below the words of a wrapper."""
    command = (*wrapper, sys.executable, "-c", _START % (_WHERE + wish.module))
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    given = tempfile.TemporaryFile()
    given.write(json.dumps({"ANSIBLE_MODULE_ARGS": dict(wish.options)}).encode())
    given.seek(0)
    with given:
        return subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def result_of(process: subprocess.Popen[bytes]) -> Result:
    """Wait for its end, and return what it said."""
    output, errors = process.communicate(timeout=120)
    assert output, errors.decode()
    return _parsed(output)


def run(wish: Wish, *wrapper: str) -> Result:
    """Run a module in a new process to its end."""
    return result_of(start(wish, *wrapper))


@contextmanager
def forked(wish: Wish, first: Callable[[], object] = lambda: None) -> Iterator[tuple[int, IO[bytes]]]:
    """Run a module in a child of this process, which has imported everything: what is left is its work.

    Gives the child's number, and the file that its output goes to. Who waits for the child is up to the caller.
    """
    for name in ("pyroute2", _WHERE + wish.module):
        importlib.import_module(name)
    with tempfile.TemporaryFile() as output:
        pid = os.fork()
        if pid == 0:
            _be(wish, output, first)
        yield pid, output


def run_forked(wish: Wish) -> Result:
    """Run a module in a child of this process to its end."""
    with forked(wish) as (pid, output):
        os.waitpid(pid, 0)
        return read(output)


def read(output: IO[bytes]) -> Result:
    """What a child said."""
    output.seek(0)
    return _parsed(output.read())


def _be(wish: Wish, output: IO[bytes], first: Callable[[], object]) -> NoReturn:
    try:
        os.dup2(output.fileno(), 1)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        with patch_module_args(dict(wish.options)):
            module = importlib.import_module(_WHERE + wish.module)
            first()
            module.main()
    finally:
        sys.stdout.flush()
        os._exit(0)


def _parsed(output: bytes) -> Result:
    lines = [line for line in output.decode().splitlines() if line.startswith("{")]
    found: Result = json.loads(lines[-1])
    return found
