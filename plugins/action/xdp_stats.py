# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answer the query of xdp_stats here, so that no managed host needs jmespath; and print what people can read."""

from __future__ import annotations

import contextlib
import typing as t

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.vos.fastpath.plugins.plugin_utils._shown import shown


class ActionModule(ActionBase):
    """Puts the answer in the place of the facts, of which there are more than anybody reads on a terminal."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module and evaluate the expression on its facts."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        expression = self._task.args.get("query")
        search = _compiled(expression) if expression else None
        result.update(self._execute_module("vos.fastpath.xdp_stats", task_vars=task_vars))
        if result.get("failed"):
            return result
        return shown(result, search, bool(context.CLIARGS.get("module_name")) and not Display().verbosity)


def _compiled(expression: str) -> t.Callable[[t.Any], t.Any]:
    """Return the search, before the host is troubled with a query that can't be answered."""
    try:
        import jmespath
    except ImportError as error:
        raise AnsibleActionFail("query: jmespath is not installed on the controller. Install it: pip install jmespath") from error
    with _in_words(jmespath.exceptions.JMESPathError, expression, "it is no JMESPath expression"):
        compiled = jmespath.compile(expression)

    def search(facts: t.Any) -> t.Any:
        with _in_words(jmespath.exceptions.JMESPathError, expression, "it can't be evaluated on the facts"):
            return compiled.search(facts)

    return search


@contextlib.contextmanager
def _in_words(kind: t.Type[Exception], expression: str, reason: str) -> t.Iterator[None]:
    try:
        yield
    except kind as error:  # Ansible would say the words of a cause a second time
        raise AnsibleActionFail("query: %s: %s: %s. See https://jmespath.org" % (expression, reason, error)) from None
