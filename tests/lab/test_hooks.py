# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of hooks/ at work: what Kamailio and fail2ban learn opens and closes the way for a source, for a time."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = Path(__file__).parent / "files"
SBC, SCANNER = "198.19.1.1", "198.19.1.252"
OPTIONS = f"timeout 2 sipsak -s sip:lab@{SBC} >/dev/null; echo $?"
REGISTER = f"timeout 2 sipsak -i -U -s sip:alice@{SBC} -a %s -x %d >/dev/null 2>&1; echo $?"
ANSWERED, SILENCE = "0", "124"
MESSAGE = "\\r\\n".join((
    f"MESSAGE sip:lab@{SBC} SIP/2.0", f"Via: SIP/2.0/UDP {SCANNER};rport;branch=z9hG4bK-knock", "From: <sip:a@lab>;tag=1", "To: <sip:b@lab>",
    "Call-ID: knock", "CSeq: 1 MESSAGE", "Max-Forwards: 70", "Content-Length: 0", "", "",
))  # fmt: skip
KNOCK = f"printf '{MESSAGE}' | nc -u -w 1 {SBC} 5060 | grep -q SIP/2.0 && echo heard || echo silence"
"""A request that is answered to everybody, and changes nothing."""
CALL = """\
import socket, sys
hook = socket.socket(socket.AF_UNIX)
hook.connect("/run/vos-fastpath/hook.sock")
for line in sys.argv[1:]:
    hook.sendall(line.encode() + b"\\n")
print(hook.makefile().readline())
"""
JAIL = """\
[DEFAULT]
dbfile = None
[lab]
enabled = true
backend = polling
logpath = /var/log/lab.log
filter = lab
maxretry = 1
bantime = 300
action = vos-fastpath.py
"""
FILTER = "[Definition]\nfailregex = failed login from <HOST>\ndatepattern = {^LN-BEG}EPOCH\n"


def call(*lines: str) -> str:
    """A shell command that says lines to the hook, and prints the first answer."""
    return f"python3 -c {shlex.quote(CALL)} {shlex.join(lines)}"


@pytest.fixture(scope="module")
def registrar(protected, root: Path) -> Iterator[None]:
    """Kamailio of the SBC is a registrar, with the example that is in this collection."""
    for name in ("vos_fastpath.cfg", "vos_fastpath_hook.py"):
        protected.put("sbc1", f"/etc/kamailio/{name}", (root / "hooks" / "kamailio" / name).read_text())
    protected.put("sbc1", "/etc/kamailio/kamailio.cfg", (FILES / "registrar.cfg").read_text())
    protected.on("sbc1", "systemctl restart kamailio")
    protected.until("peer", OPTIONS, ANSWERED)
    yield
    protected.put("sbc1", "/etc/kamailio/kamailio.cfg", (root / "lab" / "files" / "kamailio.cfg").read_text())
    protected.on("sbc1", "systemctl restart kamailio")


@pytest.fixture(autouse=True)
def nothing_said_yet(protected) -> Iterator[None]:
    """What a test has the hook do is taken back."""
    yield
    protected.on("sbc1", call(f"unallow {SCANNER}", f"unblock {SCANNER}"))


def test_who_registers_gets_an_answer_to_options_until_the_registration_ends(protected, registrar):
    assert protected.on("scanner", OPTIONS) == SILENCE
    assert protected.on("scanner", REGISTER % ("secret", 8)) == ANSWERED
    assert protected.on("scanner", OPTIONS) == ANSWERED
    assert '"by": "hook kamailio"' in protected.on("sbc1", "tail -n 1 /etc/vos-fastpath/local/changes.jsonl")
    protected.until("scanner", OPTIONS, SILENCE)


def test_who_gives_a_wrong_password_is_not_heard_any_more(protected, registrar):
    assert protected.on("scanner", REGISTER % ("wrong", 60)) not in (ANSWERED, SILENCE)
    protected.until("scanner", REGISTER % ("secret", 60), SILENCE)
    assert protected.on("peer", OPTIONS) == ANSWERED


def test_who_has_registered_can_not_be_made_to_look_bad(protected, registrar):
    """Somebody else could have sent the wrong password, under his address."""
    assert protected.on("scanner", REGISTER % ("secret", 60)) == ANSWERED
    assert protected.on("scanner", REGISTER % ("wrong", 60)) not in (ANSWERED, SILENCE)
    assert protected.on("scanner", REGISTER % ("secret", 60)) == ANSWERED
    assert "it is on the allowlist" in protected.on("sbc1", "journalctl -q -u vos-fastpath-hook.service")


def test_a_registration_lives_on_through_a_reboot(protected, registrar):
    assert protected.on("scanner", REGISTER % ("secret", 120)) == ANSWERED
    protected.ansible("ansible", "sbc1", "-m", "ansible.builtin.reboot")
    protected.until("peer", OPTIONS, ANSWERED)
    assert protected.on("scanner", OPTIONS) == ANSWERED


def test_only_root_and_the_group_may_call(protected):
    said = call(f"unblock {SCANNER}")
    assert protected.on("sbc1", f"setpriv --reuid kamailio --regid kamailio --clear-groups {said}") == "ok"
    assert protected.on("sbc1", f"setpriv --reuid nobody --regid nogroup --clear-groups {said}", check=False) == ""


def test_a_line_in_a_log_has_fail2ban_block_a_source_and_unban_lets_it_in(protected, registrar, root: Path):
    action = "vos-fastpath.py"
    protected.put("sbc1", f"/etc/fail2ban/action.d/{action}", (root / "hooks" / "fail2ban" / "action.d" / action).read_text())
    protected.put("sbc1", "/etc/fail2ban/jail.d/defaults-debian.conf", JAIL)
    protected.put("sbc1", "/etc/fail2ban/filter.d/lab.conf", FILTER)
    protected.on("sbc1", "touch /var/log/lab.log && systemctl start fail2ban")
    try:
        protected.until("sbc1", "fail2ban-client status lab >/dev/null 2>&1; echo $?", "0")
        assert protected.on("scanner", KNOCK) == "heard"
        protected.on("sbc1", f'echo "$(date +%s) failed login from {SCANNER}" >> /var/log/lab.log')
        protected.until("scanner", KNOCK, "silence")
        assert "fail2ban lab" in protected.on("sbc1", "tail -n 1 /etc/vos-fastpath/local/changes.jsonl")
        protected.on("sbc1", f"fail2ban-client set lab unbanip {SCANNER}")
        protected.until("scanner", KNOCK, "heard")
    finally:
        protected.on("sbc1", "systemctl stop fail2ban")
