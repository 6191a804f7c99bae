#!/bin/sh
# usage: sh etc/deps.sh [build|run|test|cross|deb|tidy|all] ...
#
# Brings what is needed to build, run or test Culvert: on Debian and its kin
# by apt-get, elsewhere by naming the packages.  Quick when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

# Debian packages; "a|b" is satisfied by either, and a is tried first.
BUILD="gcc libc6-dev make bison pkg-config|pkgconf libevent-dev libtls-dev
    libssl-dev libbsd-dev libsqlite3-dev libseccomp-dev libcrypt-dev
    libjansson-dev libqrencode-dev"
# What speeds up AES-GCM on servers, before OpenSSL 3.1, is for these alone.
[ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] ||
    BUILD="$BUILD libipsec-mb-dev"
RUN="openssh-client openssh-server openssl ca-certificates curl python3"
TEST="clang libclang-rt-dev|libclang-rt-14-dev|libclang-common-14-dev
    libcmocka-dev perl mandoc shellcheck cppcheck rsync git sqlite3
    valgrind libc6-dbg strace iproute2 procps socat netcat-openbsd
    faketime e2fsprogs util-linux file qemu-user-static fail2ban busybox
    bash zsh fish systemd logrotate lintian debootstrap haproxy
    nginx-light|nginx tinyproxy-bin microsocks dnsmasq-base
    bind9-dnsutils|dnsutils iperf3
    nodejs node-ws wrk apache2-utils chromium chromium-driver
    python3-websockets python3-aiohttp"
# To build agentd for other machines, and to try it.
CROSS="dpkg-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    gcc-arm-linux-gnueabihf libc6-dev-armhf-cross gcc-mipsel-linux-gnu
    libc6-dev-mipsel-cross"

# To build Debian's packages.
DEB="dpkg-dev debhelper fakeroot"

# What "make tidy" and the tests ask; they do without it where it is missing.
TIDY="clang-tidy"

# What the same groups are elsewhere: commands and pkg-config modules to look
# for, as package names differ.
BUILD_COMMANDS="make pkg-config"
RUN_COMMANDS="ssh ssh-keygen openssl curl python3"
TEST_COMMANDS="clang prove mandoc shellcheck cppcheck rsync git sqlite3
    socat"

build='' run='' test='' cross='' deb='' tidy=''
[ $# -gt 0 ] || set -- build
for group in "$@"; do
	case $group in
	build)	build=1 ;;
	run)	run=1 ;;
	test)	build=1 run=1 test=1 tidy=1 ;;
	cross)	build=1 cross=1 ;;
	deb)	build=1 deb=1 ;;
	tidy)	build=1 tidy=1 ;;
	all)	build=1 run=1 test=1 cross=1 deb=1 tidy=1 ;;
	*)	echo "usage: sh etc/deps.sh [build|run|test|cross|deb|tidy|all] ..." >&2
		exit 1 ;;
	esac
done

# as_root COMMAND ...
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

# debian_missing "PACKAGE|OTHER" ...: those of which none is installed
debian_missing() {
	installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' |
	    sed -n 's/^installed //p')
	for want in "$@"; do
		for name in $(echo "$want" | tr '|' ' '); do
			case "
$installed
" in
			*"
$name
"*)				continue 2 ;;
			esac
		done
		echo "$want"
	done
}

# debian_pick "PACKAGE|OTHER" ...: the first of each that apt knows
debian_pick() {
	for want in "$@"; do
		pick=
		for name in $(echo "$want" | tr '|' ' '); do
			if apt-cache show "$name" >/dev/null 2>&1; then
				pick=$name
				break
			fi
		done
		echo "${pick:-${want%%|*}}"
	done
}

# run_apt ARGUMENT ...: another apt may hold the lock for a while
run_apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	    -o DPkg::Lock::Timeout=300 "$@"
}

debian_install() {
	# shellcheck disable=SC2046,SC2086 # lists of words
	missing=$(debian_missing ${build:+$BUILD} ${run:+$RUN} ${test:+$TEST} \
	    ${cross:+$CROSS} ${deb:+$DEB} ${tidy:+$TIDY})
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086
	echo "missing:" $missing
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		# shellcheck disable=SC2086
		cat >&2 <<EOF
deps.sh: this takes root; as root, please type
  apt-get install --no-install-recommends $(debian_pick $missing | tr '\n' ' ')
EOF
		return 1
	fi
	# Old lists name versions that the mirror has replaced: fetch them,
	# but go on without when there is no network and a local archive.
	run_apt update || echo "deps.sh: trying with the old package lists" >&2
	# shellcheck disable=SC2046,SC2086
	run_apt install --no-install-recommends $(debian_pick $missing) ||
	    return 1
	case $missing in
	*openssh-server*)
		if [ -d /run/systemd/system ]; then
			cat <<EOF
note: openssh-server is here for its program sshd, but Debian also starts it
      as a service; systemctl disable --now ssh  ends that
EOF
		fi
		;;
	esac
}

# other_missing: commands and modules that are not there
other_missing() {
	# shellcheck disable=SC2086
	for cmd in ${build:+$BUILD_COMMANDS} ${run:+$RUN_COMMANDS} \
	    ${test:+$TEST_COMMANDS}; do
		command -v "$cmd" >/dev/null 2>&1 || echo "$cmd"
	done
	if [ -n "$build" ] && ! (./configure --check) >/dev/null 2>&1; then
		echo "what ./configure says"
	fi
}

other_names() {
	case $(. /etc/os-release 2>/dev/null && echo "${ID-} ${ID_LIKE-}") in
	*fedora*|*rhel*) cat <<'EOF'
Fedora: dnf install
  build: gcc make bison pkgconf libevent-devel libretls-devel openssl-devel
         libbsd-devel sqlite-devel libseccomp-devel libxcrypt-devel
         jansson-devel
  run:   openssh-clients openssh-server openssl ca-certificates curl python3
  test:  clang compiler-rt libcmocka-devel perl-Test-Harness mandoc ShellCheck
         cppcheck rsync git sqlite valgrind strace iproute
         procps-ng socat netcat libfaketime e2fsprogs util-linux tinyproxy
EOF
		return ;;
	*alpine*) cat <<'EOF'
Alpine: apk add
  build: gcc musl-dev linux-headers make bison pkgconf libevent-dev
         libretls-dev openssl-dev libbsd-dev sqlite-dev libseccomp-dev
         jansson-dev
  run:   openssh-client openssh-server openssl ca-certificates curl python3
  test:  clang compiler-rt cmocka-dev perl-utils mandoc shellcheck cppcheck
         rsync git sqlite valgrind strace iproute2 procps socat
         netcat-openbsd libfaketime e2fsprogs util-linux tinyproxy
         microsocks
EOF
		return ;;
	*arch*) cat <<'EOF'
Arch: pacman -S
  build: gcc make bison pkgconf libevent libretls openssl libbsd sqlite
         libseccomp libxcrypt jansson
  run:   openssh openssl ca-certificates curl python
  test:  clang compiler-rt cmocka perl mandoc shellcheck cppcheck rsync
         git sqlite valgrind strace iproute2 procps-ng socat
         openbsd-netcat libfaketime e2fsprogs util-linux tinyproxy
EOF
		return ;;
	esac
	case $(uname -s) in
	OpenBSD) cat <<'EOF'
OpenBSD: pkg_add (a compiler, yacc, libtls and ssh are in the base system)
  build: gmake libevent sqlite3 jansson
  run:   curl python3
  test:  cmocka shellcheck cppcheck rsync git socat
EOF
		;;
	FreeBSD) cat <<'EOF'
FreeBSD: pkg install (a compiler, yacc and ssh are in the base system)
  build: gmake pkgconf libevent libretls sqlite3 jansson
  run:   openssl curl python3
  test:  cmocka perl5 mandoc hs-ShellCheck cppcheck rsync git socat
EOF
		;;
	*)
		echo "see the top of etc/deps.sh for the Debian names"
		;;
	esac
}

if command -v apt-get >/dev/null 2>&1 &&
    command -v dpkg-query >/dev/null 2>&1; then
	debian_install
else
	missing=$(other_missing)
	[ -n "$missing" ] || exit 0
	# shellcheck disable=SC2086
	# shellcheck disable=SC2086
	echo "missing:" $missing
	other_names
	exit 1
fi
