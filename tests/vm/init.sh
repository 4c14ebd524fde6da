#!/bin/sh
# SPDX-FileCopyrightText: 2026 The Tidegate authors
# SPDX-License-Identifier: Apache-2.0
# The first process of a guest. Its root is the host's, read-only; /run is its own, /run/work the folder of the test,
# descriptor 3 the line to the test. Runs the test's job and switches the machine off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run USER=root LOGNAME=root PYTHONDONTWRITEBYTECODE=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /run
mkdir /run/work /run/disk
mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=524288,ro work /run/work
port=
while [ -z "$port" ]; do # it comes when the driver has asked for it
  for port in /dev/vport*p1; do [ -c "$port" ] || port=; done
done
exec 3<>"$port"
echo up >&3 # and so waits until the test listens
# shellcheck source=/dev/null
. /run/work/job.sh
status=$?
echo "ended $status" >&3
sync
echo o >/proc/sysrq-trigger
while :; do :; done
