#!/bin/sh
# tags: slow long no-asan
# A short run of what handles bytes and owners, under valgrind: no error,
# nothing lost.
n=0
command -v valgrind >/dev/null || { echo "1..0 # SKIP no valgrind"; exit 0; }
trap '' PIPE
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for t in lib/imsg lib/http lib/ws lib/mux lib/mux_splice lib/token lib/link \
    lib/link_client lib/fdstream relayd/router; do
	n=$((n + 1))
	if valgrind -q --suppressions=regress/valgrind.supp \
	    --error-exitcode=99 --leak-check=full \
	    --errors-for-leak-kinds=definite,indirect \
	    --child-silent-after-fork=yes \
	    "$CULVERT_TEST_OBJ/regress/${t}_test" >"$log" 2>&1; then
		echo "ok $n - $t"
	else
		echo "not ok $n - $t"
		{ echo "not ok $n - $t"; grep -v '^ok' "$log"; } |
		    sed 's/^/# /' | head -n 40 >&2
	fi
done
echo "1..$n"
