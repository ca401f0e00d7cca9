# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._capabilities import check_capabilities, missing_capabilities
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.tests.unit.processes import message_of


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("CapEff:\t000001ffffffffff\n", []),
        ("Name:\tpython3\nCapEff:\t0000000000201000\n", []),
        ("CapEff:\t0000000000200000\n", ["CAP_NET_ADMIN"]),
        ("CapEff:\t000001ffffdfffff\n", ["CAP_SYS_ADMIN"]),
        ("CapEff:\t0000000000000000\n", ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]),
        ("", ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]),
    ],
)
def test_what_is_missing(tmp_path: Path, text: str, missing: list[str]) -> None:
    (tmp_path / "status").write_text(text)
    assert missing_capabilities(str(tmp_path / "status")) == missing


def test_it_is_named() -> None:
    check_capabilities([])
    with pytest.raises(FastpathError) as error:
        check_capabilities(["CAP_NET_ADMIN"])
    assert str(error.value) == (
        "CAP_NET_ADMIN: this process does not have it, and the kernel wants it for XDP. "
        "Run as root of the host; in a container or a unit, add it (CapabilityBoundingSet, --cap-add)"
    )


def test_root_without_it_is_told_before_anything_is_tried(collections_path: Path, real_host: None) -> None:
    code = """
from ansible_collections.vos.fastpath.plugins.module_utils._attach import attach
from ansible_collections.vos.fastpath.plugins.module_utils._kernel_attaching import AttachingKernel
from ansible_collections.vos.fastpath.plugins.module_utils._plan import Wanted
attach(AttachingKernel(), ["lo"], Wanted("/nowhere", allow_empty_allowlist=True), check=True)
"""
    powerless = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--ambient-caps=-net_admin")
    assert message_of(code, collections_path, *powerless).startswith("CAP_NET_ADMIN: this process does not have it")
