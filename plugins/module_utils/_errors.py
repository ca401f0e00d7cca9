# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception that reaches the operator: what was wrong, why, and what to do about it."""

from __future__ import annotations

import errno
import os
import typing as t

__all__ = ("FastpathError", "reason_of", "remedy_of")


_LONG, _SOME = 1000, 200


class FastpathError(Exception):
    """An error that names the value, the reason and the remedy; C(details) go into the module's result."""

    def __init__(self, value: str, reason: str, remedy: str, **details: t.Any) -> None:
        super().__init__("%s: %s. %s" % (_shown(value), reason.rstrip("."), remedy))
        self.details = details


def _shown(value: str) -> str:
    """Return what somebody wrote in a form that does a terminal and a journal no harm."""
    some = value if len(value) <= _LONG else "%s… (%d characters)" % (value[:_SOME], len(value))
    if some.isprintable():
        return some
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in some)


def reason_of(error: OSError) -> str:
    """Return the words for an C(OSError) as the kernel's manual has them, with the symbolic errno."""
    number = error.errno or 0
    return "%s (%s)" % (error.strerror or os.strerror(number), errno.errorcode.get(number, str(number)))


def remedy_of(error: OSError, otherwise: str) -> str:
    """Return what to do about an C(OSError) of a file, where it is not the usual."""
    return "Make its filesystem writable" if error.errno == errno.EROFS else otherwise
