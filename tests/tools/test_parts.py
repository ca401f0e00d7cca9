# SPDX-License-Identifier: GPL-3.0-or-later

"""No test is forgotten, and nothing but the collection is in its tarball."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from workshop import environments, packages, parts, proof, pytests, report, scenarios, tarball, tree, workspace


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of which the machinery believes that it is its own."""
    monkeypatch.setattr("workshop.places.ROOT", tmp_path)
    return tmp_path


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_part_is_there_when_there_is_something_to_test(checkout: Path) -> None:
    assert parts.all_parts() == []
    touch(checkout / "tests" / "bpf" / "test_verdicts.py")
    assert [part.name for part in parts.all_parts()] == ["bpf"]


def test_a_folder_of_tests_that_nobody_has_told_us_of_is_a_part(checkout: Path) -> None:
    touch(checkout / "tests" / "new" / "deep" / "test_thing.py", checkout / "tests" / "output" / "x" / "test_old.py")
    assert [part.name for part in parts.all_parts()] == ["new"]


def test_every_setup_part_that_a_part_needs_exists() -> None:
    assert {need for part in parts.KNOWN for need in part.needs} <= set(environments.FAMILIES)
    assert {part for package in packages.PACKAGES for part in package.parts} <= set(environments.FAMILIES)


def test_every_environment_has_pinned_requirements(root: Path) -> None:
    for name in {name for family in environments.FAMILIES.values() for name in family}:
        lines = (root / "requirements" / f"{name}.txt").read_text().splitlines()
        assert [line for line in lines if "==" not in line] == []


def test_both_kinds_of_pyroute2_are_tested_with(root: Path) -> None:
    versions = [(root / "requirements" / f"{name}.txt").read_text().partition("pyroute2==")[2][:3] for name in pytests.ENVIRONMENTS]
    assert versions == ["0.9", "0.7"]


def test_a_tarball_holds_what_git_knows(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "files", lambda: [".ci/run", ".gitignore", "README.md", "files/sip_logic.bpf.c", "galaxy.yml"])
    good = make_tarball(checkout, "MANIFEST.json", "FILES.json", "README.md", "files/sip_logic.bpf.c")
    assert list(tarball.contents(good)) == []
    bad = make_tarball(checkout, "README.md", ".venv/bin/python")
    assert list(tarball.contents(bad)) == [
        "shipped, though git does not know it: .venv/bin/python",
        "not shipped: files/sip_logic.bpf.c",
    ]


def make_tarball(folder: Path, *names: str) -> Path:
    path = folder / "c.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return path


def test_a_part_that_the_machine_cannot_run_is_skipped_with_its_reason(tmp_path: Path) -> None:
    part = parts.Part("vms", lambda _workspace: iter(()), "*", (), lacks=lambda: "no qemu")
    with workspace.Workspace() as place:
        (found,) = proof.run_part(part, place, report.Report())
    assert (found.skipped, found.skips) == (1, ("vms: no qemu",))


def test_machines_take_what_they_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workshop.scenarios.shutil.which", lambda _program: None)
    monkeypatch.setattr("workshop.packages.available", lambda _name: False)
    assert "no qemu-system-x86_64" in scenarios.lacks_for_machines()
    monkeypatch.setattr("workshop.packages.available", lambda _name: True)
    monkeypatch.setattr("workshop.scenarios.MEMORY", 1 << 60)
    assert "memory" in scenarios.lacks_for_machines()
    monkeypatch.setattr("workshop.scenarios.MEMORY", 0)
    monkeypatch.setattr("workshop.scenarios.DISK", 1 << 60)
    monkeypatch.setenv("VOS_FASTPATH_CACHE", str(tmp_path / "not" / "yet"))
    assert f"are free below {tmp_path}" in scenarios.lacks_for_machines()
    monkeypatch.setattr("workshop.scenarios.DISK", 0)
    assert scenarios.lacks_for_machines() == ""
