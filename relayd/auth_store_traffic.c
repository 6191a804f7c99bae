/*
 * Copyright (c) 2026 The Culvert authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/*
 * The store: limits of bandwidth, and what was carried in each month.
 */

#include "compat.h"

#include <string.h>

#include "auth_sqlite.h"
#include "month.h"

/* A published port as it is named in lists, and removed. */
#define PORT_NAME \
	"CASE WHEN instr(p.addr, ':') THEN '[' || p.addr || ']' " \
	"ELSE p.addr END || ':' || p.port_min || " \
	"CASE WHEN p.port_max > p.port_min THEN '-' || p.port_max " \
	"ELSE '' END || '/' || p.proto"

static int64_t	traffic_int(uint64_t);
static uint64_t	traffic_get(sqlite3_stmt *, int);

static const char *const meter_names[] = METER_NAMES;

static int64_t
traffic_int(uint64_t v)
{
	return (v > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)v);
}

/* Another program may have written it: less than none is none. */
static uint64_t
traffic_get(sqlite3_stmt *st, int column)
{
	int64_t	 v = sqlite3_column_int64(st, column);

	return (v > 0 ? v : 0);
}

enum store_result
store_limit_find(struct store *s, uint32_t what, const char *id,
    struct store_limit *l)
{
	static const char	 user[] = "SELECT u.email, b.bytes_second, "
	    "b.bytes_month FROM users u LEFT JOIN bandwidth b "
	    "ON b.what = 'user' AND b.id = u.id WHERE u.id = ?1";
	static const char	 node[] = "SELECT n.name, b.bytes_second, "
	    "b.bytes_month FROM nodes n LEFT JOIN bandwidth b "
	    "ON b.what = 'node' AND b.id = n.id WHERE n.id = ?1";
	static const char	 port[] = "SELECT " PORT_NAME ", "
	    "p.bandwidth, 0 FROM publications p WHERE p.id = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	memset(l, 0, sizeof(*l));
	st = store_bind(s, what == METER_USER ? user : what == METER_NODE ?
	    node : port, "s", id);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	(void)store_text(st, 0, l->name, sizeof(l->name));
	l->has_rate = sqlite3_column_type(st, 1) != SQLITE_NULL;
	l->has_month = sqlite3_column_type(st, 2) != SQLITE_NULL;
	/* Another program may have written them: less than none is none. */
	if (sqlite3_column_int64(st, 1) > 0)
		l->rate = sqlite3_column_int64(st, 1);
	if (sqlite3_column_int64(st, 2) > 0)
		l->month = sqlite3_column_int64(st, 2);
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_limit_set(struct store *s, uint32_t what, const char *id,
    const struct store_limit *l)
{
	static const char	 sql[] = "INSERT INTO bandwidth (what, id, "
	    "bytes_second, bytes_month) VALUES (?1, ?2, "
	    "CASE WHEN ?3 THEN ?4 END, CASE WHEN ?5 THEN ?6 END) "
	    "ON CONFLICT (what, id) DO UPDATE SET "
	    "bytes_second = excluded.bytes_second, "
	    "bytes_month = excluded.bytes_month";
	static const char	 none[] =
	    "DELETE FROM bandwidth WHERE what = ?1 AND id = ?2";
	enum store_result	 r;

	if (l->has_rate || l->has_month)
		return (store_do(s, store_bind(s, sql, "ssiiii",
		    meter_names[what], id, (int64_t)l->has_rate,
		    traffic_int(l->rate), (int64_t)l->has_month,
		    traffic_int(l->month))));
	r = store_do(s, store_bind(s, none, "ss", meter_names[what], id));
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_limits_tidy(struct store *s)
{
	static const char	 sql[] = "DELETE FROM bandwidth WHERE "
	    "(what = 'user' AND id NOT IN (SELECT id FROM users)) OR "
	    "(what = 'node' AND id NOT IN (SELECT id FROM nodes))";
	enum store_result	 r;

	r = store_do(s, store_bind(s, sql, ""));
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_traffic_add(struct store *s, uint32_t month, uint32_t what,
    const char *id, uint64_t in, uint64_t out)
{
	static const char	 sql[] = "INSERT INTO traffic (month, what, "
	    "id, bytes_in, bytes_out) VALUES (?1, ?2, ?3, ?4, ?5) "
	    "ON CONFLICT (month, what, id) DO UPDATE SET "
	    "bytes_in = bytes_in + excluded.bytes_in, "
	    "bytes_out = bytes_out + excluded.bytes_out";
	char			 text[MONTH_LEN];

	month_text(month, text);
	return (store_do(s, store_bind(s, sql, "sssii", text,
	    meter_names[what], id, traffic_int(in), traffic_int(out))));
}

enum store_result
store_traffic_find(struct store *s, uint32_t month, uint32_t what,
    const char *id, uint64_t *in, uint64_t *out)
{
	static const char	 sql[] = "SELECT bytes_in, bytes_out "
	    "FROM traffic WHERE month = ?1 AND what = ?2 AND id = ?3";
	enum store_result	 r;
	sqlite3_stmt		*st;
	char			 text[MONTH_LEN];

	*in = *out = 0;
	month_text(month, text);
	st = store_bind(s, sql, "sss", text, meter_names[what], id);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r == STORE_NONE ? STORE_OK : r);
	*in = traffic_get(st, 0);
	*out = traffic_get(st, 1);
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_traffic_page(struct store *s, uint32_t month,
    const struct store_traffic *after, struct store_traffic *t, size_t *n)
{
	static const char	 sql[] = "SELECT t.what, t.id, t.bytes_in, "
	    "t.bytes_out, coalesce(u.email, n.name, " PORT_NAME ") "
	    "FROM traffic t "
	    "LEFT JOIN users u ON t.what = 'user' AND u.id = t.id "
	    "LEFT JOIN nodes n ON t.what = 'node' AND n.id = t.id "
	    "LEFT JOIN publications p ON t.what = 'port' AND p.id = t.id "
	    "WHERE t.month = ?1 AND (t.what, t.id) > (?2, ?3) "
	    "ORDER BY t.what, t.id";
	enum store_result	 r = STORE_NONE;
	sqlite3_stmt		*st;
	char			 text[MONTH_LEN], what[8], key[sizeof(t->id)];
	size_t			 max = *n, i;

	*n = 0;
	month_text(month, text);
	strlcpy(what, after->what == 0 ? "" : meter_names[after->what],
	    sizeof(what));
	strlcpy(key, after->id, sizeof(key));
	st = store_bind(s, sql, "sss", text, what, key);
	while (*n < max && (r = store_row(s, st)) == STORE_OK) {
		memset(&t[*n], 0, sizeof(t[*n]));
		(void)store_text(st, 0, what, sizeof(what));
		for (i = METER_USER; i < nitems(meter_names); i++) {
			if (strcmp(what, meter_names[i]) == 0)
				t[*n].what = i;
		}
		if (t[*n].what == 0 ||
		    store_text(st, 1, t[*n].id, sizeof(t[*n].id)) == -1)
			continue;
		t[*n].in = traffic_get(st, 2);
		t[*n].out = traffic_get(st, 3);
		(void)store_text(st, 4, t[*n].name, sizeof(t[*n].name));
		(*n)++;
	}
	if (r == STORE_OK)
		store_done(st);
	return (r == STORE_NONE ? STORE_OK : r);
}
