# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send the command for the host along with xdp_host."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.vos.fastpath.plugins.module_utils._zipapp import pack
from ansible_collections.vos.fastpath.plugins.plugin_utils._command_sources import sources


class ActionModule(ActionBase):
    """Fills in C(packed)."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module with the command."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("packed") is None and arguments.get("state") != "absent":
            arguments["packed"] = pack(sources())
        result.update(self._execute_module("vos.fastpath.xdp_host", module_args=arguments, task_vars=task_vars))
        return result
