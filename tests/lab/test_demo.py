# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration from end to end, as the README has it, on a small lab; and how it ends when it cannot go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run, and where it left its reports."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "VOS_FASTPATH_RUN": str(folder / "run")}
    argv = [ROOT / "script" / "demo", "--sbcs", "1", "--reports", folder / "reports"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=600)
    yield done, folder
    subprocess.run([ROOT / "script" / "lab", "down"], env=environment, check=True)


def test_it_succeeds_and_shows_the_report(demo):
    done, folder = demo
    assert done.returncode == 0, done.stdout + done.stderr
    (markdown,) = (folder / "reports").glob("*.md")
    assert markdown.read_text() in done.stdout
    assert "ansible-playbook -i" in done.stdout and "PLAY RECAP" in done.stdout
    assert str(markdown) in done.stdout


def test_its_numbers_are_those_of_a_filter_that_works(demo):
    (path,) = (demo[1] / "reports").glob("*.json")
    data = json.loads(path.read_text())
    assert len(data["checks"]) > 40 and all(check["ok"] for check in data["checks"])
    baseline, protected, after = data["run"]["phases"]
    addresses = {"198.19.1.1", "2001:2:0:1::1", "198.19.2.1", "2001:2:0:2::1"}
    for phase, visible in ((baseline, True), (protected, False), (after, True)):
        peer, scanner = phase["traffic"]
        assert set(scanner["found"]) == (addresses if visible else set())
        assert {calls["completed"] for calls in peer["calls"].values()} == {25}
        assert set(peer["calls"]) == addresses
    for name, mode in (("enp1s0", "native"), ("br-sip", "generic")):
        first, last = (protected[when]["sbc1"][name]["xdp"] for when in ("before", "after"))
        assert last["mode"] == mode
        dropped, _redirected, passed, *others = (b - a for a, b in zip(first["counters"], last["counters"], strict=True))
        on_it = protected["after"]["sbc1"][name]["addresses"]
        peer, scanner = ({a: n for a, n in traffic["sent"].items() if a in on_it} for traffic in protected["traffic"])
        assert dropped == sum(scanner.values()) > 200
        assert passed == sum(peer.values()) > 300
        assert others == [0, 0]


def test_it_takes_its_lab_down(demo):
    environment = {**os.environ, "VOS_FASTPATH_RUN": str(demo[1] / "run")}
    assert subprocess.run([ROOT / "script" / "lab", "status"], env=environment, capture_output=True, check=False).returncode == 3


def test_interrupted_it_takes_its_lab_down(lab_of_its_own, traces):
    argv = [ROOT / "script" / "demo", "--sbcs", "1", "--reports", lab_of_its_own.run.parent]
    process = subprocess.Popen(argv, env=lab_of_its_own.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while lab_of_its_own("status", check=False).stdout.count(" up ") < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)  # by now Ansible is at work on it
    of_this_lab = traces(lab_of_its_own)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 130
    of_this_lab.wait_for_the_end_of_processes(5)  # a connection of Ansible's sees a moment later that the other end is gone
    assert of_this_lab.left() == []


def test_an_inventory_that_will_not_do_is_refused_before_anything_happens(tmp_path):
    for text, words in {
        "": "the inventory has no host in the group 'sbcs'",
        "[sbcs]\nhost.invalid\n": "host.invalid has no vos_fastpath_interfaces",
        None: "there is no inventory",
    }.items():
        inventory = tmp_path / "inventory.ini"
        inventory.unlink(missing_ok=True)
        if text is not None:
            inventory.write_text(text)
        done = subprocess.run([ROOT / "script" / "demo", "--inventory", inventory], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert words in done.stdout


def test_a_host_that_does_not_answer_is_named(tmp_path):
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("[sbcs]\nhost.invalid vos_fastpath_interfaces=['enp1s0']\n")
    done = subprocess.run([ROOT / "script" / "demo", "--inventory", inventory], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "host.invalid" in done.stdout and "unreachable" in done.stdout
