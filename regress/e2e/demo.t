#!/bin/sh
# tags: slow no-asan
# The demo: works, says what it did, leaves nothing behind.
n=0
check() { # check STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
dir=$(mktemp -d) || exit 1
trap '' PIPE
trap 'rm -rf "$dir"' EXIT
chmod 777 "$dir"

TMPDIR=$dir ONCE=1 sh etc/demo.sh >"$dir/out" 2>&1
check $? "make demo ONCE=1 ends with 0"
grep -q 'through the culvert' "$dir/out"
check $? "ssh got through"
grep -q 'Hello from behind the culvert' "$dir/out"
check $? "and so did a page"
[ "$(find "$dir" -name 'culvert-demo.*' | wc -l)" -eq 0 ]
check $? "its folder is gone"
! pgrep -f "$dir/culvert-demo" >/dev/null
check $? "and so is every process"
if [ "$(id -u)" -eq 0 ]; then
	# sshd lets no locked account in: an ordinary user, for a moment
	user=culvert-t$$
	useradd -M -d "$dir" -s /bin/sh -p '*' "$user"
	obj=$(cd "$CULVERT_OBJ" && pwd)
	setpriv --reuid "$user" --regid "$user" --clear-groups \
	    env HOME="$dir" TMPDIR="$dir" ONCE=1 CULVERT_OBJ="$obj" \
	    sh etc/demo.sh >"$dir/out2" 2>&1
	check $? "the same as an ordinary user"
	grep -q 'through the culvert' "$dir/out2" ||
	    sed 's/^/# /' "$dir/out2" >&2
	userdel "$user"
fi
grep -q 'through the culvert' "$dir/out" || sed 's/^/# /' "$dir/out" >&2
echo "1..$n"
