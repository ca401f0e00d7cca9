# SPDX-License-Identifier: GPL-3.0-or-later

"""The command on the host: what it prints, and what it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _command, _command_line, _kernel_attaching, _saved
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._command import Answer, Call, main
from ansible_collections.vos.fastpath.plugins.module_utils._command_line import Command
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._local import Note
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted, read_live
from ansible_collections.vos.fastpath.plugins.module_utils._saved import Saved, SavedInterface
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(kernel: FakeKernel, saved: Saved, capsys: pytest.CaptureFixture[str]) -> Run:
    """Be the command; its exit code and what it printed."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words, kernel, saved)
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def protect(kernel: FakeKernel, saved: Saved, wanted: Wanted, *names: str) -> None:
    """Attach, and keep what is wanted, as the modules do."""
    interfaces = {}
    for outcome in attach(kernel, names, wanted, False):
        tag = outcome.after["tag"]
        interfaces[outcome.before.interface.name] = SavedInterface(wanted.mode, wanted.object_path, "", tag, wanted.config, wanted.settings)
    with saved.keep_interfaces(interfaces):
        pass


def test_status_of_a_host_that_nobody_protected(run: Run, saved: Saved) -> None:
    code, out, _err = run("status")
    assert (code, out.splitlines()[0]) == (3, "No interface is to be filtered.")
    saved.remove()
    assert "vos.fastpath.xdp_host has not been run here" in run("status")[1]


def test_status_of_a_host_as_it_is_to_be(run: Run, kernel: FakeKernel, saved: Saved, wanted: Wanted) -> None:
    protect(kernel, saved, wanted, "eth0", "br0")
    list_task("allow", parameters("xdp_allowlist", entries=["192.0.2.1", "198.51.100.0/24"]), False, kernel, saved=saved)
    tag = read_live(kernel, "eth0").program.tag
    code, out, _err = run("status")
    assert code == 0
    assert out.splitlines() == [
        f"br0             filtered, generic, tag {tag}",
        f"eth0            filtered, native, tag {tag}",
        "lists           2 allowed, 0 blocked",
    ]
    found = json.loads(run("status", "--json")[1])
    assert (found["interfaces"]["eth0"]["mode"], found["lists"], found["local"]) == ("native", {"allow": 2, "block": 0}, [])


def test_status_names_what_is_wrong(run: Run, kernel: FakeKernel, saved: Saved, wanted: Wanted) -> None:
    protect(kernel, saved, wanted, "eth0", "br0")
    kernel.run_foreign("eth0", "native")
    kernel.nics["br0"].attached.clear()
    code, out, _err = run("status")
    assert code == 3
    assert "br0             WRONG, nothing is attached" in out
    assert "eth0            WRONG, program" in out and "which is not ours" in out
    del kernel.nics["br0"]
    assert "br0             WRONG, there is no such interface" in run("status")[1]


def test_status_tells_what_was_changed_by_hand(run: Run, kernel: FakeKernel, saved: Saved, wanted: Wanted) -> None:
    audited = wanted._replace(settings=wanted.settings._replace(audit=True))
    protect(kernel, saved, audited, "eth0")
    with saved.keep_interfaces({name: each._replace(settings=wanted.settings) for name, each in saved.interfaces().items()}):
        pass
    assert run("status")[:2][0] == 3
    saved.local.record([Note("audit", "", True)])
    code, out, _err = run("status")
    assert (code, out.splitlines()[-1]) == (0, "by hand         1, see 'vos-fastpath list --local'")
    assert "eth0            audit only, native" in out
    saved.local.record([Note("attached", "eth0", False)])
    code, out, _err = run("status")
    assert (code, out.splitlines()[0]) == (3, "eth0            NOT FILTERED, detached by hand; 'vos-fastpath attach' puts it back")


def test_a_difference_is_told_by_what_it_is(kernel: FakeKernel, saved: Saved, wanted: Wanted, run: Run) -> None:
    protect(kernel, saved, wanted, "eth0")
    [was] = saved.interfaces().values()
    for other, words in {
        was._replace(mode="generic"): "it is attached in mode native instead of generic",
        was._replace(tag="00"): "another version of our program is attached, tag %s instead of 00" % was.tag,
        was._replace(config=Config((5080,))): "another version of our program is attached",
        was._replace(settings=Settings(())): "its settings are not those that are saved",
    }.items():
        with saved.keep_interfaces({"eth0": other}):
            pass
        assert words in run("status")[1]
    with saved.keep_interfaces({"eth0": was}):
        pass
    kernel.forget()
    assert "its program goes by other lists than those of this host" in run("status")[1]


def test_an_interface_that_goes_while_it_is_looked_at_is_missing(
    kernel: FakeKernel, saved: Saved, wanted: Wanted, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(kernel, saved, wanted, "eth0")
    monkeypatch.setattr(kernel, "interfaces", lambda: ["eth0"])
    del kernel.nics["eth0"]
    monkeypatch.setitem(_command_line.COMMANDS, "status", Command("", "_compare"))
    from ansible_collections.vos.fastpath.plugins.module_utils import _compare

    def asked(call: Call) -> Answer:
        return Answer({}, map(str, _compare.differences(call.kernel, call.saved).values()))

    monkeypatch.setattr(_compare, "status_command", asked, raising=False)
    assert run("status")[1].startswith("eth0: ")


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Call], Any]) -> None:
    from ansible_collections.vos.fastpath.plugins.module_utils import _command_status

    monkeypatch.setattr(_command_status, "status_command", answer)


def test_errors_say_what_why_and_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(call: Call) -> Answer:
        raise FastpathError("eth9", "there is no such interface", "This host has: lo")

    answering(monkeypatch, refuse)
    assert run("status") == (1, "", "vos-fastpath: eth9: there is no such interface. This host has: lo\n")
    code, out, err = run("status", "--json")
    assert (code, json.loads(out), bool(err)) == (1, {"error": "eth9: there is no such interface. This host has: lo"}, True)

    def fail(call: Call) -> Answer:
        raise PermissionError(1, "Operation not permitted")

    answering(monkeypatch, fail)
    assert run("status")[2].startswith("vos-fastpath: The kernel: Operation not permitted (EPERM). Run it as root")


def test_who_leaves_before_it_is_done_is_not_told_that_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(call: Call) -> Answer:
        raise KeyboardInterrupt

    answering(monkeypatch, leave)
    assert run("status") == (1, "", "vos-fastpath: Interrupted: it was not done, or not all of it. See 'vos-fastpath status'\n")


def test_a_wrong_command_line_ends_with_2(run: Run) -> None:
    for words in ((), ("nonsense",), ("status", "--nonsense")):
        with pytest.raises(SystemExit) as ended:
            run(*words)
        assert ended.value.code == 2


def test_a_subcommand_has_its_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command = _command_line.COMMANDS["status"]._replace(options=((("--loud",), {"action": "store_true"}),))
    monkeypatch.setitem(_command_line.COMMANDS, "status", command)
    answering(monkeypatch, lambda call: Answer({}, ["LOUD" if call.options.loud else "low"]))
    assert (run("status")[1], run("status", "--loud")[1]) == ("low\n", "LOUD\n")


def test_who_reads_the_first_lines_only_is_no_error() -> None:
    script = (
        "import sys; from ansible_collections.vos.fastpath.plugins.module_utils import _command, _command_status as s;"
        "s.status_command = lambda call: _command.Answer({}, ('line' for n in range(100000)));"
        "sys.exit(_command.main(['status'], 1, 1))"
    )
    collections = str(Path(_command.__file__).parents[5])
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": collections})
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.wait() == 0


def test_it_goes_by_this_host(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], saved: Saved) -> None:
    seen: list[Call] = []
    answering(monkeypatch, lambda call: seen.append(call) or Answer({}, ()))
    assert main(["status"]) == 0
    assert isinstance(seen[0].kernel, _kernel_attaching.AttachingKernel)
    assert seen[0].saved.folder == _saved.FOLDER == "/etc/vos-fastpath"
