#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (4), from its committed corpus; with
# inputs of at most so many bytes where it says "max_len: 128".
# New inputs stay in obj-fuzz; what breaks a target lies in obj-fuzz/crash and
# is tried first the next time.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-4}
unset MAKEFLAGS MFLAGS MAKELEVEL

set -- regress/fuzz/*_fuzz.c
if [ ! -f "$1" ]; then
	echo '1..0 # SKIP no fuzz targets'
	exit 0
fi
if ! command -v clang >/dev/null 2>&1; then
	echo '1..0 # SKIP clang is missing: sh etc/deps.sh test'
	exit 0
fi
echo "1..$#"
mkdir -p obj-fuzz
if ! "${MAKE:-make}" -k -j2 VARIANT=fuzz fuzzers >obj-fuzz/build.log 2>&1; then
	sed 's/^/# /' obj-fuzz/build.log
fi

count=0
for src in "$@"; do
	name=$(basename "$src" _fuzz.c)
	count=$((count + 1))
	kept=obj-fuzz/corpus/$name
	log=obj-fuzz/$name.log
	crash=obj-fuzz/crash/$name
	max=$(sed -n 's/^ \* max_len: *//p' "$src")
	mkdir -p "$kept" "$crash" "regress/fuzz/corpus/$name"
	if "obj-fuzz/regress/fuzz/${name}_fuzz" -max_total_time="$seconds" \
	    ${max:+"-max_len=$max"} -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
	    -artifact_prefix="$crash/" \
	    "$kept" "$crash" "regress/fuzz/corpus/$name" >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		echo "ok $count - $name: $runs inputs in $seconds s"
	else
		{ echo "not ok $count - $name"; tail -60 "$log"; } |
		    sed 's/^/# /' >&2
		echo "not ok $count - $name"
	fi
done
