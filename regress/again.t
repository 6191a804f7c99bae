#!/bin/sh
# Whether what failed beside others runs once more (again.sh), by the names
# that prove has for it, which are no files.
set -u
cd "$(dirname "$0")" || exit 1
again=$PWD/again.sh
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0

cat >run.sh <<'END'
case $1 in
*/lucky.t)	[ -e again ] ;;
*/bad*)		false ;;
esac
status=$?
echo 1..1
[ "$status" -eq 0 ] || printf 'not '
echo "ok 1"
exit "$status"
END

# twice WANT TEST ...: both runs, as the Makefile does it.
twice() {
	want=$1
	shift
	rm -f state again
	prove -Q --exec 'sh run.sh' --statefile state --state=save -j2 "$@" \
	    >/dev/null 2>&1
	first=$?
	touch again
	if [ "$first" -ne 0 ]; then
		sh "$again" state prove --exec 'sh run.sh' >said 2>&1
		first=$?
	fi
	count=$((count + 1))
	[ "$first" -eq 0 ] && got=passes || got=fails
	if [ "$got" = "$want" ]; then
		echo "ok $count - $want: $*"
	else
		sed 's/^/# /' said >&2
		echo "not ok $count - $want: $*"
	fi
}

e2e=obj/regress/e2e
twice passes $e2e/good.t $e2e/lucky.t obj-test/regress/lib/good_test
twice passes $e2e/good.t $e2e/lucky.t obj-asan/regress/e2e/lucky.t
twice fails $e2e/lucky.t $e2e/bad.t
twice fails $e2e/lucky.t obj-test/regress/lib/bad_test
twice fails $e2e/bad.t
echo "1..$count"
