# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath metrics): the facts as Prometheus reads them, printed or put where node_exporter looks."""

from __future__ import annotations

import time

from ansible_collections.vos.fastpath.plugins.module_utils import _files, _stats
from ansible_collections.vos.fastpath.plugins.module_utils._abi import LISTS
from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call
from ansible_collections.vos.fastpath.plugins.module_utils._compare import differences
from ansible_collections.vos.fastpath.plugins.module_utils._metrics import HostState, metrics
from ansible_collections.vos.fastpath.plugins.module_utils._repairs import last_look, read_repairs
from ansible_collections.vos.fastpath.plugins.module_utils._version import VERSION

__all__ = ("metrics_command",)


def metrics_command(call: Call) -> Answer:
    """Print them, or write them to a file as a whole."""
    facts = _stats.facts(call.kernel, _stats.read(call.kernel, None), None, 0)
    text = metrics(facts, _state(call))
    if call.options.output is None:
        return Answer({"metrics": text}, text.splitlines())
    _files.write(call.options.output, text)
    return Answer({"output": call.options.output}, ())


def _state(call: Call) -> HostState:
    notes = call.saved.local.notes(time.time())
    local = {name: sum(1 for note in notes.values() if note.what == name and note.value) for name in LISTS}
    wanted = {name: interface.mode for name, interface in call.saved.interfaces().items()}
    different = [name for name, found in differences(call.kernel, call.saved, notes).items() if found]
    return HostState(VERSION, wanted, local, different, read_repairs()["repairs"], last_look())
