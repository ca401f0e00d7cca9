/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps, by the names user space knows. Keys are numbers in host byte order where nothing else is said. */
#ifndef SIP_MAPS_H
#define SIP_MAPS_H

#define HOSTS_MAX (1 << 20)
#define PREFIXES_MAX (1 << 20)

struct sip_ipv4_prefix {
	__u32 prefixlen;		/* host byte order, as the trie wants it */
	__be32 address;
};

struct sip_ipv6_address {
	__be32 words[4];
};

struct sip_ipv6_prefix {
	__u32 prefixlen;
	struct sip_ipv6_address address;
};

/* Source address, network byte order -> what the lists say of it. A hash, so that 1,000,000 cost little more than 10. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HOSTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32);
	__type(value, struct list_entry);
} hosts_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HOSTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sip_ipv6_address);
	__type(value, struct list_entry);
} hosts_v6 SEC(".maps");

/* Prefix, address in network byte order -> what the lists say of the sources below it. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sip_ipv4_prefix);
	__type(value, struct list_entry);
} prefixes_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sip_ipv6_prefix);
	__type(value, struct list_entry);
} prefixes_v6 SEC(".maps");

/* 0 -> which of the four tables have entries. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct list_gate);
} list_gate SEC(".maps");

/* enum sip_counter -> packets. Older readers of this map know its first five slots. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} xdp_counters SEC(".maps");

/* 0 -> packets and bytes by reason, and requests by method. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sip_stats);
} xdp_stats SEC(".maps");

/* 0 -> what operators change while calls are up. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sip_settings);
} xdp_settings SEC(".maps");

/* Number of the receive queue -> the AF_XDP socket that is bound to that very queue. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, XSK_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

/* Untrusted source -> its token bucket. LRU: when it is full, who was not seen for longest makes room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RATE_SOURCES_MAX);
	__type(key, struct rate_source);
	__type(value, struct rate_bucket);
} rate_sources SEC(".maps");

/* 0 -> how many buckets this CPU made within the current tick. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rate_churn);
} rate_churn SEC(".maps");

/* Hash of the source -> the source that leads there, and its drops. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TOP_SOURCES_MAX);
	__type(key, __u32);
	__type(value, struct top_source);
} top_sources SEC(".maps");

/* The entry of a map that has one. NULL never happens, but the verifier can't know. */
static __always_inline void *only_entry(void *map)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(map, &first);
}

#endif
