# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception that reaches the operator."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError, reason_of, remedy_of


@pytest.mark.parametrize("reason", ["there is no such interface", "there is no such interface."])
def test_an_error_is_value_reason_and_remedy(reason: str) -> None:
    error = FastpathError("eth9", reason, "This host has: eth0", number=7)
    assert str(error) == "eth9: there is no such interface. This host has: eth0"
    assert error.details == {"number": 7}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("caf\u00e9", "caf\u00e9"),
        ("\x1b[2K\0\n\udc80\u202e", "\\x1b[2K\\x00\\n\\udc80\\u202e"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 200 + "\u2026 (1001 characters)"),
    ],
)
def test_what_somebody_wrote_does_a_terminal_no_harm(value: str, shown: str) -> None:
    assert str(FastpathError(value, "odd", "Never mind")) == f"{shown}: odd. Never mind"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(2, "No such file or directory"), "No such file or directory (ENOENT)"),
        (OSError(13, ""), "Permission denied (EACCES)"),
        (OSError(524, "Unknown error 524"), "Unknown error 524 (524)"),
        (OSError("no number at all"), "Success (0)"),
    ],
)
def test_the_words_of_the_kernel_come_with_the_errno(error: OSError, words: str) -> None:
    assert reason_of(error) == words


@pytest.mark.parametrize(("code", "words"), [(errno.EROFS, "Make its filesystem writable"), (errno.ENOSPC, "Make room")])
def test_a_filesystem_that_can_not_be_written_to_is_to_be_made_writable(code: int, words: str) -> None:
    assert remedy_of(OSError(code, ""), "Make room") == words
