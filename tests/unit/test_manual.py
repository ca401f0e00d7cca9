# SPDX-License-Identifier: GPL-3.0-or-later

"""The manual page and the completions are made of the parser, and are what their readers understand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _manual
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import COMMANDS, EXIT_CODES, make_parser


def test_the_manual_has_every_command_option_and_exit_code() -> None:
    page = _manual.manual().replace("\\-", "-").replace("\\(aq", "'")
    for name, command in COMMANDS.items():
        assert f".SS {name}\n" in page
        for flags, settings in command.options:
            assert all(flag in page for flag in flags if flag.startswith("-"))
            assert settings["help"][1:].replace("'", "") in page.replace("'", "")
    for code, words in EXIT_CODES.items():
        assert f".B {code}\n{words}" in page


def test_its_examples_are_command_lines() -> None:
    for _why, how in _manual._NIGHT:
        program, *words = how.replace("'ticket 4711'", "ticket").split()
        assert program == "vos-fastpath"
        assert make_parser().parse_args(words).command == words[0]


def test_man_can_show_it() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=_manual.manual(), capture_output=True, text=True, check=True)
    assert done.stderr == ""


def complete(folder: Path, *words: str) -> list[str]:
    (folder / "completion").write_text(_manual.bash_completion())
    script = f'. {folder}/completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vos_fastpath; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    assert complete(tmp_path, "vos-fastpath", "") == list(COMMANDS)
    assert complete(tmp_path, "vos-fastpath", "ver") == ["verify"]
    assert complete(tmp_path, "vos-fastpath", "verify", "--") == ["--json", "--repair"]
    assert complete(tmp_path, "vos-fastpath", "audit", "o") == ["on", "off"]


def test_zsh_completes_too(tmp_path: Path) -> None:
    text = _manual.zsh_completion()
    assert text.startswith("#compdef vos-fastpath\n")
    assert all(f"'{name}:" in text and f"    {name}) compadd -- --json" in text for name in COMMANDS)
