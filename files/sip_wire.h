/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and layouts of the wire that are macros in the kernel, and so in neither vmlinux.h nor every libbpf.
 */
#ifndef SIP_WIRE_H
#define SIP_WIRE_H

#define ETHERTYPE_IPV4 bpf_htons(0x0800)
#define ETHERTYPE_IPV6 bpf_htons(0x86dd)
#define ETHERTYPE_VLAN bpf_htons(0x8100)	/* IEEE 802.1Q, customer tag */
#define ETHERTYPE_SERVICE_VLAN bpf_htons(0x88a8)	/* IEEE 802.1ad, service tag */

#define IPV4_WITHOUT_OPTIONS 0x45		/* version and length of the header */
#define IPV4_MORE_FRAGMENTS bpf_htons(0x2000)
#define IPV4_FRAGMENT_OFFSET bpf_htons(0x1fff)
#define IPV6_MORE_FRAGMENTS bpf_htons(0x0001)
#define IPV6_FRAGMENT_OFFSET bpf_htons(0xfff8)

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_UDP 17
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_DESTINATION 60

#define STUN_HEADER 20				/* RFC 8489, 5 */
#define STUN_COOKIE 0x2112a442
#define STUN_CLASS 0x0110			/* the bits of the class within the type; without them it is the method */
#define STUN_BINDING 0x0001

/* Ethernet's header; that of the kernel is packed, which makes compilers read it byte by byte. */
struct sip_link {
	__u8 addresses[12];
	__be16 ethertype;
};

struct sip_vlan_tag {
	__be16 control;
	__be16 ethertype;
};

/* RFC 8200, 4.2: every extension header but the fragment header says its length in units of 8, without the first 8. */
struct sip_extension_header {
	__u8 next;
	__u8 length;
	__u8 rest[6];
};

struct sip_fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset_and_more;
	__be32 identification;
};

/* Frames without tags, options and extensions: what is_plainly_other() wants of them, where it is then. */
struct sip_plain_ipv4 {
	struct sip_link link;
	__u8 version_and_length;
	__u8 rest[21];
	__be16 port;			/* UDP destination */
	__u8 rest_of_udp[4];
};

struct sip_plain_ipv6 {
	struct sip_link link;
	__u8 rest[6];
	__u8 protocol;
	__u8 rest_of_ip[35];
	__be16 port;
	__u8 rest_of_udp[4];
};

struct sip_stun_header {
	__be16 type;
	__be16 length;
	__be32 cookie;
	__u8 transaction[12];
};

#endif
