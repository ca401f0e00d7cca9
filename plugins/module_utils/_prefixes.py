# -*- coding: utf-8 -*-
# Copyright (c) 2026, the vos.fastpath authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and prefixes as operators write them, and as the maps hold them."""

from __future__ import annotations

import re
import socket
import struct
import typing as t

from ansible_collections.vos.fastpath.plugins.module_utils._errors import FastpathError

__all__ = ("FAMILIES", "MAPPED", "Prefix", "parse_prefix")

FAMILIES = {"v4": (socket.AF_INET, 4), "v6": (socket.AF_INET6, 16)}
"""Address family and bytes of an address, by the ending of the maps' names."""

_LENGTH = re.compile(r"[0-9]{1,3}\Z", re.ASCII)
_DOTTED = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z", re.ASCII)
MAPPED = bytes(10) + b"\xff\xff"
"""What an IPv4 address begins with where software writes it as IPv6; on the wire there is none."""
_REMEDY = "Write an address or a prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32"


class Prefix(t.NamedTuple):
    """A host or a network: the family's name (V(v4), V(v6)), the address in network byte order, the length in bits."""

    family: str
    address: bytes
    length: int

    @property
    def is_host(self) -> bool:
        """Whether this is a single address, kept in a hash instead of a trie."""
        return self.length == 8 * len(self.address)

    @property
    def table(self) -> str:
        """The map that holds it."""
        return ("hosts_" if self.is_host else "prefixes_") + self.family

    @property
    def key(self) -> bytes:
        """The key in that map."""
        return self.address if self.is_host else struct.pack("=I", self.length) + self.address

    def network(self, length: int) -> Prefix:
        """Return the network of this length that it is in."""
        return Prefix(self.family, _masked(self.address, length), length)

    def __str__(self) -> str:
        text = socket.inet_ntop(FAMILIES[self.family][0], self.address)
        return text if self.is_host else "%s/%d" % (text, self.length)

    @classmethod
    def from_key(cls, table: str, key: bytes) -> Prefix:
        """Return the prefix that a map's key stands for."""
        kind, family = table.split("_")
        if kind == "hosts":
            return cls(family, key, 8 * len(key))
        return cls(family, key[4:], struct.unpack("=I", key[:4])[0])


def parse_prefix(text: str) -> Prefix:
    """Read an address or a prefix. Raises FastpathError for anything else, host bits that are set included."""
    address, slash, suffix = text.strip().partition("/")
    family = "v6" if ":" in address else "v4"
    packed = _packed(text, family, address)
    length = 8 * len(packed)
    if slash:
        if not _LENGTH.match(suffix) or int(suffix) > length:
            raise FastpathError(text, "the prefix length has to be a number from 0 to %d" % length, _REMEDY)
        length = int(suffix)
    prefix = Prefix(family, packed, 8 * len(packed)).network(length)
    if prefix.address != packed:
        raise FastpathError(text, "it has host bits set below /%d" % length, "Write %s if the network is meant" % str(prefix))
    if packed.startswith(MAPPED):
        plain = Prefix("v4", packed[12:], length - 96)
        raise FastpathError(text, "on the wire this source is an IPv4 address", "Write %s" % str(plain))
    return prefix


def _packed(text: str, family: str, address: str) -> bytes:
    try:
        if family == "v4" and not _DOTTED.match(address):
            raise ValueError(address)
        packed = socket.inet_pton(FAMILIES[family][0], address)
    except (OSError, ValueError, UnicodeError) as error:
        raise FastpathError(text, "it is neither an IPv4 nor an IPv6 address", _REMEDY) from error
    return packed


def _masked(packed: bytes, length: int) -> bytes:
    bits = 8 * len(packed)
    number = int.from_bytes(packed, "big") >> (bits - length) << (bits - length)
    return number.to_bytes(len(packed), "big")
