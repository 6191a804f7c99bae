#!/bin/sh
# usage: build.sh ARCH ...
# Builds one static agentd for each Debian architecture, obj-static/agentd-ARCH,
# and prints its size.  MAKE: the make to use.
set -eu
cd "$(dirname "$0")/../.."
: "${MAKE:=make}"
native=$(dpkg --print-architecture)

# compiler ARCH: what Debian's cross compilers are called
compiler() {
	case $1 in
	"$native")	echo gcc ;;
	amd64)		echo x86_64-linux-gnu-gcc ;;
	arm64)		echo aarch64-linux-gnu-gcc ;;
	armhf)		echo arm-linux-gnueabihf-gcc ;;
	mipsel)		echo mipsel-linux-gnu-gcc ;;
	*)		echo "build.sh: $1: not one of amd64 arm64 armhf mipsel" >&2
			return 1 ;;
	esac
}

# build ARCH
build() {
	cc=$(compiler "$1")
	obj=obj-static/$1
	mkdir -p "$obj"
	root=
	include=
	library=
	atomic=
	if [ "$1" != "$native" ]; then
		root=obj-static/sysroot-$1
		sh etc/static/sysroot.sh "$1" "$root"
		triplet=${cc%-gcc}
		include="-isystem $root/usr/include -isystem $root/usr/include/$triplet"
		library="-L$root/usr/lib/$triplet"
		# 64-bit counters need help on the 32-bit machines.
		atomic=-latomic
	fi
	# glibc has no position-independent static start on 32-bit machines.
	pie=-fPIE
	static=-static-pie
	if ! echo 'int main(void) { return (0); }' |
	    $cc -fPIE -static-pie -x c -o "$obj/try" - 2>/dev/null; then
		pie=
		static=-static
	fi
	rm -f "$obj/try"
	$MAKE --no-print-directory OBJ="$obj" CC="$cc" WERROR= \
	    CFLAGS="-Os -g0 -ffunction-sections -fdata-sections $include" \
	    HARDEN="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
		-fstack-protector-strong -ftrivial-auto-var-init=zero $pie" \
	    HARDEN_LD="$static -Wl,-z,relro,-z,now,-z,noexecstack \
		-Wl,--gc-sections -s" LDFLAGS="$library" \
	    libevent_CFLAGS= libtls_CFLAGS= libssl_CFLAGS= libcrypto_CFLAGS= \
	    libseccomp_CFLAGS= sqlite3_CFLAGS= jansson_CFLAGS= \
	    qrencode_CFLAGS= qrencode_LIBS= ipsec_mb_LIBS= \
	    libbsd_CFLAGS="-isystem $root/usr/include/bsd -DLIBBSD_OVERLAY" \
	    libevent_LIBS=-levent_core libtls_LIBS=-ltls libssl_LIBS=-lssl \
	    libcrypto_LIBS="-lcrypto $atomic" libseccomp_LIBS=-lseccomp \
	    jansson_LIBS=-ljansson \
	    libbsd_LIBS="-lbsd -lmd" "$obj/agentd" 2>"$obj/log" || {
		cat "$obj/log" >&2
		return 1
	}
	cp "$obj/agentd" "obj-static/agentd-$1"
	printf '%-8s obj-static/agentd-%s, %d KiB\n' static "$1" \
	    $(($(wc -c <"obj-static/agentd-$1") / 1024))
}

for arch in "$@"; do
	build "$arch"
done
