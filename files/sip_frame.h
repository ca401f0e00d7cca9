/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the frame to the UDP header: rows 1 to 7 of the table. What is rare (VLAN tags, IPv6 extension headers) is out
 * of line. That also lets the verifier see it only once.
 */
#ifndef SIP_FRAME_H
#define SIP_FRAME_H

#define VLAN_TAGS_MAX 4
#define EXTENSION_HEADERS_MAX 8

#define GO_ON REASON_COUNT		/* no row was right so far */

#define FRAME_IPV6 (1U << 0)
#define FRAME_TAGGED (1U << 1)
#define FRAME_FIRST_FRAGMENT (1U << 2)

struct sip_headers {
	struct sip_ipv6_address source;
	__u32 transport;		/* offset of what follows IP and its extensions */
	__u32 end;			/* where the IP payload ends */
	__u32 flags;			/* FRAME_* */
	__u16 udp_length;
	__u8 protocol;
};

static __always_inline bool is_vlan(__be16 ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SERVICE_VLAN;
}

/*
 * What is found behind the tags, as ethertype | offset << 16; instead of an offset, 0 where the frame ends within
 * the tags and 1 where there are too many. Linux takes any number of priority tags (VID 0), so a bound fails closed.
 */
__noinline __u32 past_vlan_tags(struct xdp_md *ctx)
{
	struct sip_view view = view_of(ctx);
	__u32 at = sizeof(struct sip_link);
	struct sip_vlan_tag copy;

	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		const struct sip_vlan_tag *tag = look(&view, at, &copy, sizeof(copy));

		if (!tag)
			return 0;
		at += sizeof(*tag);
		if (!is_vlan(tag->ethertype))
			return tag->ethertype | at << 16;
	}
	return 1 << 16;
}

static __always_inline bool is_sip_port(__be16 port)
{
	for (__u32 i = 0; i < SIP_PORTS_MAX; i++) {
		if (i >= sip_config.port_count)
			return false;
		if (port == sip_config.ports[i])
			return true;
	}
	return false;
}

/*
 * Whether this is what nearly all packets of the host are: RTP, or anything else whose destination port is no SIP port,
 * right behind an IP header without more. It passes uncounted whichever of rows 3 to 7 is right, so none is asked.
 */
static __always_inline bool is_plainly_other(struct xdp_md *ctx)
{
	struct sip_view view = view_of(ctx);
	const struct sip_plain_ipv4 *four = view.data;
	const struct sip_plain_ipv6 *six = view.data;

	if ((void *)(four + 1) > view.data_end)
		return false;
	if (four->link.ethertype == ETHERTYPE_IPV4)
		return four->version_and_length == IPV4_WITHOUT_OPTIONS && !is_sip_port(four->port);
	if (four->link.ethertype != ETHERTYPE_IPV6 || (void *)(six + 1) > view.data_end)
		return false;
	return six->protocol == PROTOCOL_UDP && !is_sip_port(six->port);
}

/* An IPv4 source is kept as an IPv4-mapped address (RFC 4291, 2.5.5.2): the address itself is the last word. */
static __always_inline enum sip_reason read_ipv4(const struct sip_view *view, __u32 at, struct sip_headers *found)
{
	struct iphdr copy;
	const struct iphdr *ip = look(view, at, &copy, sizeof(copy));
	__u32 header_length, total;

	if (!ip)
		return REASON_SHORT;
	header_length = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header_length < sizeof(*ip) || total < header_length)
		return REASON_IP_INVALID;
	found->end = at + total;
	if (!reaches(view, found->end))
		return REASON_IP_INVALID;
	if (ip->frag_off & IPV4_FRAGMENT_OFFSET)
		return REASON_FRAGMENT;
	if (ip->frag_off & IPV4_MORE_FRAGMENTS)
		found->flags |= FRAME_FIRST_FRAGMENT;
	found->protocol = ip->protocol;
	found->transport = at + header_length;
	found->source = (struct sip_ipv6_address){ { 0, 0, bpf_htonl(0xffff), ip->saddr } };
	return GO_ON;
}

static __always_inline bool is_extension(__u8 protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
	       protocol == PROTOCOL_DESTINATION;
}

/*
 * What follows the extension headers, as protocol | first fragment << 8 | offset << 16; instead of an offset 0, and
 * in place of the protocol the reason, where that is a verdict already. These four headers are the ones Linux walks
 * over on the way to UDP. Neither their order nor their content matters here: what Linux refuses it drops itself.
 */
__noinline __u64 past_extension_headers(struct xdp_md *ctx, __u32 at, __u32 end, __u8 protocol)
{
	struct sip_view view = view_of(ctx);
	struct sip_extension_header copy;
	__u64 first_fragment = 0;

	for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
		const struct sip_extension_header *header = look(&view, at, &copy, sizeof(copy));

		if (!header || at + sizeof(*header) > end)
			return REASON_IP_INVALID;
		if (protocol == PROTOCOL_FRAGMENT) {
			const struct sip_fragment_header *fragment = (const void *)header;

			if (fragment->offset_and_more & IPV6_FRAGMENT_OFFSET)
				return REASON_FRAGMENT;
			if (fragment->offset_and_more & IPV6_MORE_FRAGMENTS)
				first_fragment = 1;
			at += sizeof(*fragment);
		} else {
			at += (header->length + 1) * 8;
		}
		protocol = header->next;
		if (!is_extension(protocol))
			return protocol | first_fragment << 8 | (__u64)at << 16;
	}
	return REASON_EXT_DEPTH;
}

static __always_inline enum sip_reason read_extensions(const struct sip_view *view, struct sip_headers *found)
{
	__u64 behind = past_extension_headers(view->ctx, found->transport, found->end, found->protocol);

	found->transport = behind >> 16;
	found->protocol = behind;
	if (!found->transport)
		return found->protocol;
	if (behind & (1 << 8))
		found->flags |= FRAME_FIRST_FRAGMENT;
	return GO_ON;
}

static __always_inline enum sip_reason read_ipv6(const struct sip_view *view, __u32 at, struct sip_headers *found)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = look(view, at, &copy, sizeof(copy));

	if (!ip)
		return REASON_SHORT;
	if (ip->version != 6)
		return REASON_IP_INVALID;
	found->flags |= FRAME_IPV6;
	found->protocol = ip->nexthdr;
	found->transport = at + sizeof(*ip);
	__builtin_memcpy(&found->source, &ip->saddr, sizeof(found->source));
	/* A length of 0 before a hop-by-hop header announces a jumbogram (RFC 2675); Linux then takes the frame's length. */
	if (!ip->payload_len && found->protocol == PROTOCOL_HOP_BY_HOP)
		found->end = frame_length(view);
	else
		found->end = found->transport + bpf_ntohs(ip->payload_len);
	if (!reaches(view, found->end))
		return REASON_IP_INVALID;
	return is_extension(found->protocol) ? read_extensions(view, found) : GO_ON;
}

static __always_inline enum sip_reason read_udp(const struct sip_view *view, struct sip_headers *found)
{
	struct udphdr copy;
	const struct udphdr *udp;

	if (found->protocol != PROTOCOL_UDP)
		return REASON_NOT_UDP;
	/* The stack drops a datagram without a whole UDP header, and a first fragment of less than 8 bytes too. */
	if (found->transport + sizeof(*udp) > found->end)
		return REASON_SHORT;
	udp = look(view, found->transport, &copy, sizeof(copy));
	if (!udp)
		return REASON_SHORT;
	found->udp_length = bpf_ntohs(udp->len);
	return is_sip_port(udp->dest) ? GO_ON : REASON_OTHER_PORT;
}

static __always_inline enum sip_reason read_ip(const struct sip_view *view, __be16 ethertype, __u32 at,
					       struct sip_headers *found)
{
	enum sip_reason reason;

	if (ethertype == ETHERTYPE_IPV4)
		reason = read_ipv4(view, at, found);
	else if (ethertype == ETHERTYPE_IPV6)
		reason = read_ipv6(view, at, found);
	else
		return REASON_NOT_IP;
	return reason == GO_ON ? read_udp(view, found) : reason;
}

/* Rows 1 to 7: GO_ON for a datagram to a SIP port. */
static __always_inline enum sip_reason read_headers(const struct sip_view *view, struct sip_headers *found)
{
	struct sip_link copy;
	const struct sip_link *link = look(view, 0, &copy, sizeof(copy));
	__u32 at = sizeof(*link);
	__be16 ethertype;

	if (!link)
		return REASON_SHORT;
	ethertype = link->ethertype;
	if (is_vlan(ethertype)) {
		__u32 behind = past_vlan_tags(view->ctx);

		found->flags |= FRAME_TAGGED;
		ethertype = behind;
		at = behind >> 16;
		if (at < sizeof(*link))
			return at ? REASON_VLAN_DEPTH : REASON_SHORT;
	}
	return read_ip(view, ethertype, at, found);
}

#endif
