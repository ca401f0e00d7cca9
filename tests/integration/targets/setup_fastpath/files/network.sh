#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# network.sh up|down: a host with a NIC that has native XDP (a veth) and one that has not (a bridge), and at the other end of
# the veth, in a namespace of its own, somebody who sends packets.
set -eu

up() {
	ip netns add vosft-peer
	ip link add vosft0 type veth peer name vosft1 netns vosft-peer
	ip link add vosft-br0 type bridge
	# Jumbo frames: native XDP takes them only from a program that can have a frame in several buffers.
	ip link set vosft0 mtu 9000
	ip -n vosft-peer link set vosft1 mtu 9000
	ip address add 198.18.0.1/24 dev vosft0
	ip address add 2001:db8::1/64 dev vosft0 nodad
	for last in 2 3 4; do
		ip -n vosft-peer address add "198.18.0.$last/24" dev vosft1
		ip -n vosft-peer address add "2001:db8::$last/64" dev vosft1 nodad
	done
	ip -n vosft-peer link set vosft1 up
	ip link set vosft0 up
	ip link set vosft-br0 up
}

down() {
	for name in vosft0 vosft-br0 enp1s0; do
		ip link delete "$name" 2>/dev/null || true
	done
	ip netns delete vosft-peer 2>/dev/null || true
	rm -rf /sys/fs/bpf/vos_fastpath
}

"$1"
