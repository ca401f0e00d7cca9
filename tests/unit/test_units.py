# SPDX-License-Identifier: GPL-3.0-or-later

"""The units as systemd reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _repairs
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import make_parser
from ansible_collections.vos.fastpath.plugins.module_utils._lock import LONG_PATIENCE, PATIENCE
from ansible_collections.vos.fastpath.plugins.module_utils._units import SERVERS, escape, instance, unit_files

UNITS = unit_files("/usr/local/sbin/vos-fastpath", 60)


def lines(name: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in UNITS[name].splitlines() if line.startswith(key + "=")]


@pytest.mark.parametrize("name", ["enp1s0", "br-sip", "eth0.100", ".x", "a/b", "wän", "ab_c:d"])
def test_names_are_escaped_as_systemd_does(name: str) -> None:
    if shutil.which("systemd-escape") is None:
        pytest.skip("systemd-escape is not installed")
    asked = subprocess.run(["systemd-escape", "--", name], capture_output=True, text=True, check=True)
    assert escape(name) == asked.stdout.strip()


def test_an_interface_has_its_unit() -> None:
    assert instance("br-sip") == "vos-fastpath@br\\x2dsip.service"


def test_the_server_starts_behind_the_filter_but_does_not_need_it() -> None:
    [before] = lines("vos-fastpath@.service", "Before")
    assert before.split() == ["network-online.target", *SERVERS]
    assert "kamailio.service" in SERVERS
    for name in UNITS:
        assert not lines(name, "RequiredBy")
    assert lines("vos-fastpath@.service", "WantedBy") == ["multi-user.target sys-subsystem-net-devices-%i.device"]


@pytest.mark.parametrize(("name", "patience"), [("vos-fastpath@.service", LONG_PATIENCE), ("vos-fastpath-verify.service", PATIENCE)])
def test_who_holds_the_lock_too_long_is_said_before_systemd_ends_the_wait(name: str, patience: int) -> None:
    [seconds] = lines(name, "TimeoutStartSec")
    assert int(seconds) == patience + 120


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_services_have_two_capabilities_and_a_sandbox(name: str) -> None:
    assert lines(name, "CapabilityBoundingSet") == ["CAP_SYS_ADMIN CAP_NET_ADMIN"]
    assert lines(name, "ProtectSystem") == ["strict"]
    assert lines(name, "NoNewPrivileges") == ["yes"]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_services_see_what_they_need_wherever_it_is(name: str) -> None:
    assert lines(name, "ProtectHome") == ["read-only"], "Python and the object can be in somebody's home"
    folder, counters = os.path.split(os.path.dirname(_repairs.COUNTERS))
    assert (folder, lines(name, "StateDirectory")) == ("/var/lib", [counters]), "it is not there where vos_fastpath_directory is another"


def test_the_watch_is_started_again_however_often_it_failed() -> None:
    assert lines("vos-fastpath-watch.service", "Restart") == ["always"]
    assert lines("vos-fastpath-watch.service", "StartLimitIntervalSec") == ["0"]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_services_call_the_command_as_it_is(name: str) -> None:
    [call] = lines(name, "ExecStart")
    program, *words = call.replace("%I", "eth0").split()
    assert program == "/usr/local/sbin/vos-fastpath"
    assert make_parser().parse_args(words).command == words[0]


def test_the_timer_is_as_often_as_said() -> None:
    assert lines("vos-fastpath-verify.timer", "OnUnitInactiveSec") == ["60"]
    assert "OnUnitInactiveSec=17" in unit_files("x", 17)["vos-fastpath-verify.timer"]


def test_systemd_understands_all_of_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "vos-fastpath"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    paths = []
    for name, text in unit_files(str(program), 60).items():
        path = tmp_path / name.replace("@", "@eth0")
        path.write_text(text)
        paths.append(str(path))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "vos-fastpath" in line] == []
