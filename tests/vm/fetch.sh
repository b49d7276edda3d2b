#!/bin/bash
# Debian's kernels for `make test-kernels`, out of their packages: nothing is installed, and apt's own lists stay as they are.
# usage: fetch.sh DIR list             the kernels' names: this release's, its security updates', the newest backport's
#        fetch.sh DIR get KERNEL       unpack KERNEL (a package linux-image-VERSION) into DIR/KERNEL: boot/vmlinuz-*, lib/modules/*
set -eu
dir=$(mkdir -p "$1" && cd "$1" && pwd)
apt=$dir/apt

lists() { # a root of apt's own, which also knows the backports
	mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial
	printf 'deb http://deb.debian.org/debian %s main\n' bookworm bookworm-backports trixie-backports > "$apt/sources.list"
	printf 'deb http://deb.debian.org/debian-security bookworm-security main\n' >> "$apt/sources.list"
	[ -n "$(find "$apt/lists" -name '*Packages*' -mmin -1440 2> /dev/null | head -1)" ] || with update -qq
}

with() { # apt-get, or apt-cache with the first argument "cache"
	local tool=apt-get
	[ "$1" != cache ] || { tool=apt-cache; shift; }
	$tool -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User=root "$@"
}

newest() { # the kernel behind each version of a meta package whose version matches $2, newest first: the first
	with cache madison "$1" | awk -v want="$2" '$3 ~ want { print $3 }' | sort -rV | head -1 | while read -r version; do
		with cache show "$1=$version" | sed -n 's/^Depends:.*\(linux-image-[0-9][^ ,]*\).*/\1/p' | head -1
	done
}

case $2 in
list)
	lists
	newest linux-image-amd64 '^6[.]1[.]'
	newest linux-image-6.12-amd64 '^6[.]12[.]'
	newest linux-image-amd64 'bpo13'
	;;
get)
	lists
	kernel=$3
	[ -e "$dir/$kernel/done" ] && exit 0
	mkdir -p "$dir/$kernel/deb"
	cd "$dir/$kernel/deb"
	parts=$(with cache depends "$kernel" | sed -nE 's/.*Depends: (linux-(modules|binary)-[0-9].*)/\1/p')
	# shellcheck disable=SC2086
	with download -qq "$kernel" $parts
	for deb in *.deb; do dpkg -x "$deb" ..; done
	cd ..
	rm -rf deb usr/share
	[ ! -d usr/lib/modules ] || { mkdir -p lib && mv usr/lib/modules lib/; }
	[ -d boot ] || { mkdir boot && cp lib/modules/*/vmlinuz boot/vmlinuz-"${kernel#linux-image-}"; }
	depmod -b . "$(basename "$(echo lib/modules/*)")" 2> /dev/null # its complaints are of lists that an installation makes
	touch done
	;;
esac
