# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a list on the controller, once, and send it to the host as bytes."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_int, check_type_list
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.vos.fastpath.plugins.module_utils._entries import LATER, Item, collect, pack
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed, read_hosts, read_text
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import expiry

__all__ = ("ListAction",)


class ListAction(ActionBase):
    """Puts C(packed) in the place of C(entries) and of a C(src) on the controller."""

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Run the module of the same name."""
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            self._pack(arguments)
        except FastpathError as error:  # returned, not raised: then failed_when has its say, as with what the module refuses
            return {**result, "failed": True, "msg": str(error)}
        result.update(self._execute_module(self._task.resolved_action, module_args=arguments, task_vars=task_vars))
        return result

    def _pack(self, arguments: t.Dict[str, t.Any]) -> None:
        try:
            entries = None if arguments.get("entries") is None else check_type_list(arguments["entries"])
            local = arguments.get("src") is not None and not boolean(arguments.get("remote_src") or False)
            seconds = None if arguments.get("expires") is None else check_type_int(arguments["expires"])
        except TypeError:
            return  # the module says what is wrong
        if entries is None and not local:
            return  # nor is it for us to say what is missing, or to read what is there
        expires = LATER if expiry(seconds) else 0.0  # by the clock of the host
        feed: t.Iterable[Item] = ()
        found = None
        if local:
            src = str(arguments.pop("src"))
            text = self._read(src)
            found = None if entries else read_hosts(text, expires)
            feed = read_feed(src, text, expires)
        arguments["packed"] = pack(found or collect(entries, feed, expires))
        arguments.pop("entries", None)

    def _read(self, src: str) -> str:
        try:
            path = str(self._find_needle("files", src))
        except AnsibleError as error:
            remedy = "Name a text file on the controller, or set remote_src=true for one on the host"
            raise FastpathError("src: %s" % src, str(error).splitlines()[0], remedy) from error
        return read_text(path)
