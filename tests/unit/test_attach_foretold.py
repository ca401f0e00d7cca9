# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode foretells, and a second run is quiet: from any state to any other."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach, detach
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
from ansible_collections.vos.fastpath.plugins.module_utils._settings import Config, Settings
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

CONFIGS = st.builds(lambda ports, af_xdp: Config(tuple(sorted(ports)), af_xdp), st.sets(st.integers(1, 65535), min_size=1, max_size=8), st.booleans())
SETTINGS = st.builds(
    lambda *values: Settings(*values).check(),
    st.sampled_from([(), ("OPTIONS",), ("INVITE", "other"), ("all",)]),
    st.sampled_from(["off", "untrusted", "all"]),
    st.booleans(),
    st.integers(0, 1000),
    st.integers(1, 1000),
)
STATES = st.one_of(
    st.none(),
    st.tuples(st.just("foreign"), st.sampled_from(["native", "generic"])),
    st.tuples(st.sampled_from(["version 1", "version 2"]), st.sampled_from(["native", "generic"]), CONFIGS, SETTINGS),
)


def host_in(state: tuple | None, path: Path) -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_nic("eth0", 2)
    if state and state[0] == "foreign":
        kernel.run_foreign("eth0", state[1])
    elif state:
        path.write_text(state[0])
        attach(kernel, ["eth0"], Wanted(str(path), state[1], state[2], state[3], allow_empty_allowlist=True), check=False)
    kernel.writes.clear()
    return kernel


@given(state=STATES, mode=st.sampled_from(["auto", "native", "generic"]), config=CONFIGS, chosen=SETTINGS)
def test_check_mode_foretells_and_a_second_run_is_quiet(
    tmp_path: Path, state: tuple | None, mode: str, config: Config, chosen: Settings
) -> None:
    path = tmp_path / "object"
    kernel = host_in(state, path)
    path.write_text("version 1")
    wanted = Wanted(str(path), mode, config, chosen, force=True, allow_empty_allowlist=True)
    before = kernel.state()

    [foretold] = attach(kernel, ["eth0"], wanted, check=True)
    assert kernel.writes == [], "check mode writes nothing"
    assert kernel.state() == before

    [done] = attach(kernel, ["eth0"], wanted, check=False)
    only_then = {"prog_id"}  # what only the kernel can tell
    assert {key: value for key, value in done.after.items() if key not in only_then} == {
        key: value for key, value in foretold.after.items() if key not in only_then
    }
    assert done.actions == foretold.actions
    if foretold.actions and foretold.actions[0] != "change the settings of eth0":
        assert "prog_id" not in foretold.after, "the kernel has not numbered it yet"

    kernel.writes.clear()
    [again] = attach(kernel, ["eth0"], wanted, check=False)
    assert (again.actions, kernel.writes) == ((), [])
    assert (done.after["ports"], done.after["stealth"]) == (config.ports, chosen.stealth)


@given(state=STATES, force=st.booleans(), keep_lists=st.booleans())
def test_check_mode_foretells_what_detaching_does(tmp_path: Path, state: tuple | None, force: bool, keep_lists: bool) -> None:
    kernel = host_in(state, tmp_path / "object")
    before = kernel.state()

    [foretold] = detach(kernel, ["eth0"], force, keep_lists, check=True)
    assert kernel.writes == [], "check mode writes nothing"
    assert kernel.state() == before

    [done] = detach(kernel, ["eth0"], force, keep_lists, check=False)
    assert (done.actions, done.after) == (foretold.actions, foretold.after)
    assert detach(kernel, ["eth0"], force, keep_lists, check=False)[0].actions == ()
