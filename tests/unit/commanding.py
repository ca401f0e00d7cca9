# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the command share: being it, on a host that Ansible protected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import attach_task
from ansible_collections.vos.fastpath.plugins.module_utils._command import main
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel


class Commander:
    """Calls the command, and says its exit code and its lines."""

    def __init__(self, kernel: FakeKernel, saved: Saved, capsys: pytest.CaptureFixture[str]) -> None:
        self.kernel = kernel
        self.saved = saved
        self._capsys = capsys
        self.errors = ""

    def __call__(self, *words: str) -> tuple[int, list[str]]:
        code = main(words, self.kernel, self.saved)
        out, self.errors = self._capsys.readouterr()
        return code, out.splitlines()

    def json(self, *words: str) -> dict[str, Any]:
        """The result as scripts get it."""
        found = json.loads("\n".join(self(*words, "--json")[1]))
        assert isinstance(found, dict)
        return found

    def protect(self, path: Path, *interfaces: str) -> None:
        """Do what the role does."""
        for name, entries in {"allow": ["192.0.2.1", "198.51.100.0/24"], "block": ["203.0.113.7", "203.0.113.64/26"]}.items():
            params = parameters(f"xdp_{name}list", entries=entries, state="exact")
            list_task(name, params, False, self.kernel, lambda: None, self.saved)
        attach_task(parameters("xdp_attach", interfaces=list(interfaces), object=str(path)), False, self.kernel, saved=self.saved)
