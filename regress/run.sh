#!/bin/sh
# usage: run.sh OBJ/regress/DIR/NAME
# What prove calls for each test: a program below the object directory, or
# the script of that name in regress/, told by CULVERT_OBJ which programs to
# use.  Ends what hangs, and ends with prove.
set -eu
cd "$(dirname "$0")/.."
CULVERT_OBJ=${1%%/*}
export CULVERT_OBJ

case $CULVERT_OBJ in
*-asan)
	# Paths that sanitizers need; tests may add to these.
	export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1:${ASAN_OPTIONS-}"
	export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS-}"
	;;
esac

case $1 in
*.t)
	set -- "./${1#*/}"
	seconds=600
	;;
*)
	set -- "./$1"
	seconds=180
	;;
esac
case $1 in
*/lint.t|*/fuzz.t)
	seconds=3600
	;;
esac

# timeout ends the whole process group; its own end when prove is
# interrupted needs setpriv.
if command -v timeout >/dev/null 2>&1; then
	set -- timeout -k 10 "$seconds" "$@"
	if setpriv --pdeathsig TERM true 2>/dev/null; then
		set -- setpriv --pdeathsig TERM "$@"
	fi
fi
exec "$@"
