#!/bin/sh
# usage: tidy.sh [FILE.c ...]
# What `make tidy` and lint.t run: clang-tidy with the checks of .clang-tidy over
# all of the programs.
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -gt 0 ] || set -- imsg/*.c lib/*.c relayd/*.c agentd/*.c accessctl/*.c
unset MAKEFLAGS MFLAGS MAKELEVEL
"${MAKE:-make}" -s obj/gen/sql.h || exit 1
modules=$(pkg-config --cflags libbsd-overlay libevent libtls sqlite3 \
    libseccomp jansson)
# shellcheck disable=SC2016 # the shell that xargs starts expands it
for file in "$@"; do
	case $file in
	*_openbsd.c|*_none.c)	;;
	*)	echo "$file" ;;
	esac
done | xargs -P 2 -n 8 sh -c '
	modules=$1
	shift
	said=$(clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=gnu11 \
	    -D_GNU_SOURCE -DCULVERT_VERSION=\"0\" -DCULVERT_SYSCONFDIR=\"/\" \
	    -DCULVERT_STATEDIR=\"/\" -DCULVERT_RUNDIR=\"/\" -iquote lib -Iimsg \
	    -iquote relayd -iquote agentd -iquote accessctl \
	    -iquote obj/gen $modules 2>/dev/null) ||
	    { echo "$said"; exit 1; }' tidy "$modules"
