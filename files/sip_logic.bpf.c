/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An XDP program for hosts that speak SIP over UDP: it drops what no lawful peer sends, and answers no scanner.
 *
 * docs/verdicts.md has the table this is; "row" below is a row of it. The first row that is right decides.
 *
 *   sip_frame.h    rows 1 to 7: Ethernet, VLAN, IP, UDP
 *   sip_lists.h    row 8: allowlist and blocklist
 *   sip_stun.h     row 10
 *   sip_message.h  rows 13 to 18: SIP
 *   sip_rate.h     row 19: the rate limit
 *   sip_count.h    the one way out: counters and verdict
 *   sip_view.h, sip_text.h  reading frames and text; sip_maps.h, sip_abi.h  what user space sees; sip_wire.h  numbers
 *
 * Build: clang -target bpf -O2 -mcpu=v3 -g, with vmlinux.h of the host, or -DSIP_UAPI_HEADERS where the kernel has no
 * BTF. It reads wire formats and UAPI only, so there is nothing to relocate, and the object loads without kernel BTF.
 */
#ifdef SIP_UAPI_HEADERS
#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#else
#define BPF_NO_PRESERVE_ACCESS_INDEX
#include "vmlinux.h"
#endif
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "sip_abi.h"

const volatile struct sip_config sip_config = {
	.port_count = 1,
	.ports = { bpf_htons(5060) },
	.hz = 250,
};

#include "sip_wire.h"
#include "sip_maps.h"
#include "sip_view.h"
#include "sip_text.h"
#include "sip_frame.h"
#include "sip_lists.h"
#include "sip_stun.h"
#include "sip_message.h"
#include "sip_rate.h"
#include "sip_count.h"

/* What is known of the message besides the payload, as bits behind FRAME_*. */
#define MESSAGE_TRUSTED (1U << 8)
#define MESSAGE_ENFORCED (1U << 9)		/* malformed messages from this source are dropped */

/* Row 13. Whether it was asked for is the server's to know, so a status line from anyone passes. */
static __always_inline enum sip_reason read_response(__u64 first, __u64 second, __u32 length, __u32 flags)
{
	if (flags & MESSAGE_ENFORCED && !is_status_line(first, second, length, flags & FRAME_FIRST_FRAGMENT))
		return REASON_STATUS_LINE;
	return REASON_RESPONSE;
}

/* Rows 17 and 18. Malformed is only what is seen to be so: what is cut off may be right. */
static __always_inline enum sip_reason read_start_line(const struct sip_view *view, __u32 at, __u32 end, __u32 flags)
{
	bool cut = flags & FRAME_FIRST_FRAGMENT;
	bool enforced = flags & MESSAGE_ENFORCED;
	__u32 line;

	if (!enforced && !cut)
		return GO_ON;
	line = line_end(view, at, end);
	if (line > VIEW_MAX || (line == end && cut))
		return REASON_LINE_CUT;
	if (enforced && (line == end || !ends_with_version(view, at, line)))
		return REASON_MALFORMED_START_LINE;
	return GO_ON;
}

/*
 * Rows 14 to 18; size is that of the payload with its leading blanks. Stealth looks at the method and at nothing behind
 * it: there is a server that answers OPTIONS whatever the rest of the line is.
 */
static __always_inline enum sip_reason read_request(const struct sip_view *view, __u32 at, __u32 end, __u32 flags,
						    __u32 size, __u64 first, const struct sip_books *books)
{
	__u32 token = read_token(view, at, end, first);
	bool cut = flags & FRAME_FIRST_FRAGMENT;

	if (is_method_read(token)) {
		count_method(books->stats, TOKEN_METHOD(token));
		if (!(flags & MESSAGE_TRUSTED) && books->settings->stealth_methods >> TOKEN_METHOD(token) & 1)
			return REASON_STEALTH;
	}
	if (size < SHORT_PAYLOAD)
		return cut ? REASON_TINY_FRAGMENT : REASON_SHORT_PAYLOAD;
	if (cut && !is_overlong(token) && !(token & TOKEN_ENDED))
		return REASON_TINY_FRAGMENT;
	if (!TOKEN_LENGTH(token) || is_overlong(token) || !is_followed_by_space(token))
		return flags & MESSAGE_ENFORCED ? REASON_MALFORMED_METHOD : GO_ON;
	return read_start_line(view, at + TOKEN_LENGTH(token), end, flags);
}

/*
 * Row 9: where the payload ends, 0 if the UDP length is wrong. Linux takes an IPv6 length of 0 (RFC 2675) for "to the
 * end", and a length below the IP payload as it is; the payload ends where the shorter of the two does.
 */
static __always_inline __u32 payload_end(__u32 udp, __u32 length, __u32 end, __u32 flags)
{
	if (length < sizeof(struct udphdr))
		return 0;
	if (udp + length <= end)
		return udp + length;
	return flags & FRAME_FIRST_FRAGMENT ? end : 0;
}

/* Rows 11 and 12: blanks before a message, and nothing else. */
static __always_inline enum sip_reason skip_blanks(const struct sip_view *view, __u32 *at, __u32 end, __u32 flags,
						   __u64 *first)
{
	__u32 start = *at;

	*at = past_blanks(view->ctx, start, end);
	*first = word_before(view, *at, end);
	if (*at == end)
		return flags & FRAME_FIRST_FRAGMENT ? REASON_TINY_FRAGMENT : REASON_KEEPALIVE;
	return *at - start == BLANKS_MAX && is_blank(*first) ? REASON_LEADING_BLANKS : GO_ON;
}

/*
 * Rows 9 to 18: GO_ON for a request. Servers skip blanks before a message, one of them more than a thousand, and
 * RFC 3261, 7.5 wants CRLFs ignored; so they are taken off first, but not without a bound.
 */
static __always_inline enum sip_reason read_payload(const struct sip_view *view, const struct sip_headers *found,
						    __u32 flags, const struct sip_books *books)
{
	__u32 udp = found->transport;
	__u32 end = payload_end(udp, found->udp_length, found->end, flags);
	__u32 at = udp + sizeof(struct udphdr);
	__u32 size;
	__u64 first;

	if (!end)
		return REASON_UDP_LEN;
	size = end - at;
	first = word_before(view, at, end);
	if (byte_of(first, 0) <= ' ') {		/* a blank, the first byte of STUN, or something odd */
		enum sip_reason reason;

		if (!(flags & FRAME_FIRST_FRAGMENT) && is_stun(view, at, end))
			return REASON_STUN;
		reason = skip_blanks(view, &at, end, flags, &first);
		if (reason != GO_ON)
			return reason;
	}
	at = forgotten(view, at);
	end = forgotten(view, end);
	size = forgotten(view, size);
	if (starts_with_sip(first))
		return read_response(first, word_before(view, at + WORD, end), end - at, flags);
	return read_request(view, at, end, flags, size, first, books);
}

/*
 * Row 20. A socket gets what it can use: whole datagrams, untagged, in one buffer. Where the queue has no socket the
 * helper answers XDP_PASS (kernel 5.3 and later).
 */
static __always_inline bool redirected(const struct sip_view *view, __u32 flags)
{
	if (!(sip_config.flags & CONFIG_AF_XDP) || flags & (FRAME_TAGGED | FRAME_FIRST_FRAGMENT))
		return false;
	if (in_buffers() && frame_length(view) != view->length)
		return false;
	return bpf_redirect_map(&xsks_map, view->ctx->rx_queue_index, XDP_PASS) == XDP_REDIRECT;
}

/* What the lists and the settings make of the source. */
static __always_inline __u32 standing(__u32 lists, const struct sip_settings *settings)
{
	__u32 flags = lists & LIST_ALLOW ? MESSAGE_TRUSTED : 0;

	if (settings->malformed_scope == MALFORMED_ALL || (settings->malformed_scope == MALFORMED_UNTRUSTED && !flags))
		flags |= MESSAGE_ENFORCED;
	return flags;
}

/* Rows 8 to 21. */
static __always_inline enum sip_reason decide(const struct sip_view *view, const struct sip_headers *found,
					      const struct sip_books *books)
{
	const struct sip_settings *settings = books->settings;
	__u32 flags = found->flags;
	__u32 lists = lists_of_source(&found->source, flags);
	enum sip_reason reason;

	if (lists & LIST_BLOCK)
		return REASON_BLOCKLIST;
	flags = forgotten(view, flags | standing(lists, settings));
	reason = read_payload(view, found, flags, books);
	if (reason != GO_ON)
		return reason;
	if (settings->rate_per_second && !(flags & MESSAGE_TRUSTED) && over_rate(settings, &found->source, flags))
		return REASON_RATE_LIMIT;
	return redirected(view, flags) ? REASON_REDIRECT : REASON_REQUEST;
}

SEC("xdp")
int sip_logic(struct xdp_md *ctx)
{
	struct sip_headers found = {};
	struct sip_view view;
	struct sip_books books;
	enum sip_reason reason;

	if (is_plainly_other(ctx))
		return XDP_PASS;
	view = view_of(ctx);
	reason = read_headers(&view, &found);
	if (reason != GO_ON && is_one_of(reason, UNCOUNTED_REASONS))
		return XDP_PASS;
	books.settings = only_entry(&xdp_settings);
	books.stats = only_entry(&xdp_stats);
	if (!books.settings || !books.stats)
		return XDP_PASS;
	view = view_of(ctx);
	if (reason == GO_ON)
		reason = decide(&view, &found, &books);
	return settle(&books, &view, reason, &found.source);
}

char _license[] SEC("license") = "GPL";
