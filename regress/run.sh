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
log=$1.log

case $1 in
*/lint.t|*/fuzz.t)	seconds=7200 ;;
*.t)			seconds=600 ;;
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

# limited COMMAND ...: timeout ends the whole process group of what hangs;
# setpriv ends timeout when prove is interrupted.
limited() {
	if ! command -v timeout >/dev/null 2>&1; then
		"$@"
	elif setpriv --pdeathsig TERM true 2>/dev/null; then
		setpriv --pdeathsig TERM timeout -k 10 "$seconds" "$@"
	else
		timeout -k 10 "$seconds" "$@"
	fi
}

case $1 in
*.t)
	limited "./${1#*/}"
	exit
	;;
esac

# prove swallows what a unit test says beside "ok": show it if it fails.
limited "./$1" >"$log" 2>&1
status=$?
cat "$log"
[ "$status" -eq 0 ] || grep -v '^ok ' "$log" >&2
exit "$status"
