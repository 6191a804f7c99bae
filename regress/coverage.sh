#!/bin/sh
# usage: coverage.sh OBJ
# What `make coverage` and coverage.t run: how much of each file that takes apart what others
# sent is reached by the unit tests of that name (a grammar: by conf.t).  Exits
# 1 when a file misses more than regress/coverage.list allows it.
set -u
cd "$(dirname "$0")/.." || exit 1
obj=$1

find "$obj" -name '*.gcda' -delete
tests=$(while read -r file _; do
	name=${file##*/}
	find regress -name "${name%.*}*_test.c"
done <regress/coverage.list | sort -u)
for test in $tests; do
	sh regress/run.sh "$obj/${test%.c}" >/dev/null || exit 1
done
for daemon in relayd agentd; do
	sh regress/run.sh "$obj/regress/$daemon/conf.t" >/dev/null || exit 1
done

# gcov says for each line how often it ran and what became of its branches;
# a line or branch that the compiler wrote more than once counts once.
printf '%-26s %16s %18s\n' file lines branches
status=0
while read -r file lines branches _; do
	case $file in
	''|'#'*)	continue ;;
	esac
	o=$obj/o/${file%.*}
	[ -f "$o.gcno" ] || o=$obj/o/gen/${file%.*}
	gcov -b -t "$o.o" 2>/dev/null | awk -v file="$file" -v lines="$lines" \
	    -v branches="$branches" '
	/^ *-: *0:Source:/ { mine = (index($0, file) > 0); next }
	!mine { next }
	/^ *[0-9#=*-]+:/ {
		split($0, part, ":")
		gsub(/ /, "", part[1]); gsub(/ /, "", part[2])
		line = part[2]
		if (part[1] == "-" || line == 0)
			next
		seen[line] = 1
		if (part[1] !~ /^[#=]/)
			ran[line] = 1
		next
	}
	/^branch/ && !/\(throw\)/ {
		n = line " " $2
		branch[n] = 1
		if ($0 !~ /never executed/ && $4 != "0%")
			taken[n] = 1
	}
	END {
		for (x in seen) { l++; hit += (x in ran) }
		for (x in branch) { b++; went += (x in taken) }
		bad = l == 0 || l - hit > lines || b - went > branches
		printf "%-26s %5d of %5d %s %5d of %5d %5.1f%%%s\n", file,
		    hit, l, hit == l ? "   " : "-" (l - hit), went, b,
		    b ? went * 100 / b : 100, bad ? "  TOO FEW" : ""
		exit bad
	}' || status=1
done <regress/coverage.list
exit "$status"
