# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module does around its task: arguments in, one error out, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LOCK, locked

__all__ = ("Task", "run")

_REMEDY = "Run as root with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF; if somebody else changed something meanwhile, run it again"

Task = t.Callable[[t.Dict[str, t.Any], bool], t.Dict[str, t.Any]]
"""Takes the parameters and whether this is check mode, returns the result; C(warnings) in it are shown."""


Params = t.Dict[str, t.Any]


def _always(params: Params) -> bool:
    return True


def run(argument_spec: Params, task: Task, writes: t.Callable[[Params], bool] = _always, **kwargs: t.Any) -> None:
    """Be an Ansible module. Where it C(writes), with these parameters, nobody else does meanwhile."""
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True, **kwargs)
    try:
        _require_root()
        with locked(LOCK) if writes(module.params) and not module.check_mode else contextlib.nullcontext():
            result = task(module.params, module.check_mode)
    except FastpathError as error:
        module.fail_json(msg=str(error), **error.details)
    except OSError as error:
        module.fail_json(msg=str(FastpathError(str(error.filename or "The kernel"), reason_of(error), _REMEDY)))
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise FastpathError("user id %d" % os.geteuid(), "BPF needs root", "Set become: true")
