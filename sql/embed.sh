#!/bin/sh
# usage: embed.sh OUTDIR
# Turns schema.sql and upgrade_*.sql into OUTDIR/sql.c and OUTDIR/sql.h, so
# that relayd carries its schema and cannot be started with the wrong one.
set -eu
out=$1
cd "$(dirname "$0")"

# quote FILE: the file as C string literals, a line each
quote() {
	awk '{
		gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "\\t")
		printf "\t\"%s\\n\"\n", $0
	}' "$1"
}

emit_source() {
	count=0
	echo '/* Made by sql/embed.sh. */'
	echo '#include <stddef.h>'
	echo '#include "sql.h"'
	echo 'const char *const sql_schema ='
	if [ -f schema.sql ]; then
		quote schema.sql
	fi
	echo '	"";'
	echo 'const char *const sql_upgrades[] = {'
	for file in upgrade_*.sql; do
		[ -f "$file" ] || continue
		count=$((count + 1))
		quote "$file"
		echo '	"",'
	done
	echo '	NULL'
	echo '};'
	echo "const int sql_upgrades_count = $count;"
}

emit_header() {
	count=0
	for file in upgrade_*.sql; do
		[ -f "$file" ] && count=$((count + 1))
	done
	cat <<EOF
/* Made by sql/embed.sh. */
#ifndef SQL_H
#define SQL_H

#define SQL_VERSION	$count			/* sql_upgrades_count */

extern const char *const	sql_schema;
extern const char *const	sql_upgrades[];	/* in order, then NULL */
extern const int		sql_upgrades_count;

#endif /* SQL_H */
EOF
}

case $out in
/*) ;;
*) out=$OLDPWD/$out ;;
esac
mkdir -p "$out"
emit_source >"$out/sql.c.new"
emit_header >"$out/sql.h.new"
mv "$out/sql.c.new" "$out/sql.c"
mv "$out/sql.h.new" "$out/sql.h"
