#!/bin/sh
# usage: rules.sh FILE.c ...
# Prints the make rules that link each test, fuzz target and helper, taken
# from comment lines near its top:
#
#	/* link: lib/ws.c relayd/parse.y relayd/router*.c libculvert.a sql.c */
#	/* libs: libevent libtls libssl libcrypto sqlite3 crypt pthread m */
#	/* flags: -Wl,--wrap=malloc */
#
# link: our own sources (or the whole of lib/); libs: names that config.mk
# defines as NAME_LIBS; flags: for the linker.
awk '
function object(src) {
	if (src == "libculvert.a")
		return ("$(OBJ)/" src)
	if (src == "sql.c")
		return ("$(O)/gen/sql.o")
	if (src ~ /\*/)
		return ("$(patsubst %.c,$(O)/%.o,$(wildcard " src "))")
	if (sub(/\.y$/, ".o", src))
		return ("$(O)/gen/" src)
	sub(/\.c$/, ".o", src)
	return ("$(O)/" src)
}
function flush(	prog) {
	if (name == "")
		return
	prog = "$(OBJ)/" name
	printf "%s: $(O)/%s.o%s\n", prog, name, objs
	printf "%s: TEST_LIBS =%s\n", prog, libs
	printf "%s: TEST_FLAGS =%s\n", prog, flags
	if (incs != "")
		printf "$(O)/%s.o: INC +=%s\n", name, incs
}
FNR == 1 {
	flush()
	name = FILENAME
	sub(/\.c$/, "", name)
	objs = libs = flags = incs = mode = ""
	split("", seen)
}
FNR > 80 { next }
{
	for (i = 1; i <= NF; i++) {
		if ($i == "*" || $i == "/*")
			continue
		if ($i == "link:" || $i == "libs:" || $i == "flags:") {
			# The word counts only where a comment line starts.
			if (i == 2 && $1 ~ /^(\/\*|\*)$/)
				mode = $i
			else
				mode = ""
			continue
		}
		if ($i ~ /\*\/$/) {
			mode = ""
			continue
		}
		if (mode == "link:" && $i ~ /\.[cya]$/) {
			objs = objs " " object($i)
			dir = $i
			if (sub(/\/.*/, "", dir) && !seen[dir]++)
				incs = incs " -iquote " dir
		} else if (mode == "libs:" && $i ~ /^-/)
			libs = libs " " $i
		else if (mode == "libs:")
			libs = libs " $(" $i "_LIBS)"
		else if (mode == "flags:")
			flags = flags " " $i
		else
			mode = ""
	}
}
END { flush() }
' "$@" /dev/null
