# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting a lab and taking it down, in good order and not."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def test_down_leaves_nothing(lab_of_its_own, traces):
    lab_of_its_own("up", "--sbcs", "1")
    lab_of_its_own.on("sbc1", "true")  # a shared ssh connection, which is in the lab's network
    of_this_lab = traces(lab_of_its_own)
    assert len(of_this_lab.left()) > 10
    assert lab_of_its_own("down").stdout == "The lab is down.\n"
    assert of_this_lab.left() == []
    assert lab_of_its_own("down").stdout == "No lab was up.\n"


def test_a_killed_supervisor_takes_its_hosts_along_and_the_next_up_works(lab_of_its_own, traces):
    lab_of_its_own("up", "--sbcs", "1")
    of_this_lab = traces(lab_of_its_own)
    os.kill(lab_of_its_own.record["pid"], signal.SIGKILL)
    of_this_lab.wait_for_the_end_of_processes()
    assert lab_of_its_own("status", check=False).returncode == 3
    lab_of_its_own("up", "--sbcs", "1")
    assert lab_of_its_own.on("sbc1", "hostname") == "sbc1"


def test_it_grows_by_a_number_and_puts_the_machines_limits_back(lab_of_its_own):
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    before = int(limit.read_text())
    lab_of_its_own("up", "--sbcs", "8")
    assert lab_of_its_own("status").stdout.count(" up ") == 8 + len(("peer", "scanner"))
    assert int(limit.read_text()) > before
    lab_of_its_own("down")
    assert int(limit.read_text()) == before


def test_up_twice_is_up_once_and_another_size_is_refused(lab, traces):
    before = lab.record
    assert "up already" in lab("up", "--sbcs", "2").stderr
    assert lab.record == before
    refused = lab("up", "--sbcs", "1", check=False)
    assert refused.returncode == 1
    assert "script/lab down" in refused.stderr


def test_what_is_wrong_is_said(lab, lab_of_its_own):
    for arguments, words in {
        ("up", "--sbcs", "0"): "'0' is no number of SBCs: give one from 1 to 64",
        ("up", "--sbcs", "many"): "'many' is no number of SBCs",
        ("up", "--suite", "bullseye"): "invalid choice: 'bullseye'",
        ("exec", "sbc1", "--", "true"): "no lab is up: start one with 'sudo script/lab up'",
        ("inventory",): "no lab is up: start one with 'sudo script/lab up'",
    }.items():
        done = lab_of_its_own(*arguments, check=False)
        assert done.returncode != 0
        assert words in done.stderr
    assert "'sbc9' is no host of the lab: sbc1, sbc2, peer, scanner" in lab("exec", "sbc9", check=False).stderr


def test_only_root_may(lab_of_its_own):
    asked = ["setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", "python3 -B lab up"]
    done = lab_of_its_own.command(asked, check=False)
    assert done.returncode == 1
    assert "run it with sudo" in done.stderr
