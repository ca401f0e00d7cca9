# SPDX-License-Identifier: GPL-3.0-or-later

"""Files with entries as they should not be: each is refused by the line that is wrong, or read as what it says, in bounded room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect
from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError
from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed, read_text
from ansible_collections.vos.fastpath.plugins.module_utils._list_task import list_task
from ansible_collections.vos.fastpath.plugins.module_utils._prefixes import Prefix
from ansible_collections.vos.fastpath.tests.unit.documents import parameters
from ansible_collections.vos.fastpath.tests.unit.fake_kernel import FakeKernel

LINE = 5001
MANY = b"192.0.2.7\n" * (LINE - 1) + b"%s\n" + b"192.0.2.8\n" * LINE
"""Lines, of which one is to be filled in."""

WRONG = {
    "a zero byte": b"192.0.2.9\0",
    "leading zeros": b"010.0.0.1",
    "decimal": b"3232235777",
    "hexadecimal": b"0xc0000207",
    "too short": b"192.0.2",
    "too long": b"192.0.2.7.8",
    "too large": b"192.0.2.256",
    "negative": b"192.0.2.-7",
    "a range": b"192.0.2.7-192.0.2.9",
    "a mask in words": b"192.0.2.0/255.255.255.0",
    "a length that is too long": b"192.0.2.0/33",
    "two lengths": b"192.0.2.0/24/24",
    "a zone": b"fe80::1%eth0",
    "in brackets": b"[2001:db8::1]",
    "with a port": b"192.0.2.7:5060",
    "two on a line": b"192.0.2.7 192.0.2.8",
    "a page that says it is not there": b"<!DOCTYPE html><title>404</title>",
    "digits of another script": "\u0661\u0669\u0662.0.2.7".encode(),
    "blanks of another script": "192.0.2.\u20077".encode(),
    "a mark of the byte order in the middle": "\ufeff192.0.2.7".encode(),
    "a control sequence": b"\x1b[2K192.0.2.7",
    "IPv4 written as IPv6": b"::ffff:192.0.2.7",
    "host bits": b"192.0.2.7/24",
    "half a quote": b'"192.0.2.7,,"',
    "a time that is none": b"192.0.2.7,tomorrow",
    "a time that is no number": b"192.0.2.7,nan",
    "a time without end": b"192.0.2.7,inf",
    "a time after all time": b"192.0.2.7,99999999999999999999",
    "a year that there is not": b"192.0.2.7,10000-01-01T00:00:00Z",
    "a day that there is not": b"192.0.2.7,2026-02-30",
    "a megabyte": b"x" * (1 << 20),
    "no UTF-8": b"192.0.2.7 # caf\xe9",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_one_wrong_line_of_many_is_named_and_nothing_is_changed(tmp_path: Path, wrong: bytes) -> None:
    kernel = FakeKernel()
    kernel.block("192.0.2.1")
    before = kernel.state()
    path = tmp_path / "feed.txt"
    path.write_bytes(MANY % wrong)
    with pytest.raises(FastpathError) as error:
        list_task("block", parameters("xdp_blocklist", src=str(path), state="exact"), False, kernel, lambda: None, gateways=list)
    assert f"feed.txt line {LINE}: " in str(error.value)
    assert len(str(error.value)) < 1000
    assert str(error.value).isprintable()
    assert kernel.state() == before


RIGHT = {
    "line ends of Windows": b"192.0.2.7\r\n192.0.2.8\r\n",
    "a mark of the byte order": b"\xef\xbb\xbf192.0.2.7\n192.0.2.8",
    "blanks": b"\t 192.0.2.7 \t\n\n   \n 192.0.2.8\x0b\n",
    "a long comment": b"192.0.2.7 # " + b"x" * (1 << 20) + b"\n192.0.2.8\n",
    "marks in a comment": b'192.0.2.7 # a; "b # c\n192.0.2.8 ; "',
    "quotes": b'"192.0.2.7","","a ""quoted"" comment, # and a mark"\n"192.0.2.8"\n',
    "columns that nobody knows": b"192.0.2.7,,,,,,\n192.0.2.8,,a,b,c\n",
    "capitals and lengths of hosts": b"192.0.2.7/32\n192.0.2.8\n",
}


@pytest.mark.parametrize("right", RIGHT.values(), ids=RIGHT.keys())
def test_odd_files_that_are_right(tmp_path: Path, right: bytes) -> None:
    (tmp_path / "feed.txt").write_bytes(right)
    found = collect(None, read_feed("feed.txt", read_text(str(tmp_path / "feed.txt"))), 0.0)
    assert [str(Prefix.from_key(table, key)) for table, keys in found.wanted.items() for key in keys] == ["192.0.2.7", "192.0.2.8"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "cp037"])
def test_other_encodings_are_refused_at_the_first_line(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "feed.txt").write_bytes("192.0.2.7\n192.0.2.8\n".encode(encoding))
    with pytest.raises(FastpathError, match="feed.txt line 1: "):
        collect(None, read_feed("feed.txt", read_text(str(tmp_path / "feed.txt"))), 0.0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 100_000 + "]" * 100_000, id="lists, 100,000 deep"),
        pytest.param('{"a":' * 100_000 + "1" + "}" * 100_000, id="objects, 100,000 deep"),
        pytest.param("[" + "9" * 1_000_000 + "]", id="a number of a million digits"),
        pytest.param('[{"ip": "192.0.2.7", "expires": %s}]' % ("9" * 1_000_000), id="such a time"),
        pytest.param('[{"ip": "192.0.2.7", "expires": NaN}]', id="a time that is no number"),
        pytest.param('[{"ip": "192.0.2.7", "expires": 1e400}]', id="a time without end"),
        pytest.param('[{"ip": "192.0.2.7", "expires": {"at": 7}}]', id="a time that is an object"),
        pytest.param('[{"ip": {"ip": "192.0.2.7"}}]', id="an address that is an object"),
        pytest.param(json.dumps([[["192.0.2.7"]]]), id="a list in a list"),
        pytest.param('["192.0.2.7"] ["192.0.2.8"]', id="two documents"),
        pytest.param('["\\ud800"]', id="half a character"),
        pytest.param('["192.0.2.7\\u0000"]', id="a zero byte"),
    ],
)
def test_json_that_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(FastpathError) as error:
        collect(None, read_feed("feed.json", text), 0.0)
    assert str(error.value).startswith("feed.json")
    assert len(str(error.value)) < 1000
    str(error.value).encode()


MOST = 170 << 20
"""Of which Python itself has 60 before it reads anything."""


def test_a_comment_for_each_of_many_entries_takes_little_memory(collections_path: Path) -> None:
    code = (
        "from ansible_collections.vos.fastpath.plugins.module_utils._entries import collect, pack\n"
        "from ansible_collections.vos.fastpath.plugins.module_utils._feeds import read_feed\n"
        "text = ''.join('10.%d.%d.%d,1795435200,number %d\\n' % (n >> 16, n >> 8 & 255, n & 255, n) for n in range(200000))\n"
        "found = collect(None, read_feed('feed', text), 0.0)\n"
        "print(len(found.wanted['hosts_v4']), len(found.comments['hosts_v4']), len(pack(found)) < 5000000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(collections_path)}
    limited = ("prlimit", f"--as={MOST}", sys.executable, "-c", code)
    done = subprocess.run(limited, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("200000 200000 True\n", "")
