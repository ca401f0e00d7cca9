# SPDX-License-Identifier: GPL-3.0-or-later

"""systemctl is called as it wants to be, and its answers are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._systemd import Systemd

SCRIPT = """#!/bin/sh
echo "$SYSTEMD_OFFLINE:$*" >> {log}
case $1 in
  is-enabled) printf 'enabled\\ndisabled\\n'; exit 1 ;;
  is-active) printf 'inactive\\nactive\\n'; exit 3 ;;
  stop) echo "Unit not loaded." >&2; exit 5 ;;
esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a systemctl of our own writes how it was called."""
    path = tmp_path / "log"
    (tmp_path / "systemctl").write_text(SCRIPT.format(log=path))
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


def test_it_is_called_once_for_each_thing(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd()
    monkeypatch.setattr(systemd, "runs", lambda: True)
    assert systemd.enabled(["a.service", "b.service"]) == ["a.service"]
    assert systemd.active(["a.service", "b.service"]) == ["b.service"]
    assert systemd.active([]) == []
    systemd.reload()
    systemd.enable(["a.service", "b.service"])
    systemd.disable(["a.service"])
    systemd.restart(["a.service"])
    systemd.forget("a*")
    assert log.read_text().splitlines() == [
        ":is-enabled -- a.service b.service",
        ":is-active -- a.service b.service",
        ":daemon-reload",
        ":enable --quiet -- a.service b.service",
        ":disable --quiet -- a.service",
        ":restart -- a.service",
        ":reset-failed -- a*",
    ]


def test_one_that_there_is_no_file_of_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/bash\nfor unit in "${@:3}"; do [ "$unit" != a.service ] || exit 1; echo enabled; done\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert Systemd().enabled(["a.service", "b.service", "c.service"]) == ["b.service", "c.service"]


def test_where_it_does_not_run_only_its_files_are_changed(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd()
    monkeypatch.setattr(systemd, "runs", lambda: False)
    systemd.enable(["a.service"])
    assert log.read_text() == "1:enable --quiet -- a.service\n"


def test_what_it_refuses_is_an_error_in_its_words(log: Path) -> None:
    with pytest.raises(FastpathError, match=r"systemctl stop -- a.service: it ended with 5: Unit not loaded\. See 'journalctl"):
        Systemd().stop(["a.service"])


def test_without_it_nothing_is_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd()
    monkeypatch.setattr(systemd, "program", None)
    assert (systemd.runs(), systemd.enabled(["a.service"])) == (False, [])
    systemd.enable(["a.service"])
