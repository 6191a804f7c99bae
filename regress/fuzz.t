#!/bin/sh
# Runs every fuzz target, or those of FUZZ_TARGETS ("ws http"), for FUZZ_SECONDS
# (4) or FUZZ_RUNS inputs, whichever are over first: from its committed corpus
# and the folder that it may name ("corpus: regress/x"), with inputs of at most
# so many bytes if it says ("max_len: 128").  A target that can cut its inputs
# into pieces (fuzz_cuts of fuzz.h) is run twice.  In a long run, for which the
# corpus has been found, the half of the time that looking at each comparison
# takes can be saved: FUZZ_CFLAGS=-fno-sanitize-coverage=trace-cmp, in a tree
# where no fuzz target was built without it.
# New inputs stay in obj-fuzz; what breaks a target lies in obj-fuzz/crash and
# is tried first the next time.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-4}
runs=${FUZZ_RUNS:--1}
unset MAKEFLAGS MFLAGS MAKELEVEL FUZZ_CUTS

# Freed memory is kept, and is filled, for so long only as a short input needs;
# else clearing it takes half of the time.
ASAN_OPTIONS=quarantine_size_mb=4:thread_local_quarantine_size_kb=64
ASAN_OPTIONS=$ASAN_OPTIONS:max_malloc_fill_size=64:max_free_fill_size=64
export ASAN_OPTIONS

set --
for src in regress/fuzz/*_fuzz.c; do
	name=$(basename "$src" _fuzz.c)
	case " ${FUZZ_TARGETS:-$name} " in
	*" $name "*) ;;
	*) continue ;;
	esac
	set -- "$@" "$name"
	if grep -q 'fuzz_cuts()' "$src"; then
		set -- "$@" "$name.cuts"
	fi
done
if [ $# -eq 0 ]; then
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

comment() {
	sed -n "s,^[ /]\* $1: *\([^ ]*\).*,\1,p" "regress/fuzz/${name}_fuzz.c"
}

# How many inputs a second, and how many in all.
rate() {
	awk '/^stat::number_of_executed_units:/ { n = $2 }
	/^stat::average_exec_per_sec:/ { rate = $2 }
	END { printf("%d inputs, %d a second\n", n, rate) }' "$1"
}

count=0
for what in "$@"; do
	name=${what%.cuts}
	count=$((count + 1))
	kept=obj-fuzz/corpus/$name
	log=obj-fuzz/$what.log
	crash=obj-fuzz/crash/$name
	corpus=$(comment corpus)
	mkdir -p "$kept" "$crash" "regress/fuzz/corpus/$name"
	case $what in
	*.cuts) cuts=FUZZ_CUTS=1 max=$(comment max_len_cuts) ;;
	*) cuts='' max=$(comment max_len) ;;
	esac
	if env ${cuts:+"$cuts"} "obj-fuzz/regress/fuzz/${name}_fuzz" \
	    -max_total_time="$seconds" -runs="$runs" \
	    ${max:+"-max_len=$max"} -timeout=10 -rss_limit_mb=1024 \
	    -print_final_stats=1 -artifact_prefix="$crash/" \
	    "$kept" "$crash" "regress/fuzz/corpus/$name" \
	    ${corpus:+"$corpus"} >"$log" 2>&1; then
		echo "ok $count - $what: $(rate "$log")"
	else
		{ echo "not ok $count - $what"; tail -60 "$log"; } |
		    sed 's/^/# /' >&2
		echo "not ok $count - $what"
	fi
done
