# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the result of each task of each host as a line of JSON to the file that VOS_FASTPATH_RECORD names."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:

    class CallbackBase:
        """Ansible's own carries no types."""

else:
    from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: aggregate
short_description: Write results as lines of JSON
description:
  - For a program that runs Ansible and wants the results, not the text.
requirements: []
"""


class CallbackModule(CallbackBase):
    """Beside whichever callback writes to the terminal."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, outcome: str, result: Any) -> None:
        line = {"host": result.host.get_name(), "action": result.task.action, "outcome": outcome, "result": result.result}
        with open(os.environ["VOS_FASTPATH_RECORD"], "a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Done, changed or not."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """The task failed."""
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The host did not answer."""
        self._write("unreachable", result)
