#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# private.sh COMMAND [ARGUMENT…]: run a command as root in network, mount and process namespaces of its own. What it attaches,
# mounts, pins or starts ends with it, and the machine's own interfaces are not even in sight.
set -eu

if [ "${PRIVATE_INSIDE:-}" != yes ]; then
	export PRIVATE_INSIDE=yes
	exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private -- "$0" "$@"
fi
unset PRIVATE_INSIDE

# /sys shows the interfaces of the namespace that it was mounted in, and the pins of its own bpffs.
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf /sys/fs/bpf
# Named namespaces and other state in /run are neither the machine's nor left to it.
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
# What is installed on a host (units, the command, what is saved of it) is installed here, and goes too.
for folder in /etc /usr/local; do
	mkdir -p "/run/private$folder/upper" "/run/private$folder/work"
	mount -t overlay -o "lowerdir=$folder,upperdir=/run/private$folder/upper,workdir=/run/private$folder/work" private "$folder"
done
ip link set lo up

# Not exec: process 1 of a namespace ignores signals, its children don't.
"$@"
