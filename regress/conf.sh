# shellcheck shell=sh
# Sourced by the conf.t scripts: configurations run through -n, and what the
# program says compared with what is on record.
#
# DIR/NAME.in is a configuration in which @T@ stands for the test's own
# folder; "# args:" on its first line adds arguments.  DIR/NAME.ok is what the
# program then says; it exits with 0 if that ends with "configuration OK".
# All are there as @T@/NAME.conf, so they can include each other.

: "${program:?set by who includes this}" "${CULVERT_OBJ:?}"
count=0
T=$(mktemp -d "${TMPDIR:-/tmp}/culvert-conf.XXXXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
umask 077

ok() {
	count=$((count + 1))
	echo "ok $count - $1"
}

# not_ok NAME: what was said and what was wanted lie in $T
not_ok() {
	count=$((count + 1))
	diff -u "$T/want" "$T/said" | sed 's/^/# /'
	echo "not ok $count - $1"
}

# Without the date and the process, the same in every folder, and without what
# depends on whether this machine has a relay of its own.
plain() {
	sed -e "s/^[0-9-]* [0-9:]* $program\[[0-9]*\]: //" -e "s|$T|@T@|g" \
	    -e '/^state \/var\/lib\/culvert: /d'
}

# check NAME WANT ARGUMENT ...: run it, with $stdin and $environment if they
# are set, and compare
check() {
	name=$1
	printf '%s\n' "$2" >"$T/want"
	shift 2
	status=0
	# shellcheck disable=SC2086 # a list of words
	env ${environment:-} "$CULVERT_OBJ/$program" -n "$@" >"$T/out" 2>"$T/err" \
	    <"${stdin:-/dev/null}" ||
	    status=$?
	plain <"$T/err" >"$T/said"
	if [ "$(tail -n 1 "$T/said")" = "configuration OK" ]; then
		right=0
	else
		right=1
	fi
	if [ "$status" -ne "$right" ]; then
		echo "exit status $status" >>"$T/said"
	elif [ -s "$T/out" ]; then
		echo "on standard output: $(cat "$T/out")" >>"$T/said"
	fi
	if cmp -s "$T/want" "$T/said"; then
		ok "$name"
	else
		not_ok "$name"
	fi
}

# pairs DIR: all of a folder
pairs() {
	for in in "$1"/*.in; do
		sed "s|@T@|$T|g" "$in" >"$T/$(basename "$in" .in).conf"
	done
	for in in "$1"/*.in; do
		name=$(basename "$in" .in)
		[ -f "$1/$name.ok" ] || continue	# only to be included
		args=$(sed -n '1s/^# args: //p' "$T/$name.conf")
		# shellcheck disable=SC2086 # a list of words
		check "$name" "$(cat "$1/$name.ok")" $args -f "$T/$name.conf"
	done
}
