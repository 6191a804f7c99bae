#!/bin/sh
# What tools can say of the sources: both compilers with warnings as errors,
# mandoc on the manuals, shellcheck, cppcheck, clang-tidy; and lines that are too
# long.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
count=0

# lint TOOL COMMAND ...: one line of TAP; what the command says is shown when
# it fails.
lint() {
	tool=$1
	shift
	count=$((count + 1))
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "ok $count - $tool # SKIP missing: sh etc/deps.sh test"
	elif said=$("$@" 2>&1); then
		echo "ok $count - $tool"
	else
		# prove keeps what is on stdout to itself.
		printf 'not ok %d - %s\n%s\n' "$count" "$tool" "$said" |
		    sed 's/^/# /' >&2
		echo "not ok $count - $tool"
	fi
}

compile() {
	"${MAKE:-make}" -k -j2 "VARIANT=lint-$1" objects
}

manuals() {
	[ -n "$(find man -name '*.[1578]')" ] || return 0
	# A manual of another project need not be installed here.
	said=$(mandoc -Tlint -W style man/*.[1578] |
	    grep -v 'referenced manual not found')
	[ -z "$said" ] && return 0
	echo "$said"
	return 1
}

# Shell scripts by name or by first line.
scripts() {
	# shellcheck disable=SC2046 # no name here has a space
	shellcheck -x -P SCRIPTDIR configure .ci/run $(
	    find etc sql regress -name '*.sh'
	    find regress -name '*.t' -exec grep -lE '^#!/bin/(ba)?sh' {} +)
}

# Unused functions and style are left to the compilers and to readers.  The
# queue(3) macros must be seen, or every loop looks like a mistake.
check() {
	bsd=$(pkg-config --variable=includedir libbsd-overlay 2>/dev/null)/bsd
	failed=0
	for dir in imsg lib relayd agentd accessctl; do
		[ -n "$(find "$dir" -name '*.c')" ] || continue
		cppcheck -q -j2 --std=c11 --platform=unix64 \
		    --enable=warning,portability --error-exitcode=1 \
		    --inline-suppr --suppress=missingInclude \
		    --suppress=missingIncludeSystem --suppress=unknownMacro \
		    -D__dead= -D__unused= -DLIBBSD_OVERLAY \
		    -Ilib -Iimsg "-I$dir" "-I$bsd" "$dir" || failed=1
	done
	return "$failed"
}

# Lines of C in more than 80 columns.
columns() {
	said=$(find imsg lib relayd agentd accessctl regress -name '*.[chy]' \
	    -exec awk '
	{
		line = $0
		while ((at = index(line, "\t")) > 0)
			line = substr(line, 1, at - 1) substr("        ", \
			    1, 8 - (at - 1) % 8) substr(line, at + 1)
		if (length(line) > 80)
			printf "%s:%d: %d columns\n", FILENAME, FNR, \
			    length(line)
	}' {} +)
	[ -z "$said" ] && return 0
	echo "$said"
	return 1
}

echo 1..7
lint gcc compile gcc
lint clang compile clang
lint mandoc manuals
lint shellcheck scripts
lint cppcheck check
lint clang-tidy sh regress/tidy.sh
lint awk columns
