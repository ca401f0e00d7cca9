# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""C(vos-fastpath), the command on the host: from a command line to what is said, and an exit code.

What a subcommand does is in a unit of its own, which is imported when it is called: starting has to be quick.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command_line import COMMANDS, FAILURE, PROGRAM, SUCCESS, make_parser
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of

__all__ = ("Answer", "Call", "main")

_UNITS = "ansible_collections.vos.fastpath.plugins.module_utils."
_REMEDY = "Run it as root; if somebody else changed something meanwhile, run it again"


class Answer(t.NamedTuple):
    """What a subcommand has to say."""

    result: t.Union[t.Dict[str, t.Any], t.Iterable[t.Dict[str, t.Any]]]
    """For --json; what goes on and on says one after the other."""
    lines: t.Iterable[str]
    """For people."""
    code: int = SUCCESS


class Call(t.NamedTuple):
    """What a subcommand is given."""

    options: argparse.Namespace
    kernel: t.Any
    """A C(_kernel_attaching.AttachingKernel)."""
    saved: t.Any
    """A C(_saved.Saved)."""


def main(arguments: t.Optional[t.Sequence[str]] = None, kernel: t.Any = None, saved: t.Any = None) -> int:
    """Be the command; returns its exit code."""
    options = make_parser().parse_args(arguments)
    unit = importlib.import_module(_UNITS + COMMANDS[options.command].unit)
    answer: t.Optional[Answer] = None
    try:
        answer = t.cast(Answer, getattr(unit, options.command + "_command")(Call(options, kernel or _kernel(), saved or _saved())))
        _say(answer, options.json)
    except FastpathError as error:
        return _failed(str(error), options.json)
    except BrokenPipeError:  # somebody looked at the first lines only
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except KeyboardInterrupt:
        if answer is None:
            return _failed(str(FastpathError("Interrupted", "it was not done, or not all of it", "See 'vos-fastpath status'")), options.json)
        return SUCCESS  # how one leaves what goes on and on
    except OSError as error:
        return _failed(str(FastpathError(str(error.filename or "The kernel"), reason_of(error), _REMEDY)), options.json)
    return answer.code


def _kernel() -> t.Any:
    from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel

    return AttachingKernel()


def _saved() -> t.Any:
    from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved

    return Saved()


def _say(answer: Answer, as_json: bool) -> None:
    if as_json and isinstance(answer.result, dict):
        _write(json.dumps(answer.result, indent=2, sort_keys=True))
    elif as_json:
        for result in answer.result:  # again and again: a line for each
            _write(json.dumps(result, sort_keys=True))
    else:
        for line in answer.lines:
            _write(line)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # the next one may take long to come


def _failed(message: str, as_json: bool) -> int:
    if as_json:
        _write(json.dumps({"error": message}))
    sys.stderr.write("%s: %s\n" % (PROGRAM, message))
    return FAILURE
