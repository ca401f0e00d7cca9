/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STUN on the SIP port, the keepalive of RFC 5626: row 10.
 *
 * The header alone proves nothing: servers that look for SIP first answer a request that hides in an attribute. What
 * they need is a Via, so a message with a line that looks like one is not taken for STUN.
 */
#ifndef SIP_STUN_H
#define SIP_STUN_H

#define VIA_STRIDE 16
#define VIA_STRIDES 64
#define VIA_FAR_STRIDES 64

/*
 * Whether the word starts with a line end and then "v" or "via" in any case, as a Via header does (RFC 3261, 7.3.1 and
 * 7.3.3), and then what ends a header's name.
 */
static __always_inline bool is_via_line(__u64 word)
{
	__u64 name = fold(word >> 8);
	__u8 behind;

	if (byte_of(word, 0) != '\r' && byte_of(word, 0) != '\n')
		return false;
	if (byte_of(name, 0) != 'v')
		return false;
	behind = (name & TEXT_MASK("via")) == TEXT("via") ? byte_of(word, 4) : byte_of(word, 2);
	return behind == ':' || behind == ' ' || behind == '\t';
}

/* Whether such a line starts in the next VIA_STRIDE bytes, leaving out the last seven of all. */
__noinline int has_via_near(struct xdp_md *ctx, __u32 at, __u32 end)
{
	struct sip_view view = view_of(ctx);

	for (int i = 0; i < VIA_STRIDE && at + WORD <= end; i++, at++) {
		__u64 copy;
		const __u64 *bytes = look(&view, at, &copy, WORD);

		if (!bytes || is_via_line(number_of(bytes)))
			return true;
	}
	return false;
}

__noinline int has_via_far(struct xdp_md *ctx, __u32 at, __u32 end)
{
	for (int i = 0; i < VIA_STRIDES && at < end; i++, at += VIA_STRIDE) {
		if (has_via_near(ctx, at, end))
			return true;
	}
	return false;
}

/* Few STUN messages have a line end at all, so look for that first. */
__noinline int has_via(struct xdp_md *ctx, __u32 at, __u32 end)
{
	__u64 last = last_word(ctx, end - (WORD - 1), end);

	at = line_end_long(ctx, at, end);
	for (int i = 0; i < VIA_FAR_STRIDES && at < end; i++, at += VIA_STRIDES * VIA_STRIDE) {
		if (has_via_far(ctx, at, end))
			return true;
	}
	for (__u32 i = 0; i < WORD - 1; i++, last >>= 8) {
		if (is_via_line(last))
			return true;
	}
	return false;
}

/* RFC 8489, 5: two bits 0, Binding, a length that is right and a multiple of 4, the cookie. */
static __always_inline bool is_stun(const struct sip_view *view, __u32 at, __u32 end)
{
	struct sip_stun_header copy;
	const struct sip_stun_header *header;
	__u32 length = end - at;

	if (length < STUN_HEADER)
		return false;
	header = look(view, at, &copy, sizeof(copy));
	if (!header)
		return false;
	if ((header->type & bpf_htons((__u16)~STUN_CLASS)) != bpf_htons(STUN_BINDING))
		return false;
	if (header->cookie != bpf_htonl(STUN_COOKIE) || bpf_ntohs(header->length) != length - STUN_HEADER || length % 4)
		return false;
	return length == STUN_HEADER || !has_via(view->ctx, at, end);
}

#endif
