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

/* A datagram to a SIP port, on its way through the rows. */
struct sip_datagram {
	struct sip_view view;
	__u32 flags;			/* FRAME_* */
	__u32 at;			/* the payload; from row 11 on without leading blanks */
	__u32 end;
	__u32 size;			/* of the payload with them */
	bool cut;			/* a first fragment: what comes behind end is not known */
	bool trusted;
	bool enforced;			/* malformed messages from this source are dropped */
};

/*
 * Row 9. Linux takes an IPv6 length of 0 (RFC 2675) for "to the end", and a length below the IP payload as it is; the
 * payload ends where the shorter of the two does.
 */
static __always_inline enum sip_reason bound_payload(struct sip_datagram *datagram, __u32 udp)
{
	struct udphdr copy;
	const struct udphdr *header = look(&datagram->view, udp, &copy, sizeof(copy));
	__u32 length;

	if (!header)
		return REASON_UDP_LEN;
	length = bpf_ntohs(header->len);
	if (length < sizeof(*header))
		return REASON_UDP_LEN;
	if (udp + length <= datagram->end)
		datagram->end = udp + length;
	else if (!datagram->cut)
		return REASON_UDP_LEN;
	datagram->at = udp + sizeof(*header);
	datagram->size = datagram->end - datagram->at;
	return GO_ON;
}

/* Rows 11 and 12. Servers skip blanks before a message, one of them more than a thousand (RFC 3261, 7.5 has CRLFs). */
static __always_inline enum sip_reason skip_blanks(struct sip_datagram *datagram)
{
	if (datagram->size && !is_blank(byte_at(&datagram->view, datagram->at)))
		return GO_ON;
	datagram->at = past_blanks(datagram->view.ctx, datagram->at, datagram->end);
	if (datagram->at == datagram->end && datagram->size <= BLANKS_MAX)
		return datagram->cut ? REASON_TINY_FRAGMENT : REASON_KEEPALIVE;
	return datagram->size - (datagram->end - datagram->at) >= BLANKS_MAX + 1 ? REASON_LEADING_BLANKS : GO_ON;
}

/* Row 13. Whether it was asked for is the server's to know, so a status line from anyone passes. */
static __always_inline enum sip_reason read_response(const struct sip_datagram *datagram)
{
	__u64 first = word_before(&datagram->view, datagram->at, datagram->end);
	__u64 second;

	if (!starts_with_sip(first))
		return GO_ON;
	second = word_before(&datagram->view, datagram->at + WORD, datagram->end);
	if (datagram->enforced && !is_status_line(first, second, datagram->end - datagram->at, datagram->cut))
		return REASON_STATUS_LINE;
	return REASON_RESPONSE;
}

/* Rows 17 and 18. */
static __always_inline enum sip_reason read_start_line(const struct sip_datagram *datagram, __u32 behind_method)
{
	__u32 end;

	if (!datagram->enforced && !datagram->cut)
		return GO_ON;
	end = line_end(datagram->view.ctx, behind_method, datagram->end);
	if (end > VIEW_MAX || (end == datagram->end && datagram->cut))
		return REASON_LINE_CUT;
	if (!datagram->enforced)
		return GO_ON;
	if (end == datagram->end || !ends_with_version(&datagram->view, behind_method, end))
		return REASON_MALFORMED_START_LINE;
	return GO_ON;
}

/*
 * Rows 14 to 18. Stealth looks at the method and at nothing behind it: some server answers OPTIONS with any rest of the
 * line. Malformed is only what can be seen to be so.
 */
static __always_inline enum sip_reason read_request(const struct sip_datagram *datagram, __u32 stealth_methods)
{
	__u32 token = read_token(datagram->view.ctx, datagram->at, datagram->end);

	if (is_method_read(token)) {
		count_method(TOKEN_METHOD(token));
		if (!datagram->trusted && stealth_methods >> TOKEN_METHOD(token) & 1)
			return REASON_STEALTH;
	}
	if (datagram->size < SHORT_PAYLOAD)
		return datagram->cut ? REASON_TINY_FRAGMENT : REASON_SHORT_PAYLOAD;
	if (datagram->cut && !is_overlong(token) && !(token & TOKEN_ENDED))
		return REASON_TINY_FRAGMENT;
	if (!TOKEN_LENGTH(token) || is_overlong(token) || !is_followed_by_space(token))
		return datagram->enforced ? REASON_MALFORMED_METHOD : GO_ON;
	return read_start_line(datagram, datagram->at + TOKEN_LENGTH(token));
}

/*
 * Row 20. A socket gets what it can use: whole datagrams, untagged, in one buffer. Where the queue has no socket the
 * helper answers XDP_PASS (kernel 5.3 and later).
 */
static __always_inline bool redirected(const struct sip_datagram *datagram)
{
	struct xdp_md *ctx = datagram->view.ctx;

	if (!(sip_config.flags & CONFIG_AF_XDP) || datagram->flags & (FRAME_TAGGED | FRAME_FIRST_FRAGMENT))
		return false;
	if (frame_length(&datagram->view) != (__u32)(datagram->view.data_end - datagram->view.data))
		return false;
	return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS) == XDP_REDIRECT;
}

/* Rows 8 to 21. */
static __always_inline enum sip_reason decide(struct sip_datagram *datagram, __u32 ip, __u32 udp)
{
	const struct sip_settings *settings = only_entry(&xdp_settings);
	enum sip_reason reason;
	struct sip_ipv6_address source;
	__u32 lists;

	if (!settings || !read_source(&datagram->view, ip, datagram->flags, &source))
		return REASON_REQUEST;
	lists = lists_of_source(&source, datagram->flags);
	if (lists & LIST_BLOCK)
		return REASON_BLOCKLIST;
	datagram->trusted = lists & LIST_ALLOW;
	datagram->enforced = settings->malformed_scope == MALFORMED_ALL ||
			     (settings->malformed_scope == MALFORMED_UNTRUSTED && !datagram->trusted);

	reason = bound_payload(datagram, udp);
	if (reason != GO_ON)
		return reason;
	if (!datagram->cut && is_stun(&datagram->view, datagram->at, datagram->end))
		return REASON_STUN;
	reason = skip_blanks(datagram);
	if (reason != GO_ON)
		return reason;
	reason = read_response(datagram);
	if (reason != GO_ON)
		return reason;
	reason = read_request(datagram, settings->stealth_methods);
	if (reason != GO_ON)
		return reason;
	if (settings->rate_per_second && !datagram->trusted && over_rate(settings, &source, datagram->flags))
		return REASON_RATE_LIMIT;
	return redirected(datagram) ? REASON_REDIRECT : REASON_REQUEST;
}

__noinline int judge(struct xdp_md *ctx, __u32 ip, __u32 udp, __u32 end, __u32 flags)
{
	struct sip_datagram datagram = {
		.view = view_of(ctx),
		.flags = flags,
		.end = end,
		.cut = flags & FRAME_FIRST_FRAGMENT,
	};

	return settle(ctx, decide(&datagram, ip, udp), ip, flags);
}

SEC("xdp")
int sip_logic(struct xdp_md *ctx)
{
	struct sip_view view = view_of(ctx);
	struct sip_headers found = {};
	enum sip_reason reason = read_headers(&view, &found);

	if (reason == GO_ON)
		return judge(ctx, found.ip, found.transport, found.end, found.flags);
	if (is_one_of(reason, UNCOUNTED_REASONS))
		return XDP_PASS;
	return settle(ctx, reason, reason == REASON_VLAN_DEPTH ? 0 : found.ip, found.flags);
}

char _license[] SEC("license") = "GPL";
