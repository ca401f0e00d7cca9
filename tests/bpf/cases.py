# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames that must get a certain verdict, each by name and with the reason or the source it comes from.

The settings are the role's defaults: stealth for OPTIONS, malformed messages from untrusted sources, port 5060.
"""

from __future__ import annotations

from typing import NamedTuple

import frames as f

TRAILER = b"\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK776\r\nContent-Length: 0\r\n\r\n"
OPTIONS = f.request(b"OPTIONS")
INVITE = f.request()


class Case(NamedTuple):
    name: str
    frame: bytes
    reason: str
    source: str


def line(start: bytes) -> bytes:
    """A datagram whose first line is this."""
    return f.sip4(start + TRAILER)


def options(start: bytes) -> bytes:
    return line(start + b" sip:100@192.0.2.1 SIP/2.0")


def tagged(count: int, carried: bytes = OPTIONS) -> bytes:
    return f.ethernet(f.ipv4(f.udp(carried)), f.IPV4, (f.VLAN, f.SERVICE_VLAN, f.VLAN, f.VLAN, f.VLAN)[:count])


def chained(*kinds: int, carried: bytes = OPTIONS) -> bytes:
    """IPv6 with these extension headers before UDP."""
    following, rest = f.chain(kinds, f.udp(carried))
    return f.ethernet(f.ipv6(rest, following=following), f.IPV6)


def padded(frame: bytes) -> bytes:
    """The Ethernet minimum, filled with something that is no part of the datagram."""
    return frame + b"X" * (60 - len(frame))


VIA_IN_STUN = b"\x80\x22\x00\x2c OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;b=c\r\n"
VIA_IN_STUN += b" " * (-len(VIA_IN_STUN) % 4)
FOUND = "measured on the servers, issue 3"
RFC3261 = "RFC 3261"

RFC_5118 = (
    ("4.1: an IPv6 reference", b"REGISTER sip:[2001:db8::10] SIP/2.0", "request"),
    ("4.2: one without brackets, the server's to refuse", b"REGISTER sip:2001:db8::10 SIP/2.0", "request"),
    ("4.3: a port that could be a part of the address", b"REGISTER sip:[2001:db8::10:5070] SIP/2.0", "request"),
    ("4.4: a port behind the brackets", b"REGISTER sip:[2001:db8::10]:5070 SIP/2.0", "request"),
    ("4.5: a bye, its Via delimited or not", b"BYE sip:[2001:db8::10] SIP/2.0", "request"),
    ("4.7: an answer with addresses in its body", b"SIP/2.0 200 OK", "response"),
    ("4.10: an IPv4-mapped address", b"INVITE sip:user@[::ffff:192.0.2.10] SIP/2.0", "request"),
)
"""Start lines of RFC 5118, Session Initiation Protocol (SIP) Torture Test Messages for IPv6: section, line, reason."""

LAWFUL = (
    *(Case(f"method {name}", line(name.encode() + b" sip:bob@biloxi.example.com SIP/2.0"), "request", "IANA, SIP Parameters")
      for name in "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()),
    Case("extension method", line(b"!interesting-Method0123456789_*+`.%indeed'~ sip:a SIP/2.0"), "request", "RFC 4475, 3.1.1.1"),
    Case("token of 128", line(b"A" * 128 + b" sip:a SIP/2.0"), "request", "issue 3, the bound"),
    Case("method that begins like OPTIONS", line(b"OPTIONSX sip:a SIP/2.0"), "request", RFC3261 + ", 7.1"),
    Case("method that OPTIONS begins with", line(b"OPTION sip:a SIP/2.0"), "request", RFC3261 + ", 7.1"),
    Case("method that begins like SUBSCRIBE", line(b"SUBSCRIBX sip:a SIP/2.0"), "request", RFC3261 + ", 7.1"),
    Case("method of the first eight letters of SUBSCRIBE", line(b"SUBSCRIB sip:a SIP/2.0"), "request", RFC3261 + ", 7.1"),
    Case("answer to our own OPTIONS", f.sip4(b"SIP/2.0 200 OK" + TRAILER), "response", RFC3261 + ", 7.2"),
    Case("answer without a reason phrase", f.sip4(b"SIP/2.0 100 " + TRAILER), "response", "RFC 4475, 3.1.1.13"),
    Case("answer in lower case", f.sip4(b"sip/2.0 200 OK" + TRAILER), "response", RFC3261 + ", 7.1: case-insensitive"),
    Case("answer over IPv6", f.sip6(b"SIP/2.0 401 Unauthorized" + TRAILER), "response", RFC3261),
    Case("trunk URI", line(b"INVITE sip:+12025550100;npdi;rn=+12025550199;cpc=ordinary@trunk.carrier.example.net:5060;user=phone SIP/2.0"),
         "request", "RFC 4694; the predecessor dropped it"),
    Case("GRUU", line(b"INVITE sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6 SIP/2.0"), "request", "RFC 5627"),
    Case("URI as long as the frame", line(b"INVITE sip:" + b"u" * 3300 + b" SIP/2.0"), "request", RFC3261 + ": no limit"),
    Case("URI with spaces", line(b"INVITE sip:a; lr SIP/2.0"), "request", "RFC 4475, 3.1.2.9: the server answers 400"),
    Case("version 7.0", line(b"INVITE sip:a@b SIP/7.0"), "request", "RFC 4475, 3.1.2.16: the server owes a 505"),
    Case("version of many digits", line(b"INVITE sip:a@b SIP/" + b"0" * 300 + b"2." + b"0" * 300), "request", RFC3261 + ", 25.1: 1*DIGIT"),
    Case("version in lower case", line(b"INVITE sip:a@b sip/2.0"), "request", RFC3261 + ", 7.1"),
    Case("lines that end with LF", f.sip4(b"INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a\n\n"), "request", FOUND),
    Case("lines that end with CR", f.sip4(b"INVITE sip:a@b SIP/2.0\rVia: SIP/2.0/UDP a\r\r"), "request", FOUND),
    Case("line end at the end", f.sip4(b"INVITE sip:alice@b SIP/2.0\n"), "request", "issue 3, the bound"),
    Case("CRLF before a request", f.sip4(b"\r\n\r\n" + INVITE), "request", RFC3261 + ", 7.5"),
    Case("64 blanks before a request", f.sip4(b"\r\n" * 32 + INVITE), "request", "issue 3, the bound"),
    Case("keepalive CRLFCRLF", f.sip4(b"\r\n\r\n"), "keepalive", "RFC 5626, 3.5.1"),
    Case("keepalive CRLF", f.sip4(b"\r\n"), "keepalive", "RFC 5626, 3.5.1"),
    Case("keepalive in a padded frame", padded(f.sip4(b"\r\n")), "keepalive", "IEEE 802.3: frames have 60 bytes"),
    Case("keepalive of nothing", f.sip4(b""), "keepalive", FOUND),
    Case("keepalive NUL", f.sip4(b"\0"), "keepalive", FOUND),
    Case("keepalive of four NULs", f.sip4(b"\0\0\0\0"), "keepalive", "Kamailio nathelper, OpenSIPS nathelper"),
    Case("keepalive of 64 blanks", f.sip4(b" " * 64), "keepalive", "issue 3, the bound"),
    Case("keepalive over IPv6", f.sip6(b"\r\n\r\n"), "keepalive", "RFC 5626"),
    Case("STUN binding request", f.sip4(f.stun()), "stun", "RFC 5626, 3.5.2"),
    Case("STUN with attributes", f.sip4(f.stun(0x0001, b"\x80\x22\x00\x04test")), "stun", "RFC 8489, 14"),
    Case("STUN answer", f.sip4(f.stun(0x0101, b"\x00\x20\x00\x08\x00\x01\x21\x12\x43\x23\xc6\x33")), "stun", "RFC 8489"),
    Case("STUN error", f.sip4(f.stun(0x0111)), "stun", "RFC 8489"),
    Case("STUN indication", f.sip4(f.stun(0x0011)), "stun", "RFC 8489"),
    Case("STUN with line ends and no Via", f.sip4(f.stun(0x0001, b"\x80\x22\x00\x08\r\nvid: a")), "stun", "issue 3"),
    Case("STUN whose 20 bytes look like a Via", f.sip4(f.stun()[:8] + b"\r\nVia: a\r\nv:"), "stun", "a transaction id is random"),
    Case("19 bytes", f.sip4(b"INVITE sip:a SIP/2."), "short_payload", "Kamailio: below 20 bytes it's a probe"),
    Case("first fragment of a large INVITE", f.first_fragment4(b"INVITE sip:alice@example.com SIP/2.0\r\nVia: a\r\n" + b"x" * 900), "request", FOUND),
    Case("first fragment over IPv6", f.first_fragment6(INVITE), "request", FOUND),
    Case("first fragment that ends in the line", f.first_fragment4(b"INVITE sip:alice@exam"), "line_cut", "malformed needs proof"),
    Case("first fragment of an answer", f.first_fragment4(b"SIP/2.0 2"), "response", "malformed needs proof"),
    Case("first fragment of four bytes of an answer", f.first_fragment4(b"SIP/"), "response", "malformed needs proof"),
    Case("later fragment", f.ethernet(f.ipv4(b"OPTIONS sip:a SIP/2.0\r\n", offset=185)), "fragment", "it has no UDP header"),
    Case("later fragment over IPv6", f.ethernet(f.ipv6(f.fragment(f.udp(OPTIONS), offset=181), following=44), f.IPV6), "fragment", "RFC 8200, 4.5"),
    Case("TCP SYN to 5060", f.ethernet(f.ipv4(b"\x13\xc6\x13\xc4" + bytes(16), protocol=f.TCP)), "not_udp", "the predecessor dropped it"),
    Case("TCP that carries OPTIONS", f.ethernet(f.ipv4(b"\x13\xc6\x13\xc4" + bytes(16) + OPTIONS, protocol=f.TCP)), "not_udp", "SIP over TCP"),
    *(Case(f"IP protocol {name}", f.ethernet(f.ipv4(f.udp(OPTIONS), protocol=number)), "not_udp", "never touched")
      for name, number in (("ICMP", 1), ("GRE", 47), ("ESP", 50), ("SCTP", 132), ("UDP-Lite", 136))),
    Case("IPsec AH over IPv6", f.ethernet(f.ipv6(f.udp(OPTIONS), following=f.AUTHENTICATION), f.IPV6), "not_udp", "never touched"),
    Case("IPv6 without a next header", f.ethernet(f.ipv6(f.udp(OPTIONS), following=f.NO_NEXT), f.IPV6), "not_udp", "RFC 8200, 4.7"),
    Case("RTP", f.sip4(bytes.fromhex("80004e2a000027100badcafe") + bytes(160), port=16384), "other_port", "RFC 3550"),
    Case("port with its bytes exchanged", f.sip4(OPTIONS, port=0xC413), "other_port", "5060 is 0x13c4"),
    Case("from the SIP port to another", f.ethernet(f.ipv4(f.udp(OPTIONS, port=4000, source_port=5060))), "other_port", "issue 3"),
    *(Case(f"RFC 5118, {section}", f.sip6(start + b"\r\nVia: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n\r\n"), reason, f"RFC 5118, {section}")
      for section, start, reason in RFC_5118),
    Case("ARP", f.ethernet(bytes(28), 0x0806), "not_ip", "never touched"),
    Case("LLC", f.ethernet(f.ipv4(f.udp(OPTIONS)), 0x0040), "not_ip", "IEEE 802.3 lengths"),
    Case("IPv4 with options", f.ethernet(f.ipv4(f.udp(INVITE), options=bytes(40))), "request", "RFC 791"),
    Case("priority tag", f.ethernet(f.ipv4(f.udp(INVITE)), tags=(f.VLAN,)), "request", "VID 0"),
    Case("four tags", tagged(4, INVITE), "request", "issue 3, the bound"),
    *(Case(f"IPv6 with {name}", chained(*kinds, carried=INVITE), "request", "RFC 8200, 4")
      for name, kinds in (("hop-by-hop", (0,)), ("destination options", (60,)), ("routing", (43,)), ("atomic fragment", (44,)),
                          ("8 headers", (0, *(60,) * 7)))),
    Case("IPv6 with a long extension header", f.ethernet(f.ipv6(f.extension(f.udp(INVITE), units=255), following=60), f.IPV6), "request", "RFC 8200, 4.6"),
    Case("IP length beyond the frame", f.ethernet(f.ipv4(f.udp(OPTIONS), total=1400)), "ip_invalid", "the stack drops and counts it"),
    Case("IPv6 length beyond the frame", f.ethernet(f.ipv6(f.udp(OPTIONS), length=1400), f.IPV6), "ip_invalid", "the stack drops and counts it"),
    Case("IPv4 header of 16 bytes", f.ethernet(f.ipv4(f.udp(OPTIONS), words=4)), "ip_invalid", "the stack drops and counts it"),
    Case("version 6 in an IPv4 frame", f.ethernet(f.ipv4(f.udp(OPTIONS), version=6)), "ip_invalid", "the stack drops and counts it"),
    Case("frame that ends in the UDP header", f.sip4(OPTIONS)[:40], "ip_invalid", "the stack drops and counts it"),
    Case("datagram without a whole UDP header", f.ethernet(f.ipv4(f.udp(b"")[:7])), "short", "the stack drops it"),
    Case("frame of an Ethernet header", f.ethernet(b""), "short", "issue 3"),
    Case("frame that ends in a tag", f.ethernet(b"", f.VLAN), "short", "issue 3"),
)  # fmt: skip

DROPPED = (
    Case("OPTIONS", f.sip4(OPTIONS), "stealth", "svmap (sipvicious)"),
    Case("OPTIONS over IPv6", f.sip6(OPTIONS), "stealth", FOUND),
    Case("nmap's probe", options(b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm"), "stealth", "nmap-service-probes, SIPOptions"),
    Case("OPTIONS in mixed case", options(b"OpTiOnS"), "stealth", "Kamailio, OpenSIPS and PJSIP fold"),
    Case("OPTIONS in lower case", options(b"options"), "stealth", "Kamailio, OpenSIPS and PJSIP fold"),
    *(Case(f"OPTIONS ended by {behind!r}", line(b"OPTIONS" + behind + b"sip:100@192.0.2.1 SIP/2.0"), "stealth", FOUND)
      for behind in (b"\t", b"  ", b"\0 ", b", ", b"\r\n ", b"\n ", b"@", b"\xff", b"/")),
    Case("OPTIONS with no version", line(b"OPTIONS sip:a HELLO"), "stealth", "OpenSIPS takes any third word"),
    Case("OPTIONS with no line end", f.sip4(b"OPTIONS sip:alice@example.com SIP/2.0"), "stealth", "stealth looks at the token only"),
    Case("OPTIONS of 9 bytes", f.sip4(b"OPTIONS x"), "stealth", "row 14 is before row 15"),
    *(Case(f"OPTIONS behind {blank!r}", f.sip4(blank + OPTIONS), "stealth", FOUND)
      for blank in (b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\t", b"\0", b"\0\0\0\0", b" \t\r\n\0" * 12 + b"\r\n\r\n")),
    Case("OPTIONS behind 65 blanks", f.sip4(b"\n" * 65 + OPTIONS), "leading_blanks", "1,100 CRLFs are still answered"),
    Case("OPTIONS behind 1,100 blanks", f.sip4(b"\r\n" * 550 + OPTIONS), "leading_blanks", "1,100 CRLFs are still answered"),
    Case("65 blanks and nothing", f.sip4(b"\n" * 65), "leading_blanks", "the bound fails closed"),
    *(Case(f"OPTIONS in {count} tags", tagged(count), "stealth", FOUND) for count in (1, 2, 3, 4)),
    Case("OPTIONS in five tags", tagged(5), "vlan_depth", "Linux takes any number of priority tags"),
    *(Case(f"OPTIONS behind {name}", chained(*kinds), "stealth", FOUND)
      for name, kinds in (("hop-by-hop", (0,)), ("destination options", (60,)), ("routing", (43,)), ("atomic fragment", (44,)),
                          ("two fragment headers", (44, 44)), ("8 headers", (60,) * 8))),
    Case("OPTIONS behind 9 headers", chained(*(60,) * 9), "ext_depth", "Linux delivers 40"),
    Case("OPTIONS behind 40 headers", chained(*(60,) * 40), "ext_depth", "Linux delivers 40"),
    Case("OPTIONS behind IPv4 options", f.ethernet(f.ipv4(f.udp(OPTIONS), options=bytes(40))), "stealth", FOUND),
    Case("OPTIONS in a packet of length 0", f.ethernet(f.ipv6(f.extension(f.udp(OPTIONS)), following=0, length=0), f.IPV6), "stealth",
         "Linux 6.18 takes length 0 before a hop-by-hop header for the frame's"),
    Case("OPTIONS in a first fragment", f.first_fragment4(OPTIONS), "stealth", FOUND),
    Case("OPTIONS in a first fragment over IPv6", f.first_fragment6(OPTIONS), "stealth", FOUND),
    Case("first fragment of 8 bytes", f.first_fragment4(b""), "tiny_fragment", "the method is in the next one"),
    Case("first fragment that ends in the method", f.first_fragment4(b"OPTIO"), "tiny_fragment", FOUND),
    Case("first fragment that is one token", f.first_fragment4(b"A" * 24), "tiny_fragment", FOUND),
    Case("first fragment of blanks", f.first_fragment6(b"\r\n" * 4), "tiny_fragment", FOUND),
    Case("first fragment of 19 bytes", f.first_fragment4(b"INVITE sip:a SIP/2."), "tiny_fragment", FOUND),
    Case("IPv6 UDP length 0", f.ethernet(f.ipv6(f.udp(OPTIONS, length=0)), f.IPV6), "udp_len", "Linux delivers it"),
    Case("IPv4 UDP length 0", f.ethernet(f.ipv4(f.udp(OPTIONS, length=0))), "udp_len", FOUND),
    Case("UDP length 7", f.ethernet(f.ipv4(f.udp(OPTIONS, length=7))), "udp_len", "RFC 768"),
    Case("UDP length 256", f.ethernet(f.ipv4(f.udp(OPTIONS + b"x" * 300, length=256))), "stealth", "low byte 0: it went past the predecessor"),
    Case("UDP length beyond IP", f.ethernet(f.ipv4(f.udp(INVITE, length=1400))), "udp_len", FOUND),
    Case("UDP length below IP", f.ethernet(f.ipv4(f.udp(OPTIONS + b"junk", length=8 + len(OPTIONS)))), "stealth", "Linux delivers it"),
    Case("OPTIONS in STUN", f.sip4(f.stun(0x0001, VIA_IN_STUN)), "malformed_method", "Kamailio and OpenSIPS answer it as SIP"),
    Case("compact Via in STUN", f.sip4(f.stun(0x0001, b"\x80\x22\x00\x04\nv:x")), "malformed_method", RFC3261 + ", 7.3.3"),
    Case("Via and a blank in STUN", f.sip4(f.stun(0x0001, b"\x80\x22\x00\x08\rVIA\t: x")), "malformed_method", RFC3261 + ", 7.3.1"),
    Case("STUN in a first fragment", f.first_fragment4(f.stun(), whole=28), "malformed_method", "what it hides may be in the next one"),
    Case("STUN with the wrong length", f.sip4(f.stun(length=4)), "malformed_method", "RFC 8489, 5"),
    Case("STUN with another cookie", f.sip4(f.stun(cookie=0x2112A443)), "malformed_method", "RFC 8489, 5"),
    Case("STUN of length 1 more", f.sip4(f.stun(attributes=b"x")), "malformed_method", "RFC 8489, 5: a multiple of 4"),
    Case("TURN allocate", f.sip4(f.stun(0x0003)), "malformed_method", "RFC 8656: no Binding"),
    *(Case(f"first byte {first:#x} then OPTIONS", f.sip4(bytes((first,)) + OPTIONS), "malformed_method", "no shortcut by the first byte")
      for first in (0x01, 0x16, 0x80, 0xF8)),
    Case("binary", f.sip4(bytes(range(128, 192))), "malformed_method", "issue 3"),
    Case("token of 129", line(b"A" * 129 + b" sip:a SIP/2.0"), "malformed_method", "issue 3, the bound"),
    Case("token and a comma", line(b"INVITE, sip:a SIP/2.0"), "malformed_method", RFC3261 + ", 7.1"),
    Case("token to the end", f.sip4(b"INVITEINVITEINVITEINVITE"), "malformed_method", RFC3261 + ", 7.1"),
    Case("no version", line(b"INVITE sip:alice@example.com"), "malformed_start_line", RFC3261 + ", 7.1"),
    *(Case(f"line that ends with {end!r}", line(b"INVITE sip:a@b" + end), "malformed_start_line", RFC3261 + ", 25.1")
      for end in (b" SIP/2.0 ", b" SIP/2", b" SIP/2.", b" SIP/.0", b"\tSIP/2.0", b"SIP/2.0", b" HTTP/1.1", b" SIP/2.x", b" SIP2.0", b" SIP/2.0x",
                  b" SIP\x0f2.0", b" SIP/\x122.0", b" SIP/2\x0e0", b"\x00SIP/2.0")),
    Case("no line end", f.sip4(b"INVITE sip:alice@example.com SIP/2.0"), "malformed_start_line", "no CR or LF in the whole datagram"),
    Case("no line end before the padding", f.sip4(b"INVITE sip:al SIP/2.0") + b"\r\n", "malformed_start_line", "padding is no payload"),
    Case("status line without a code", f.sip4(b"SIP/2.0 OK" + TRAILER), "status_line", RFC3261 + ", 7.2"),
    Case("status code of two digits", f.sip4(b"SIP/2.0 20" + TRAILER), "status_line", RFC3261 + ", 7.2"),
    Case("status line of another length", f.sip4(b"SIP/12.0 200 OK" + TRAILER), "status_line", "the table: SIP/d.d"),
    Case("status line that ends too early", f.sip4(b"SIP/2.0 20"), "status_line", "row 13 is before row 15"),
    Case("wrong status line in a first fragment", f.first_fragment4(b"SIP/2-"), "status_line", "this is proof"),
    Case("request that starts with SIP/", line(b"SIP/2.0 sip:a SIP/2.0"), "status_line", RFC3261),
)  # fmt: skip
