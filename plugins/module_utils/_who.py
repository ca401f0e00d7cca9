# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who calls: the person behind sudo(8), else the one who logged in, else the user."""

from __future__ import annotations

import os
import pwd
import typing as t

__all__ = ("who",)

_UNSET = (1 << 32) - 1


def who(environment: t.Optional[t.Mapping[str, str]] = None, loginuid: str = "/proc/self/loginuid") -> str:
    """Return a name for the record; it proves nothing."""
    sudo_user = (os.environ if environment is None else environment).get("SUDO_USER")
    if sudo_user:
        return sudo_user
    uid = os.getuid()
    try:
        with open(loginuid, encoding="ascii") as stream:
            logged_in = int(stream.read())
        uid = uid if logged_in == _UNSET else logged_in
    except (OSError, ValueError):
        pass  # a kernel without audit
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
