# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Confirm a change of the interface that Ansible's own connection comes in by, over a new one; else the host undoes it."""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.common.validation import check_type_int
from ansible.plugins.action import ActionBase

from ansible_collections.vos.fastpath.plugins.module_utils._attach_task import ARGUMENT_SPEC, LATER

MODULE = "vos.fastpath.xdp_attach"
SECONDS = ARGUMENT_SPEC["rollback_after"]["default"]
"""The default of rollback_after."""
_ANSWER = 120
"""A module may take so long, and rollback_after: then nothing more will come over this connection."""
_TRY = 15
_PAUSE = 1
_LATER = 60


class _Silence(Exception):
    """The host does not answer any more."""


class ActionModule(ActionBase):
    """Makes a second, quick call where the first one says that it waits for that."""

    _supports_async = True

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module, and confirm what it did."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        seconds = 0
        if self._connection.transport != "local" and not self._task.async_val and not self._task.check_mode:
            seconds = _number(arguments.get("rollback_after", SECONDS))
        if seconds:
            arguments["confirm"] = LATER
        begin = time.monotonic()
        try:
            with _at_most(seconds + _ANSWER if seconds else 0):
                result.update(self._execute_module(MODULE, arguments, task_vars=task_vars, wrap_async=self._task.async_val))
        except _Silence:
            words = "the host has not answered for %d s. If it changed the interface that Ansible comes in by, it undoes that %d s later"
            words %= (seconds + _ANSWER, seconds)
            return {**result, "failed": True, "msg": "%s: %s. See who still gets through to it" % (self._host(task_vars), words)}
        token = (result.get("rollback") or {}).get("token")
        if token:
            result.update(self._confirm(arguments, token, seconds, task_vars))
            if result.get("failed"):
                for untrue in ("interfaces", "diff"):  # they are of before it was undone
                    result.pop(untrue, None)
            result["rollback"] = {"after": seconds, "confirmed": not result.get("failed"), "took": round(time.monotonic() - begin, 3)}
        return result

    def _confirm(
        self, arguments: t.Dict[str, t.Any], token: str, seconds: int, task_vars: t.Optional[t.Dict[str, t.Any]]
    ) -> t.Dict[str, t.Any]:
        """Return what this adds to the result."""
        arguments = {"interfaces": arguments.get("interfaces") or arguments.get("interface"), "confirm": token}
        answer = self._asked(arguments, seconds + _LATER, task_vars)
        if answer is not None and not answer.get("failed") and answer.get("rolled_back") is None:
            return {}
        if answer is None:
            reason = "nobody got through to this host for %d s after the change, which it undoes after %d" % (seconds + _LATER, seconds)
        elif answer.get("failed"):
            reason = "the change could not be confirmed (%s), and is undone after %d s" % (answer.get("msg"), seconds)
        else:
            reason = "nobody got through to this host for %d s after the change, so it was undone: %s" % (seconds, answer["rolled_back"])
        remedy = "See what the driver does (ip -details link show), use mode=generic, or set rollback_after to more seconds"
        undone = {"changed": False} if answer is not None and answer.get("rolled_back") else {}
        return {**undone, "failed": True, "msg": "%s: %s. %s" % (self._host(task_vars), reason, remedy)}

    def _asked(
        self, arguments: t.Dict[str, t.Any], seconds: int, task_vars: t.Optional[t.Dict[str, t.Any]]
    ) -> t.Optional[t.Dict[str, t.Any]]:
        """Call the module over a new connection, until there is an answer; V(none) if none came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AnsibleConnectionFailure, _Silence), _at_most(_TRY):
                self._connection.reset()
                answer: t.Dict[str, t.Any] = self._execute_module(MODULE, arguments, task_vars=task_vars)
                if not answer.get("unreachable"):
                    return answer
            time.sleep(_PAUSE)
        return None

    @staticmethod
    def _host(task_vars: t.Optional[t.Dict[str, t.Any]]) -> str:
        return str((task_vars or {}).get("inventory_hostname", "The host"))


def _number(value: t.Any) -> int:
    try:
        return int(check_type_int(value))
    except TypeError:
        return 0  # the module says what is wrong


@contextlib.contextmanager
def _at_most(seconds: int) -> t.Iterator[None]:
    """Raise after so many seconds, as the task's own timeout does, which goes first if it is shorter."""

    def silence(*_signal: object) -> t.NoReturn:
        raise _Silence

    left = signal.alarm(0)
    mine = bool(seconds) and not 0 < left < seconds
    before = signal.signal(signal.SIGALRM, silence) if mine else None
    signal.alarm(seconds if mine else left)
    begin = time.monotonic()
    try:
        yield
    finally:
        if mine:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            if left:
                signal.alarm(max(1, left - int(time.monotonic() - begin)))
