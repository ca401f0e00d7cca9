# SPDX-License-Identifier: GPL-3.0-or-later

"""A module is killed (SIGKILL) while it works: what is there then is the old or the new, the next run converges, nothing is orphaned."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from ansible_collections.vos.fastpath.tests.faults.campaigns import CAMPAIGNS, Campaign
from ansible_collections.vos.fastpath.tests.faults.host import Host
from ansible_collections.vos.fastpath.tests.faults.killing import kill_after, kill_before_call
from ansible_collections.vos.fastpath.tests.faults.runs import run_forked

MOMENTS = {"attach and removal": 150, "upgrade": 75, "lists": 75}
"""So many times each is killed after a random while: 300."""


@pytest.fixture(params=CAMPAIGNS)
def campaign(request: pytest.FixtureRequest, host: Host) -> Campaign:
    """Two wishes by turns, and what has to be right whatever happens on the way from one to the other."""
    made: Campaign = CAMPAIGNS[request.param](host)
    return made


@pytest.mark.parametrize("name", MOMENTS)
def test_killed_at_a_random_moment(host: Host, name: str, note: Callable[[str], None]) -> None:
    campaign, choice = CAMPAIGNS[name](host), random.Random(name)
    lasting = [_seconds_of(campaign, turn) for turn in (1, 0)][::-1]
    killed = turn = 0
    while killed < MOMENTS[name]:
        turn += 1
        campaign.prepare()
        before = campaign.look()
        killed += kill_after(campaign.wish(turn), choice.uniform(0, lasting[turn % 2]))
        campaign.check(before, turn)
        assert turn < 3 * MOMENTS[name], "most runs end before they are killed"
    note(f"{name}: killed {killed} of {turn} runs before their end")


def test_killed_before_each_call_that_could_change_something(campaign: Campaign, note: Callable[[str], None]) -> None:
    """Not by chance, but at each of the moments at which there is a difference."""
    calls, more = 0, True
    while more:
        calls, more = calls + 1, False
        for turn in campaign.turns:
            campaign.prepare()
            before = campaign.look()
            more |= kill_before_call(campaign.wish(turn), calls)
            campaign.check(before, turn)
    note(f"{campaign.name}: killed before each of up to {calls - 1} calls")


def _seconds_of(campaign: Campaign, turn: int) -> float:
    begin = time.monotonic()
    assert run_forked(campaign.wish(turn))["changed"]
    return time.monotonic() - begin
