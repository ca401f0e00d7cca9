# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manual page and the completion of the command, made of its parser: there is one truth."""

from __future__ import annotations

import argparse
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._command_line import EXIT_CODES, PROGRAM, make_parser

__all__ = ("bash_completion", "manual", "zsh_completion")

_FILES = (
    ("/etc/vos-fastpath/desired.json", "What each interface is to have. Written by the play."),
    ("/etc/vos-fastpath/allow.list, block.list", "The lists as the play made them."),
    ("/etc/vos-fastpath/local/changes.jsonl", "What was changed on this host, by hand or by a hook. The play keeps or removes it (vos_fastpath_local)."),
    ("/var/lib/vos-fastpath/drift.json", "How often verify repaired something."),
)
_NIGHT = (
    ("Is this host protected?", "vos-fastpath status"),
    ("A customer can't call: is he dropped, and why?", "vos-fastpath top"),
    ("Is he on a list?", "vos-fastpath list --covering 192.0.2.7"),
    ("Let him through now, for two hours:", "vos-fastpath allow 192.0.2.7 --for 2h --comment 'ticket 4711'"),
    ("Stop dropping anything, go on counting:", "vos-fastpath audit on"),
    ("Take the filter off altogether:", "vos-fastpath detach"),
    ("And put it back:", "vos-fastpath attach"),
)


def subcommands() -> t.Dict[str, argparse.ArgumentParser]:
    """Return the parser of each subcommand."""
    found: t.Dict[str, argparse.ArgumentParser] = {}
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = dict(action.choices)
    return found


def manual() -> str:
    """Return the manual page, for man(7)."""
    parts = [
        '.TH VOS\\-FASTPATH 8 "" "vos.fastpath"',
        ".SH NAME",
        "vos\\-fastpath \\- look after the SIP filter of this host",
        ".SH SYNOPSIS",
        *(".B %s\n.br" % _roff(_usage(parser)) for parser in subcommands().values()),
        ".SH DESCRIPTION",
        "The filter is an XDP program in front of the SIP server. Ansible installs it and says what it is to be; this command shows it,",
        "brings it back after a boot or a mishap, and changes it by hand. What it changes is kept apart from what Ansible manages.",
        ".SH COMMANDS",
        *(_command(name, parser) for name, parser in subcommands().items()),
        ".SH EXIT STATUS",
        *(".TP\n.B %d\n%s" % (code, _roff(words)) for code, words in EXIT_CODES.items()),
        ".SH EXAMPLES",
        *(".TP\n%s\n.B %s" % (_roff(why), _roff(how)) for why, how in _NIGHT),
        ".SH FILES",
        *(".TP\n.I %s\n%s" % (_roff(path), _roff(words)) for path, words in _FILES),
        ".SH SEE ALSO",
        ".BR systemctl (1),\nunits\n.IR vos\\-fastpath@INTERFACE.service ,\n.IR vos\\-fastpath\\-watch.service ,\n.I vos\\-fastpath\\-verify.timer",
    ]
    return "\n".join(parts) + "\n"


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().replace("usage: ", "", 1).split()).replace("[-h] ", "")


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    lines = [".SS %s" % _roff(name), _roff((parser.description or "").capitalize()) + "."]
    for action in _arguments(parser):
        label = ", ".join(action.option_strings) or str(action.metavar or "|".join(action.choices or (action.dest,)))
        value = " " + str(action.metavar) if action.option_strings and action.metavar else ""
        lines.append(".TP\n.B %s\n%s" % (_roff(label + value), _roff((action.help or "").capitalize())))
    return "\n".join(lines)


def _arguments(parser: argparse.ArgumentParser) -> t.List[argparse.Action]:
    return [action for action in parser._actions if action.dest != "help"]


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + text if text[:1] == "." else text


def bash_completion() -> str:
    """Return the completion for bash(1)."""
    cases = "\n".join("    %s) words='%s' ;;" % (name, " ".join(_words(parser))) for name, parser in subcommands().items())
    return _BASH.format(program=PROGRAM, commands=" ".join(subcommands()), cases=cases)


def zsh_completion() -> str:
    """Return the completion for zsh(1)."""
    names = "\n".join("    '%s:%s'" % (name, (parser.description or "").replace("'", "")) for name, parser in subcommands().items())
    cases = "\n".join("    %s) compadd -- %s ;;" % (name, " ".join(_words(parser))) for name, parser in subcommands().items())
    return _ZSH.format(program=PROGRAM, names=names, cases=cases)


def _words(parser: argparse.ArgumentParser) -> t.List[str]:
    words: t.List[str] = []
    for action in _arguments(parser):
        words += action.option_strings or [str(choice) for choice in action.choices or ()]
    return words


_BASH = """\
# Completion of {program}, made from its options.
_vos_fastpath() {{
  local words
  case ${{COMP_WORDS[1]}} in
{cases}
    *) words='{commands}' ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words='{commands}'
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")
}}
complete -F _vos_fastpath {program}
"""

_ZSH = """\
#compdef {program}
# Completion of {program}, made from its options.
if (( CURRENT == 2 )); then
  local -a commands=(
{names}
  )
  _describe command commands
else
  case ${{words[2]}} in
{cases}
  esac
fi
"""
