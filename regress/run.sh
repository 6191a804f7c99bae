#!/bin/sh
# usage: run.sh OBJ/regress/DIR/NAME
# What prove calls for each test: a program below the object directory, or
# the script of that name in regress/.  CULVERT_OBJ tells a script where the
# programs are that it tests, CULVERT_TEST_OBJ where those with the extras for
# tests.  Ends what hangs, and ends with prove.
set -u
cd "$(dirname "$0")/.." || exit 1
CULVERT_OBJ=${1%%/*}
CULVERT_TEST_OBJ=obj-test

case $1 in
*/fuzz.t)	seconds=0 ;;	# as long as it is told to
*/lint.t|*/coverage.t) seconds=7200 ;;
*.t|*_io_test|*_alloc_test) seconds=600 ;;
*)			seconds=180 ;;
esac
case $CULVERT_OBJ in
*-asan)
	CULVERT_TEST_OBJ=$CULVERT_OBJ
	# Out of memory is for the program to handle, and tests show that.
	ASAN_OPTIONS=allocator_may_return_null=1:${ASAN_OPTIONS-}
	UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS-}
	export ASAN_OPTIONS UBSAN_OPTIONS
	;;
esac
export CULVERT_OBJ CULVERT_TEST_OBJ

test=$1
case $test in
*.t)	set -- "./${test#*/}" ;;
*)	set -- "./$test" ;;
esac

# timeout ends the whole process group of what hangs; setpriv ends timeout
# when prove is interrupted, as no terminal's ^C reaches that group.
if command -v timeout >/dev/null 2>&1; then
	set -- timeout -k 10 "$seconds" "$@"
	if setpriv --pdeathsig TERM true 2>/dev/null; then
		set -- setpriv --pdeathsig TERM "$@"
	fi
fi

case $test in
*.t)
	exec "$@"
	;;
esac

# prove swallows what a unit test says beside "ok": show it if it fails.
"$@" >"$test.log" 2>&1
status=$?
cat "$test.log"
[ "$status" -eq 0 ] || grep -v '^ok ' "$test.log" >&2
exit "$status"
