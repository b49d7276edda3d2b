#!/bin/sh
# Install what building and testing need from the distribution. $1 = "demo" adds nothing more: the services of the demo
# are among the tests' needs too. Quiet and quick when everything is there.
set -eu
packages="build-essential clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev libgsl-dev libsqlite3-dev libjansson-dev
libglpk-dev libcmocka-dev sqlite3 iproute2 procps redis-server redis-tools memcached libmemcached-tools postgresql
libmicrohttpd-dev tmux curl postgresql-contrib nginx-light wrk fio stress-ng iperf3 libbpf-tools linux-perf python3 python3-numpy cppcheck gzip xz-utils"
missing=""
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "deps: root is needed to install:$missing" >&2; exit 3; }
echo "deps: installing:$missing"
# Services must not start by themselves: the policy of invoke-rc.d says so while we install, and only then.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' > $policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
