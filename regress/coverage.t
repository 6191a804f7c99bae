#!/bin/sh
# How much of each parser the unit tests reach (make coverage): a line for each
# file of coverage.list.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL

if ! command -v gcov >/dev/null 2>&1; then
	echo '1..0 # SKIP gcov is missing: sh etc/deps.sh test'
	exit 0
fi
mkdir -p obj-cov
if ! "${MAKE:-make}" -k -j2 VARIANT=cov tests >obj-cov/build.log 2>&1; then
	sed 's/^/# /' obj-cov/build.log >&2
fi
sh regress/coverage.sh obj-cov | awk '
NR == 1 { next }
/TOO FEW/ {
	print "# " $0 | "cat >&2"
	printf "not "
}
{ printf("ok %d - %s\n", NR - 1, $1) }
END {
	# Nothing: a test has failed.
	if (NR < 2)
		print "not ok 1 - the tests of the parsers"
	print "1.." (NR < 2 ? 1 : NR - 1)
}'
