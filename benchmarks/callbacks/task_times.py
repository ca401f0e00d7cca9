# SPDX-License-Identifier: GPL-3.0-or-later

"""A callback of Ansible that writes down when each task began and ended, as lines of JSON in $TASK_TIMES."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: task_times
type: aggregate
short_description: Write down when each task began and ended
description:
  - For benchmarks/module_cost.py.
requirements: []
"""


class CallbackModule(CallbackBase):
    """Beside whichever callback writes to the terminal."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """It begins."""
        self._began = time.time()

    def v2_runner_on_ok(self, result: Any) -> None:
        """It has ended well."""
        line = {"name": result.task.name, "began": self._began, "ended": time.time(), "changed": result.result.get("changed")}
        with open(os.environ["TASK_TIMES"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
