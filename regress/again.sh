#!/bin/sh
# usage: again.sh STATE PROVE ...
# After a run of prove that failed, STATE being what it kept of it.  Scripts
# that start daemons ran beside others, on a machine that may have had too
# little for all of them: those that failed run once more, alone, and then it
# is what they find that counts.  What else failed has failed.
set -u
state=$1
shift
# Not "prove --state=failed": it forgets tests that are no files, and ours are
# names that run.sh understands.
failed=$(awk '/^  [^ ].*:$/ { test = substr($1, 1, length($1) - 1) }
    $1 == "last_result:" && $2 != 0 { print test }' "$state") || exit 1
[ -n "$failed" ] || exit 1
echo "Failed: $failed" | tr '\n' ' '
echo
for test in $failed; do
	case $test in
	*/e2e/*.t)	;;
	*)		exit 1 ;;
	esac
done
echo 'Once more, alone:'
# shellcheck disable=SC2086 # paths of ours
exec "$@" -j1 $failed
