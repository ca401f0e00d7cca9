# SPDX-License-Identifier: GPL-3.0-or-later

"""The command is one file that Python runs, made of the units of the collection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _zipapp
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.plugin_utils._command_sources import sources

SOURCES = {"__main__.py": b"import part\nprint(part.WORD)\n", "part.py": b"WORD = 'hello'\n"}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A small one."""
    path = tmp_path / "program"
    path.write_bytes(_zipapp.make(SOURCES))
    path.chmod(0o755)
    return path


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", env={"PATH": "/usr/bin:/bin"})


def test_it_runs(program: Path) -> None:
    assert run(program).stdout == "hello\n"


def test_it_is_made_again_only_of_other_sources_or_where_it_is_broken(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(program)
    assert _zipapp.is_made_of(path, SOURCES)
    assert not _zipapp.is_made_of(path, {**SOURCES, "part.py": b"WORD = 'other'\n"})
    assert not _zipapp.is_made_of(path + " not", SOURCES)
    whole = program.read_bytes()
    for broken in (whole[:-30], whole.replace(b"import part", b"import past"), b"nonsense"):
        program.write_bytes(broken)
        assert _zipapp.is_made_of(path, SOURCES) is (broken == whole)
    program.write_bytes(whole)
    monkeypatch.setattr(sys, "executable", "/usr/bin/another")
    assert not _zipapp.is_made_of(path, SOURCES)


def test_it_outlives_the_version_of_python_that_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python3.11", "python3.12"):
        (tmp_path / name).write_text(name)
    (tmp_path / "python3").symlink_to("python3.11")
    for name, called in {"python3.11": "python3", "python3.12": "python3.12"}.items():
        monkeypatch.setattr(sys, "executable", str(tmp_path / name))
        assert _zipapp.make(SOURCES).startswith(f"#!{tmp_path / called} -I\n".encode()), "another Python is none that it was made by"


def test_it_travels_as_text() -> None:
    text = _zipapp.pack({name: source.decode() for name, source in SOURCES.items()})
    assert _zipapp.unpack(text) == SOURCES
    assert text == _zipapp.pack({name: source.decode() for name, source in reversed(SOURCES.items())})
    for wrong in ("nonsense!", "bm9uc2Vuc2U="):
        with pytest.raises(FastpathError, match=r"packed: it is not what the action plugin makes .* leave packed alone"):
            _zipapp.unpack(wrong)


def test_the_whole_command_needs_nothing_but_python(tmp_path: Path) -> None:
    path = tmp_path / "vos-fastpath"
    path.write_bytes(_zipapp.make({name: text.encode() for name, text in sources().items()}))
    done = run(sys.executable, "-IS", path, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "restore" in done.stdout
    loaded = "import sys, runpy; sys.argv[1:] = ['--help']; sys.path.insert(0, %r)\ntry: runpy.run_path(%r)\nexcept SystemExit: print(sorted(sys.modules))"
    modules = run(sys.executable, "-IS", "-c", loaded % (str(path), str(path))).stdout
    assert "_command'" in modules
    assert "ansible." not in modules and "pyroute2" not in modules and "_kernel'" not in modules
