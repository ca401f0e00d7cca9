# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of C(vos-fastpath): its words and options, and what its exit codes mean."""

from __future__ import annotations

import argparse
import typing as t

__all__ = ("COMMANDS", "Command", "DIFFERENT", "EXIT_CODES", "FAILURE", "PROGRAM", "SUCCESS", "make_parser")

PROGRAM = "vos-fastpath"
SUCCESS, FAILURE, USAGE, DIFFERENT = 0, 1, 2, 3
EXIT_CODES = {
    SUCCESS: "Done, or all is as it is to be.",
    FAILURE: "It could not be done; standard error says what, why and what to do. Nothing was changed.",
    USAGE: "The command line is wrong.",
    DIFFERENT: "The host is not as it is to be: status and verify found a difference, or restore, attach, audit and verify --repair left one.",
}


class Command(t.NamedTuple):
    """A subcommand."""

    help: str
    unit: str
    """The unit whose C(NAME_command(call) -> Answer) does it."""
    options: t.Tuple[t.Tuple[t.Tuple[str, ...], t.Dict[str, t.Any]], ...] = ()
    """As argparse takes them."""


_NAMES = (("interfaces",), {"nargs": "*", "metavar": "INTERFACE", "help": "the interfaces; without any, all that are to be filtered"})

_ENTRIES = (("entries",), {"nargs": "+", "metavar": "ENTRY", "help": "an address or a prefix: 192.0.2.7, 2001:db8::/32"})
_TIME = (("--for",), {"dest": "time", "metavar": "TIME", "help": "seconds, or with m, h, d, w: 90, 5m, 2h, 1d; without it, for good"})
_COMMENT = (("--comment",), {"default": "", "metavar": "TEXT", "help": "why"})

COMMANDS: t.Dict[str, Command] = {
    "status": Command("say whether interfaces are filtered and lists are as they are to be, and what was changed by hand", "_command_status"),
    "stats": Command(
        "what the filters counted; with rates, once or live",
        "_command_stats",
        (
            _NAMES,
            (("--interval",), {"type": float, "default": 0.0, "metavar": "SECONDS", "help": "count for so long, and tell rates"}),
            (
                ("--watch",),
                {"type": float, "nargs": "?", "const": 2.0, "metavar": "SECONDS", "help": "go on, every 2 seconds or as said"},
            ),
        ),
    ),
    "top": Command(
        "the sources that are dropped most",
        "_command_stats",
        (_NAMES, (("--number",), {"type": int, "default": 10, "metavar": "N", "help": "so many; 10 by default"})),
    ),
    "allow": Command("put sources on the allowlist", "_command_lists", (_ENTRIES, _TIME, _COMMENT)),
    "block": Command(
        "put sources on the blocklist",
        "_command_lists",
        (_ENTRIES, _TIME, _COMMENT, (("--force",), {"action": "store_true", "help": "even the address that you are connected from"})),
    ),
    "unallow": Command("take sources off the allowlist, what the play manages included", "_command_lists", (_ENTRIES,)),
    "unblock": Command("take sources off the blocklist, what the play manages included", "_command_lists", (_ENTRIES,)),
    "list": Command(
        "the entries, with who put them there",
        "_command_lists",
        (
            (("list",), {"nargs": "?", "choices": ("allow", "block"), "help": "one of the lists; without it both"}),
            (("--local",), {"action": "store_true", "help": "only what was changed on this host"}),
            (("--covering",), {"metavar": "ADDRESS", "help": "only what an address falls under"}),
        ),
    ),
    "verify": Command(
        "compare interfaces, settings and lists with what is saved; exit with 3 where they differ",
        "_command_change",
        ((("--repair",), {"action": "store_true", "help": "put it right, log it and count it; another's program is left alone"}),),
    ),
    "restore": Command(
        "bring lists and interfaces to what is saved, as at boot",
        "_command_change",
        (
            _NAMES,
            (("--wait",), {"type": float, "default": 0.0, "metavar": "SECONDS", "help": "wait so long for an interface that is not there"}),
        ),
    ),
    "attach": Command("filter interfaces again that were detached by hand", "_command_change", (_NAMES,)),
    "detach": Command("take the filter off, until 'attach' or the next play", "_command_change", (_NAMES,)),
    "audit": Command(
        "count what would be dropped and pass it, on all interfaces; or stop doing so",
        "_command_change",
        ((("mode",), {"choices": ["on", "off", "managed"], "help": "managed: as the play says, again"}),),
    ),
    "watch": Command("restore interfaces that come back, as soon as they do; what vos-fastpath-watch.service runs", "_command_watch"),
    "metrics": Command(
        "print the facts as Prometheus reads them",
        "_command_metrics",
        ((("--output",), {"metavar": "FILE", "help": "write them there, as a whole, for the textfile collector of node_exporter"}),),
    ),
    "serve": Command(
        "be the hook for SIP servers and fail2ban; started by vos-fastpath-hook.socket",
        "_command_serve",
        (
            (("--lists",), {"nargs": "+", "choices": ("allow", "block"), "default": ["allow", "block"], "help": "what callers may do"}),
            (("--max-seconds",), {"type": int, "default": 86400, "metavar": "N", "help": "the longest time they may say"}),
            (("--max-entries",), {"type": int, "default": 100000, "metavar": "N", "help": "how many entries there can be at once"}),
        ),
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser, of which the man page and the completion are made, too."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the result as JSON")
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Look after the SIP filter of this host.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help, parents=[common], allow_abbrev=False)
        for flags, settings in command.options:
            sub.add_argument(*flags, **settings)
    return parser
