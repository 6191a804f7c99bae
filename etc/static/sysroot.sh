#!/bin/sh
# usage: sysroot.sh ARCH DIR
# Unpacks Debian's static libraries for another architecture below DIR, from
# the archives this system already uses.  apt keeps its state for that in DIR
# too: the system itself learns of no other architecture.
set -eu
arch=$1
dir=$2
packages="libevent-dev libtls-dev libssl-dev libbsd-dev libmd-dev
    libseccomp-dev libjansson-dev linux-libc-dev"

[ ! -e "$dir/complete" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial" "$dir/deb"
dir=$(cd "$dir" && pwd)
: >"$dir/apt/status"
cat >"$dir/apt.conf" <<EOF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Dir::State "$dir/apt";
Dir::State::lists "$dir/apt/lists";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
EOF
APT_CONFIG=$dir/apt.conf
export APT_CONFIG
# Another source that does not know this architecture is no reason to stop.
apt-get -q update || echo "sysroot.sh: trying with what there is" >&2
cd "$dir/deb"
# shellcheck disable=SC2086 # a list of words
apt-get -q download $packages
for deb in *.deb; do
	dpkg-deb -x "$deb" "$dir"
done
rm -rf "$dir/apt" "$dir/apt.conf" "$dir/deb"
: >"$dir/complete"
