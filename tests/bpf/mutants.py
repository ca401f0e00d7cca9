# SPDX-License-Identifier: GPL-3.0-or-later

"""Broken copies of the program: each one mistake somebody could make, and the tests that have to notice it."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    tests: str = "cases"
    """The module of tests that catches it, as in test_cases.py."""


LOGIC, FRAME, LISTS, STUN, MESSAGE = "sip_logic.bpf.c", "sip_frame.h", "sip_lists.h", "sip_stun.h", "sip_message.h"
RATE, COUNT, TEXT, VIEW, WIRE = "sip_rate.h", "sip_count.h", "sip_text.h", "sip_view.h", "sip_wire.h"

MUTANTS = (
    # rows 1 to 7
    Mutant("three VLAN tags only", FRAME, "#define VLAN_TAGS_MAX 4", "#define VLAN_TAGS_MAX 3"),
    Mutant("five VLAN tags", FRAME, "#define VLAN_TAGS_MAX 4", "#define VLAN_TAGS_MAX 5"),
    Mutant("service tags are not seen", FRAME, " || ethertype == ETHERTYPE_SERVICE_VLAN", ""),
    Mutant("wrong byte order of IPv6", WIRE, "bpf_htons(0x86dd)", "0x86dd"),
    Mutant("IPv4 options are not skipped", FRAME, "header_length = ip->ihl * 4;", "header_length = sizeof(*ip);"),
    Mutant("the version of IPv4 is not looked at", FRAME, "ip->version != 4 || ", ""),
    Mutant("IP length beyond the frame", FRAME, "if (!reaches(view, found->end))\n\t\treturn REASON_IP_INVALID;\n\tif (ip->frag_off", "if (ip->frag_off"),
    Mutant("later fragments are read", WIRE, "bpf_htons(0x1fff)", "bpf_htons(0x0fff)", "fuzz"),
    Mutant("more fragments in the wrong byte order", WIRE, "#define IPV4_MORE_FRAGMENTS bpf_htons(0x2000)", "#define IPV4_MORE_FRAGMENTS 0x2000"),
    Mutant("no protocol check", FRAME, "if (found->protocol != PROTOCOL_UDP)\n\t\treturn REASON_NOT_UDP;\n", ""),
    Mutant("source port instead of destination", FRAME, "is_sip_port(udp->dest)", "is_sip_port(udp->source)"),
    Mutant("IPv4 options are no reason to look", FRAME, "four->version_and_length == IPV4_WITHOUT_OPTIONS && ", ""),
    Mutant("extension headers are no reason to look", FRAME, "six->protocol == PROTOCOL_UDP && ", ""),
    Mutant("only the first port counts", FRAME, "if (i >= sip_config.port_count)", "if (i >= 1)", "build"),
    Mutant("seven extension headers", FRAME, "#define EXTENSION_HEADERS_MAX 8", "#define EXTENSION_HEADERS_MAX 7"),
    Mutant("nine extension headers", FRAME, "#define EXTENSION_HEADERS_MAX 8", "#define EXTENSION_HEADERS_MAX 9"),
    Mutant("extension length without the first unit", FRAME, "(header->length + 1) * 8", "(header->length ? header->length * 8 : 8)"),
    Mutant("routing headers end the chain", FRAME, " || protocol == PROTOCOL_ROUTING", ""),
    Mutant("IPv6 first fragments count as whole", FRAME, "first_fragment = 1;", "first_fragment = 0;"),
    Mutant("a length of 0 before hop-by-hop", FRAME, "if (!ip->payload_len && found->protocol == PROTOCOL_HOP_BY_HOP)", "if (0)"),
    # row 8
    Mutant("the prefix before the host", LISTS, "if (gate->hosts_v4)", "if (gate->hosts_v4 && !gate->prefixes_v4)", "lists"),
    Mutant("expiry of allowances is not looked at", LISTS, "lists &= ~LIST_ALLOW;", "lists &= LIST_ALLOW | LIST_BLOCK;", "lists"),
    Mutant("expiry of blocks is not looked at", LISTS, "lists &= ~LIST_BLOCK;", "lists &= LIST_ALLOW | LIST_BLOCK;", "lists"),
    Mutant("an expired prefix hides the next", LISTS, "*key = entry->prefix_len - 1;", "return 0;", "lists"),
    Mutant("IPv6 hosts by prefix only", LISTS, "if (gate->hosts_v6)", "if (gate->hosts_v6 > 1)", "lists"),
    Mutant("hits are not counted", LISTS, "__sync_fetch_and_add(&entry->hits, 1);", ";", "lists"),
    Mutant("last seen is not kept", LISTS, "entry->last_seen = now;", ";", "lists"),
    Mutant("an allowance beats a block", LOGIC, "if (lists & LIST_BLOCK)", "if (lists == LIST_BLOCK)", "lists"),
    # row 9
    Mutant("UDP length in the wrong byte order", FRAME, "found->udp_length = bpf_ntohs(udp->len);", "found->udp_length = udp->len;"),
    Mutant("UDP length 7", LOGIC, "if (length < sizeof(struct udphdr))", "if (length < sizeof(struct udphdr) - 1)"),
    Mutant("UDP length beyond IP", LOGIC, "return flags & FRAME_FIRST_FRAGMENT ? end : 0;", "return end;"),
    Mutant("padding is payload", LOGIC, "if (udp + length <= end)", "if (udp + length < end)", "fuzz"),
    # row 10
    Mutant("any first byte below 2 is STUN", STUN, "if (header->cookie != bpf_htonl(STUN_COOKIE) || bpf_ntohs", "if (bpf_ntohs"),
    Mutant("STUN of any method", WIRE, "#define STUN_CLASS 0x0110", "#define STUN_CLASS 0x3fff"),
    Mutant("STUN of any length", STUN, "bpf_ntohs(header->length) != length - STUN_HEADER || ", ""),
    Mutant("STUN of any number of bytes", STUN, " || length % 4)", ")"),
    Mutant("STUN hides a request", STUN, "return length == STUN_HEADER || !has_via(view->ctx, at, end);", "return true;"),
    Mutant("compact Via is not seen", STUN, "byte_of(word, 4) : byte_of(word, 2);", "byte_of(word, 4) : byte_of(word, 4);"),
    Mutant("Via in upper case is not seen", STUN, "__u64 name = fold(word >> 8);", "__u64 name = word >> 8;"),
    Mutant("the last bytes of STUN are not looked at", STUN, "i < WORD - 1; i++, last", "i < 0; i++, last", "fuzz"),
    Mutant("STUN in a first fragment", LOGIC, "if (!(flags & FRAME_FIRST_FRAGMENT) && is_stun", "if (is_stun"),
    # rows 11 and 12
    Mutant("63 blanks", TEXT, "#define BLANKS_MAX 64", "#define BLANKS_MAX 63"),
    Mutant("65 blanks", TEXT, "#define BLANKS_MAX 64", "#define BLANKS_MAX 65"),
    Mutant("NUL is no blank", TEXT, " | 1ULL << '\\0';", ";"),
    Mutant("TAB is no blank", TEXT, " | 1ULL << '\\t' |", " |"),
    Mutant("tiny fragments pass", LOGIC, "return flags & FRAME_FIRST_FRAGMENT ? REASON_TINY_FRAGMENT : REASON_KEEPALIVE;", "return REASON_KEEPALIVE;"),
    # row 13
    Mutant("status lines in upper case only", MESSAGE, '(fold(first) & TEXT_MASK("sip")) == TEXT("sip")', '(first & TEXT_MASK("SIP")) == TEXT("SIP")'),
    Mutant("two digits are a status", MESSAGE, " && is_digit(byte_of(second, 2));", ";"),
    Mutant("a cut status line is wrong", MESSAGE, "if (length < STATUS_LINE && !cut)", "if (length < STATUS_LINE)"),
    # row 14
    Mutant("methods in upper case only", MESSAGE, "#define IS(name) ((fold(first)", "#define IS(name) ((first"),
    Mutant("OPTIONSX is OPTIONS", MESSAGE, "if (!length || (behind != ' ' && is_token(behind))) {", "if (!length) {"),
    Mutant("only a blank ends a method", MESSAGE, "if (!length || (behind != ' ' && is_token(behind))) {", "if (!length || behind != ' ') {"),
    Mutant("SUBSCRIBE by eight letters", MESSAGE, " && (byte_of(word_before(view, at + WORD, end), 0) | 0x20) == 'e';", ";"),
    Mutant("trusted sources are kept out", LOGIC, "if (!(flags & MESSAGE_TRUSTED) && books", "if (books", "lists"),
    Mutant("stealth needs a whole line", LOGIC, "if (is_method_read(token)) {", "if (is_method_read(token) && is_followed_by_space(token)) {"),
    # rows 15 to 18
    Mutant("18 bytes are short", MESSAGE, "#define SHORT_PAYLOAD 20", "#define SHORT_PAYLOAD 19"),
    Mutant("20 bytes are short", MESSAGE, "#define SHORT_PAYLOAD 20", "#define SHORT_PAYLOAD 21", "fuzz"),
    Mutant("tokens of 127", TEXT, "#define TOKEN_MAX 128", "#define TOKEN_MAX 127"),
    Mutant("tokens of 129", TEXT, "#define TOKEN_MAX 128", "#define TOKEN_MAX 129"),
    Mutant("a tilde ends a token", TEXT, " | 1ULL << ('~' - 64)", ""),
    Mutant("a TAB behind the method is wrong", MESSAGE, " || TOKEN_BEHIND(token) == '\\t')", ")", "fuzz"),
    Mutant("a cut line is malformed", LOGIC, "if (line > VIEW_MAX || (line == end && cut))", "if (line > VIEW_MAX)"),
    Mutant("lines end with LF only", TEXT, "zero_bytes(word ^ EACH_BYTE * '\\r') | ", ""),
    Mutant("a TAB ends the search for a line end", TEXT, "at + lowest(word) : line_end_long(view->ctx, at, end);", "at + lowest(word) : end;"),
    Mutant("a line without an end is right", LOGIC, "if (enforced && (line == end || !ends_with_version", "if (enforced && (!ends_with_version"),
    Mutant("any version", LOGIC, " || !ends_with_version(view, at, line)))", "))"),
    Mutant("versions of one digit only", MESSAGE, "return ends_with_long_version(view->ctx, from, end);", "return false;"),
    Mutant("the minor version may be missing", MESSAGE, "if (minor == end || minor", "if (minor"),
    Mutant("the major version may be missing", MESSAGE, "return major != dot && major", "return major"),
    Mutant("version in upper case only", MESSAGE, '(fold(word) >> 32 & TEXT_MASK("sip")) == TEXT("sip")', '(word >> 32 & TEXT_MASK("SIP")) == TEXT("SIP")'),
    Mutant("no blank before the version", MESSAGE, "return byte_of(word, 3) == ' ' && ", "return "),
    Mutant("long lines are given up", TEXT, "#define LINE_STRIDES 32", "#define LINE_STRIDES 1"),
    Mutant("malformed is for all", LOGIC, " && !flags))", "))", "lists"),
    Mutant("malformed is for none", LOGIC, "flags |= MESSAGE_ENFORCED;", ";"),
    # row 19
    Mutant("a request costs nothing", RATE, "bucket->level = level - token;", "bucket->level = level;", "rate"),
    Mutant("a bucket has no bottom", RATE, "if (level < token)", "if (!level)", "rate"),
    Mutant("a bucket has no top", RATE, "if (level > full)\n\t\tlevel = full;", "", "rate"),
    Mutant("time does not fill it", RATE, "level = bucket->level + elapsed * settings->rate_per_second;", "level = bucket->level;", "rate"),
    Mutant("the clock may run back", RATE, "now > bucket->filled ? now - bucket->filled : 0", "now - bucket->filled", "rate"),
    Mutant("IPv6 by address", RATE, "{ source->words[0], source->words[1] }, 6", "{ source->words[2], source->words[3] }, 6", "rate"),
    Mutant("IPv4 and IPv6 share buckets", RATE, "{ source->words[0], source->words[1] }, 6", "{ source->words[0], 0 }, 4", "rate"),
    Mutant("spoofed sources churn", RATE, "return churn->created++ < NEW_SOURCES_PER_TICK;", "return true;", "rate"),
    Mutant("trusted sources have a rate", LOGIC, "settings->rate_per_second && !(flags & MESSAGE_TRUSTED) && ", "settings->rate_per_second && ", "rate"),
    # rows 20 and 21
    Mutant("tagged frames are redirected", LOGIC, "flags & (FRAME_TAGGED | FRAME_FIRST_FRAGMENT)", "flags & FRAME_FIRST_FRAGMENT", "afxdp"),
    Mutant("fragments are redirected", LOGIC, "flags & (FRAME_TAGGED | FRAME_FIRST_FRAGMENT)", "flags & FRAME_TAGGED", "afxdp"),
    Mutant("always queue 0", LOGIC, "&xsks_map, view->ctx->rx_queue_index, XDP_PASS", "&xsks_map, view->ctx->rx_queue_index + 1, XDP_PASS", "afxdp"),
    Mutant("without a socket it's lost", LOGIC, "rx_queue_index, XDP_PASS) == XDP_REDIRECT", "rx_queue_index, XDP_PASS) >= XDP_PASS", "afxdp"),
    Mutant("several buffers are redirected", LOGIC, "if (in_buffers() && frame_length(view)", "if (0 && frame_length(view)", "afxdp"),
    # counting
    Mutant("audit drops", COUNT, "if (books->settings->flags & SETTING_AUDIT) {", "if (0) {"),
    Mutant("audit counts as dropped", COUNT, "counts = books->stats->would_drop;", ";"),
    Mutant("audit counts as malformed", COUNT, "counts = books->stats->would_drop;", "counts = books->stats->would_drop, counter = COUNTER_MALFORMED;"),
    Mutant("what is limited counts as malformed", COUNT, " || reason == REASON_RATE_LIMIT)", ")", "rate"),
    Mutant("bytes are packets", COUNT, "count->bytes += frame_length(view);", "count->bytes++;", "counting"),
    Mutant("methods are not counted", COUNT, "stats->methods[method % METHOD_SLOTS]++;", "(void)stats; (void)method;", "counting"),
    Mutant("a light source takes the slot", COUNT, "if (top->packets) {", "if (0) {", "counting"),
    Mutant("what is dropped most is not kept", COUNT, "top->packets++;", ";", "counting"),
    Mutant("a reason that drops passes", COUNT, "BIT(REASON_STEALTH) | BIT", "BIT"),
    # frames of several buffers
    Mutant("what is not in the first buffer is not there", VIEW, "if (in_buffers() && !xdp_load_bytes(view->ctx, at, copy, size))", "if (0)"),
    Mutant("the first buffer is the frame", VIEW, "return xdp_buff_len(view->ctx);", "return view->data_end - view->data;"),
)  # fmt: skip
