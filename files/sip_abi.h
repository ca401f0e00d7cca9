/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the XDP program and user space agree on: reasons, counters, settings, and the keys and values of the maps.
 * plugins/module_utils/_abi.py says the same in Python; tests/unit/test_abi.py compares the two, number by number.
 * Everything here is append-only: counters and list entries survive an upgrade of the program.
 */
#ifndef SIP_ABI_H
#define SIP_ABI_H

/*
 * Time is in ticks: the kernel's jiffies64, the one clock that costs a packet a single load (about 1 ns; the coarse
 * clock costs 14, ktime 31). plugins/module_utils/_clock.py converts ticks to wall-clock time and back.
 */

/*
 * Why a packet got its verdict; exactly one per packet, in the order of the decision table (docs/verdicts.md).
 * The passes of rows 1 to 7 (no SIP port seen) are not counted: they are every RTP packet of the host.
 */
enum sip_reason {
	REASON_SHORT = 0,		/* pass, not counted */
	REASON_VLAN_DEPTH = 1,		/* drop */
	REASON_NOT_IP = 2,		/* pass, not counted */
	REASON_IP_INVALID = 3,		/* pass, not counted */
	REASON_FRAGMENT = 4,		/* pass, not counted */
	REASON_EXT_DEPTH = 5,		/* drop */
	REASON_NOT_UDP = 6,		/* pass, not counted */
	REASON_OTHER_PORT = 7,		/* pass, not counted */
	REASON_BLOCKLIST = 8,		/* drop */
	REASON_UDP_LEN = 9,		/* drop */
	REASON_STUN = 10,		/* pass */
	REASON_KEEPALIVE = 11,		/* pass */
	REASON_TINY_FRAGMENT = 12,	/* drop */
	REASON_LEADING_BLANKS = 13,	/* drop */
	REASON_RESPONSE = 14,		/* pass */
	REASON_STATUS_LINE = 15,	/* drop */
	REASON_STEALTH = 16,		/* drop */
	REASON_SHORT_PAYLOAD = 17,	/* pass */
	REASON_MALFORMED_METHOD = 18,	/* drop */
	REASON_LINE_CUT = 19,		/* pass */
	REASON_MALFORMED_START_LINE = 20,	/* drop */
	REASON_RATE_LIMIT = 21,		/* drop */
	REASON_REDIRECT = 22,		/* redirect */
	REASON_REQUEST = 23,		/* pass */
	REASON_COUNT = 24,
	REASON_SLOTS = 32,		/* room in the map, so that a new reason changes no layout */
};

/* The slots of xdp_counters, a per-CPU array of u64. Older readers know the first five by number. */
enum sip_counter {
	COUNTER_OPTIONS_DROPPED = 0,	/* drops for stealth */
	COUNTER_REDIRECTED = 1,		/* to an AF_XDP socket */
	COUNTER_PASSED = 2,		/* on a SIP port, to the stack; in audit mode also what would have been dropped */
	COUNTER_BLOCKED = 3,		/* drops for the source: blocklist, rate limit */
	COUNTER_MALFORMED = 4,		/* every other drop */
	COUNTER_COUNT = 5,
};

/* The registered methods (IANA, SIP Parameters); bit 1 << method in sip_settings.stealth_methods. */
enum sip_method {
	METHOD_OTHER = 0,		/* an extension method */
	METHOD_ACK = 1,
	METHOD_BYE = 2,
	METHOD_CANCEL = 3,
	METHOD_INFO = 4,
	METHOD_INVITE = 5,
	METHOD_MESSAGE = 6,
	METHOD_NOTIFY = 7,
	METHOD_OPTIONS = 8,
	METHOD_PRACK = 9,
	METHOD_PUBLISH = 10,
	METHOD_REFER = 11,
	METHOD_REGISTER = 12,
	METHOD_SUBSCRIBE = 13,
	METHOD_UPDATE = 14,
	METHOD_COUNT = 15,
	METHOD_SLOTS = 16,
};

enum sip_malformed_scope {
	MALFORMED_OFF = 0,
	MALFORMED_UNTRUSTED = 1,	/* sources that are not on the allowlist */
	MALFORMED_ALL = 2,
};

/* Bits: a source can be on both lists, and then the blocklist wins until that entry is removed or expires. */
enum sip_list {
	LIST_ALLOW = 1,
	LIST_BLOCK = 2,
};

#define SETTING_AUDIT (1U << 0)		/* count drops as would-have-been, and pass */

#define SIP_PORTS_MAX 8
#define XSK_QUEUES_MAX 256
#define RATE_SOURCES_MAX 65536
#define TOP_SOURCES_BITS 10
#define TOP_SOURCES_MAX (1 << TOP_SOURCES_BITS)

#define CONFIG_AF_XDP (1U << 0)		/* redirect to the socket of the queue, where there is one */
#define CONFIG_FRAGS (1U << 1)		/* loaded with BPF_F_XDP_HAS_FRAGS: frames may come in several buffers */

/* .rodata, all of it: fixed when the program is loaded, so that the verifier removes what is not in use. */
struct sip_config {
	__u32 port_count;
	__u16 ports[SIP_PORTS_MAX];	/* UDP destination ports, network byte order */
	__u32 flags;			/* CONFIG_* */
	__u32 hz;			/* ticks per second of this kernel (_clock.py); the rate limit counts in them */
};

/* xdp_settings[0], one map per interface: what operators change while calls are up. */
struct sip_settings {
	__u32 flags;			/* SETTING_* */
	__u32 stealth_methods;		/* bit per enum sip_method; 0 is off */
	__u32 malformed_scope;		/* enum sip_malformed_scope */
	__u32 rate_per_second;		/* requests per untrusted source; 0 is off */
	__u32 rate_burst;
	__u32 reserved;
};

/* xdp_stats[0], per CPU, one map per interface. */
struct sip_count {
	__u64 packets;
	__u64 bytes;			/* of the frame, from the Ethernet header on */
};

struct sip_stats {
	struct sip_count reasons[REASON_SLOTS];
	struct sip_count would_drop[REASON_SLOTS];	/* audit mode: the reason it would have been dropped for */
	__u64 methods[METHOD_SLOTS];	/* requests whose method was read, whatever became of them */
};

/*
 * The value in hosts_v4 and hosts_v6 (hashes, key: the address in network byte order) and in prefixes_v4 and
 * prefixes_v6 (tries, key: struct { __u32 prefixlen (host byte order); __u8 address[4 or 16]; }, host bits 0).
 * These four and list_gate are one per host, shared by all its interfaces.
 */
struct list_entry {
	__u32 lists;			/* bits of enum sip_list */
	__u32 prefix_len;		/* of its own key, 32 or 128 for a host: leads from an expired prefix to the next shorter */
	__u64 allow_expires;		/* tick from which on the bit is void; 0: never */
	__u64 block_expires;
	__u64 hits;
	__u64 last_seen;		/* tick; 0: not yet */
};

/* list_gate[0]: a table is looked up only where its number is not 0. Set before the first entry, cleared after the last. */
struct list_gate {
	__u32 hosts_v4;
	__u32 hosts_v6;
	__u32 prefixes_v4;
	__u32 prefixes_v6;
	__u32 allowed;			/* sizes of the two lists, for readers; the program ignores them */
	__u32 blocked;
};

/* The key of rate_sources (LRU hash): an IPv4 address, or the first 64 bits of an IPv6 one; the rest is 0. */
struct rate_source {
	__u32 network[2];		/* network byte order */
	__u32 family;			/* 4 or 6 */
};

/* Its value. One request costs hz, a tick brings rate_per_second: so no division and no fraction is needed. */
struct rate_bucket {
	__u64 filled;			/* tick at which level was right */
	__u64 level;
};

/* rate_churn[0], per CPU: how many sources got a new bucket within this tick. */
struct rate_churn {
	__u64 tick;
	__u64 created;
};

/*
 * top_sources, per CPU: who is dropped most. A source has one slot, by its hash. A slot belongs to the source that
 * holds it until the others of that slot have outnumbered it (Boyer and Moore's majority vote), so a heavy source
 * stays, thousands of spoofed ones pass by, and packets is never more than what was dropped.
 */
struct top_source {
	__u8 address[16];		/* IPv4 as ::ffff:a.b.c.d; all 0: free */
	__u64 packets;			/* drops, or in audit mode would-be drops */
	__u64 last_seen;		/* tick */
	__u32 reason;			/* enum sip_reason of the latest */
	__u32 reserved;
};

#endif
