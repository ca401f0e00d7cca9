# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a change by hand names a person where that can be known."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils import _who
from ansible_collections.vos.fastpath.plugins.module_utils._who import who

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("text", "name"), [("4294967295", ME), ("", ME), ("1", pwd.getpwuid(1).pw_name), ("4000000000", "4000000000")])
def test_it_is_who_logged_in(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / "loginuid"
    path.write_text(text)
    assert who({}, str(path)) == name


def test_it_is_the_person_behind_sudo(tmp_path: Path) -> None:
    assert who({"SUDO_USER": "alice"}) == "alice"
    assert who({}, str(tmp_path / "no audit")) == ME
    assert _who.who()
