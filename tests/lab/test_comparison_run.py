# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/comparison_run.yml on the lab: what it finds is what it leaves, whether it gets to its end or not."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = "sbc2"
"""It has an interface that takes native XDP and one that doesn't."""

STATE = """
for name in enp1s0 br-sip; do ip -d link show $name | grep -o 'xdp[a-z]* \\|tag [0-9a-f]*' | sort; done
find /sys/fs/bpf /var/lib /etc /usr/local -iname '*vos?fastpath*' 2>/dev/null | sort
vos-fastpath --json list 2>/dev/null
cat /etc/vos-fastpath/*.json /etc/vos-fastpath/*.list /etc/vos-fastpath/local/* 2>/dev/null
true
"""

CONFIG = "/etc/kamailio/kamailio.cfg"
PROGRAMS = "ip -d link show enp1s0 | grep -c prog/xdp"
GUARDED_WITH_XDP = f"{PROGRAMS}; systemctl is-active --quiet vos-fastpath-comparison.timer && echo 1"
WAITED = "journalctl -q -o cat -u vos-fastpath-comparison.timer | grep -c ^Started || true"
"""How often the host began to wait for the run's next step."""


def run(lab, folder, *arguments: str, check: bool = True):
    """The playbook on one host, with little traffic."""
    little = ("-e", "comparison_seconds=2", "-e", "comparison_scan_rate=10", "-e", f"comparison_reports={folder}")
    return lab.ansible("ansible-playbook", "playbooks/comparison_run.yml", "-e", f"vos_fastpath_hosts={HOST}", *little, *arguments, check=check)


def begin(lab, folder, **more: object) -> subprocess.Popen[str]:
    """The same, in the background."""
    little = {"vos_fastpath_hosts": HOST, "comparison_seconds": 2, "comparison_scan_rate": 10, "comparison_reports": str(folder)}
    extra = json.dumps({**little, **more})
    argv = [ROOT / ".venv/bin/ansible-playbook", "-i", ROOT / "lab/inventory", "playbooks/comparison_run.yml", "-e", extra]
    return subprocess.Popen(argv, env=lab.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def site(lab, *arguments: str) -> None:
    lab.ansible("ansible-playbook", "site.yml", "--limit", HOST, *arguments)


def data(folder) -> dict:
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())


def test_hosts_are_not_without_the_filter_unless_they_were_named(lab):
    refused = lab.ansible("ansible-playbook", "playbooks/comparison_run.yml", check=False)
    assert refused.returncode != 0
    assert "vos_fastpath_hosts is not set" in refused.stdout
    assert "changed=0" in refused.stdout


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param({"vos_fastpath_hosts": "sbc7"}, "vos_fastpath_hosts: sbc7: the inventory (with --limit) has no such host", id="nobody"),
        pytest.param({"vos_fastpath_hosts": "sbc1,peer"}, "peer: vos_fastpath_hosts (sbc1,peer) names what is in the group traffic_sources", id="a source"),
        pytest.param({"comparison_scan_rate": 0.5}, "comparison_scan_rate: 0.5 is no whole number from 0 on", id="a rate"),
        pytest.param({"comparison_seconds": "ten"}, "comparison_seconds: ten is no whole number from 1 on", id="a time"),
        pytest.param({"comparison_name": "a/b"}, "comparison_name: a/b: it is a name of files, without a folder", id="a name"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_host_is_looked_at(lab, tmp_path, asked, said):
    refused = begin(lab, tmp_path, **asked)
    words, _none = refused.communicate(timeout=60)
    assert refused.returncode != 0
    assert said in words
    assert "Look for another run" not in words


def test_nothing_is_begun_in_check_mode_or_where_a_source_lacks_a_program(lab, tmp_path):
    before = lab.on(HOST, STATE)
    assert "--check: without taking the filter off" in run(lab, tmp_path, "--check", check=False).stdout
    lab.on("scanner", "mv /usr/bin/svmap /usr/bin/svmap.away")
    try:
        refused = run(lab, tmp_path, check=False)
    finally:
        lab.on("scanner", "mv /usr/bin/svmap.away /usr/bin/svmap")
    assert refused.returncode != 0
    assert "scanner: this traffic source lacks svmap: install" in refused.stdout
    assert "Baseline" not in refused.stdout
    assert lab.on(HOST, STATE) == before


def test_of_two_hosts_the_one_that_breaks_is_put_back_before_the_other_goes_on_and_the_report_says_so(lab, tmp_path):
    """Named with a comma; and a source that an INI file says is not trusted, by a word."""
    both = (HOST, "sbc1")
    before = [lab.on(host, STATE) for host in both]
    inventory = tmp_path / "more.ini"
    inventory.write_text(f"{HOST} vos_fastpath_mode=offload\nscanner vos_fastpath_trusted=no\n")
    said = run(lab, tmp_path, "-i", str(inventory), "-e", f"vos_fastpath_hosts={','.join(both)}", check=False)
    assert said.returncode != 0
    assert [lab.on(host, STATE) for host in both] == before
    assert said.stdout.index("TASK [Leave nothing on a host that had nothing]") < said.stdout.index("TASK [Without it again]")
    found = data(tmp_path)
    assert list(found["run"]["systems"]) == ["sbc1"]
    (failed,) = [check["sentence"] for check in found["checks"] if not check["ok"]]
    assert failed.startswith(f"{HOST}: the run came to its end: no, and it is as it was found. With XDP: Attach the filter: ")
    assert [{t["source"]: t["trusted"] for t in phase["traffic"]} for phase in found["run"]["phases"]] == [{"peer": True, "scanner": False}] * 3


def test_a_host_that_had_nothing_has_nothing_afterwards_and_the_filter_was_seen_to_work(lab, tmp_path):
    before = lab.on(HOST, STATE)
    run(lab, tmp_path, "-e", "comparison_call_rate=2")
    assert lab.on(HOST, STATE) == before
    found = data(tmp_path)
    assert [check["sentence"] for check in found["checks"] if not check["ok"]] == []
    protected = found["run"]["phases"][1]
    for name, mode in (("enp1s0", "native"), ("br-sip", "generic")):
        first, last = (protected[when][HOST][name]["xdp"] for when in ("before", "after"))
        assert last["mode"] == mode
        assert last["counters"][0] - first["counters"][0] >= 40
        assert last["counters"][2] > first["counters"][2]
    assert {path.suffix for path in tmp_path.iterdir()} == {".md", ".html", ".json", ".svg"}


def test_a_server_that_answers_options_by_another_status_is_answering(lab, tmp_path):
    """As many do, of whom the scan asks for an extension that they do not have."""
    lab.on(HOST, f"cp -p {CONFIG} /root; sed -i 's/\"200\", \"Keepalive\"/\"404\", \"Not here\"/' {CONFIG}; systemctl restart kamailio")
    try:
        run(lab, tmp_path)
    finally:
        lab.on(HOST, f"mv /root/kamailio.cfg {CONFIG}; systemctl restart kamailio")
    found = data(tmp_path)
    assert [check["sentence"] for check in found["checks"] if not check["ok"]] == []
    assert {line for phase in found["run"]["phases"] for t in phase["traffic"] for line in t["sipsak"].values()} == {"SIP/2.0 404 Not here"}
    answered = [[probed["completed"] for t in phase["traffic"] for probed in t["probes"].values()] for phase in found["run"]["phases"]]
    assert answered == [[20] * 4, [0] * 4, [20] * 4]


@pytest.fixture
def protected(lab):
    """A host with a filter and settings of its own."""
    site(lab, "-e", '{"vos_fastpath_ports": [5060, 5070], "vos_fastpath_blocklist": ["192.0.2.0/24"]}')
    yield
    site(lab, "-e", "vos_fastpath_state=absent")


def test_a_filter_that_was_there_is_there_afterwards_with_its_settings_and_lists(lab, tmp_path, protected):
    before = lab.on(HOST, STATE)
    waited = int(lab.on(HOST, WAITED))
    run(lab, tmp_path)
    assert lab.on(HOST, STATE) == before
    steps = ("before the filter is taken off", "Baseline", "attaching", "With XDP", "After unload")
    assert int(lab.on(HOST, WAITED)) == waited + len(steps), "each of them has the whole time, before the host goes back by itself"
    attached = data(tmp_path)["run"]["phases"][1]["after"][HOST]
    assert {link["xdp"]["mode"] for link in attached.values()} == {"native", "generic"}


def test_a_host_that_does_not_answer_for_a_while_gets_back_what_it_had_and_no_other_waits_for_it(lab, tmp_path, protected):
    before = lab.on(HOST, STATE)
    running = begin(lab, tmp_path, vos_fastpath_hosts=[HOST, "sbc1"])
    lab.until(HOST, "ip -d link show enp1s0 | grep -c xdp", "0", seconds=60)
    lab.on(HOST, "systemd-run --quiet --on-active=30 systemctl start ssh; systemctl stop ssh; pkill -9 sshd", check=False)
    said, _none = running.communicate(timeout=280)
    assert running.returncode != 0
    assert "The run broke off, and the host is as it was found" in said, said
    assert said.index("TASK [Leave nothing on a host that had nothing]") < said.index("TASK [Wait for a host that did not answer")
    assert lab.on(HOST, STATE) == before


def kill_when(lab, folder, script: str, prints: str, **more: object) -> None:
    """A run that is killed as soon as a script prints this on the host."""
    with begin(lab, folder, **{"comparison_seconds": 10, **more}) as running:
        try:
            lab.until(HOST, script, prints, seconds=120)
        finally:
            running.kill()


def test_a_host_puts_its_filter_back_when_nothing_more_is_heard_of_the_run(lab, tmp_path, protected):
    before = lab.on(HOST, STATE)
    kill_when(lab, tmp_path, PROGRAMS, "0", comparison_patience=10)
    assert lab.on(HOST, STATE) != before
    lab.until(HOST, STATE, before, seconds=40)


def test_a_host_that_is_rebooted_meanwhile_comes_back_with_its_filter(lab, tmp_path, protected):
    before = lab.on(HOST, STATE)
    kill_when(lab, tmp_path, PROGRAMS, "0")
    lab.on(HOST, "systemctl --no-block reboot", check=False)
    lab.until(HOST, STATE, before, seconds=60)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="set up"),
        pytest.param({"vos_fastpath_persistent": False}, id="with nothing kept on the host"),
    ],
)
def test_a_host_that_had_nothing_takes_the_filter_off_when_nothing_more_is_heard_of_the_run(lab, tmp_path, settings):
    before = lab.on(HOST, STATE)
    kill_when(lab, tmp_path, GUARDED_WITH_XDP, "1\n1", comparison_patience=20, **settings)
    lab.until(HOST, "ip -d link | grep -c prog/xdp; ls /etc/systemd/system | grep -c comparison", "0\n0", seconds=60)
    site(lab, "-e", "vos_fastpath_state=absent")
    assert lab.on(HOST, STATE) == before


def test_a_role_that_is_run_after_a_killed_run_has_its_say(lab, tmp_path, protected):
    """And another run does not take for its own what the first one has changed."""
    kill_when(lab, tmp_path, PROGRAMS, "0")
    refused = run(lab, tmp_path, check=False)
    assert refused.returncode != 0
    assert "another comparison run goes on here, or one broke off" in refused.stdout
    site(lab, "-e", '{"vos_fastpath_ports": [5090]}')
    assert lab.on(HOST, PROGRAMS) == "1"
    assert lab.on(HOST, "systemctl list-timers --all | grep comparison; ls /etc/systemd/system | grep comparison; true") == ""


def test_a_host_that_is_set_up_and_has_no_filter_is_left_alone(lab, tmp_path, protected):
    lab.ansible("ansible", HOST, "-m", "vos.fastpath.xdp_attach", "-a", '{"interfaces": ["enp1s0", "br-sip"], "state": "absent"}')
    before = lab.on(HOST, STATE)
    refused = run(lab, tmp_path, check=False)
    assert refused.returncode != 0
    assert "There is no filter on enp1s0, br-sip, but there is" in refused.stdout
    assert lab.on(HOST, STATE) == before


def test_a_filter_that_feeds_an_af_xdp_socket_is_left_alone_since_the_next_one_would_not(lab, tmp_path, protected):
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w") as tar:
        for path in (ROOT / "tools" / "xsk_receive.py", *(ROOT / "plugins" / "module_utils").glob("*.py")):
            tar.add(path, path.relative_to(ROOT))
    lab.ansible("ansible", HOST, "-m", "ansible.builtin.unarchive", "-a", f"src={packed} dest=/run")
    lab.on(HOST, "systemd-run --quiet --unit=xsk python3 /run/tools/xsk_receive.py enp1s0 --seconds 60")
    try:
        lab.until(HOST, "journalctl -q -o cat -u xsk | grep -c 'an AF_XDP socket takes'", "1")
        before = lab.on(HOST, STATE)
        refused = run(lab, tmp_path, check=False)
        assert refused.returncode != 0
        assert "enp1s0: AF_XDP sockets take the requests of its receive queues 0" in refused.stdout
        assert lab.on(HOST, STATE) == before
    finally:
        lab.on(HOST, "systemctl stop xsk; rm -r /run/tools /run/plugins")


def test_nothing_is_left_where_the_run_breaks_off(lab, tmp_path):
    before = lab.on(HOST, STATE)
    broken = run(lab, tmp_path, "-e", "vos_fastpath_mode=offload", check=False)
    assert broken.returncode != 0
    assert "The run broke off" in broken.stdout and "Attach the filter" in broken.stdout
    assert lab.on(HOST, STATE) == before
    assert not list(tmp_path.iterdir())


def test_another_program_is_not_touched(lab, tmp_path):
    lab.on(HOST, "printf 'int p(void *c){return 2;}char l[]__attribute__((section(\"license\")))=\"GPL\";' >/var/tmp/p.c")
    lab.on(HOST, "clang -target bpf -O2 -c -x c /var/tmp/p.c -o /var/tmp/p.o && ip link set enp1s0 xdpgeneric obj /var/tmp/p.o sec .text")
    try:
        before = lab.on(HOST, STATE)
        refused = run(lab, tmp_path, check=False)
        assert refused.returncode != 0
        assert "that is not this collection's" in refused.stdout
        assert lab.on(HOST, STATE) == before
    finally:
        lab.on(HOST, "ip link set enp1s0 xdpgeneric off; rm /var/tmp/p.[co]")


def test_without_sources_it_says_what_is_missing(lab, tmp_path):
    run(lab, tmp_path, "--limit", HOST)
    (path,) = tmp_path.glob("*.md")
    assert "no host of the group `traffic_sources` took part" in path.read_text()
