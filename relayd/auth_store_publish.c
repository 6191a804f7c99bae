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
 * The store: published ports.
 */

#include "compat.h"

#include <string.h>

#include "auth_sqlite.h"

/* As text, with quotes and commas around each network. */
#define FROM_JSON_LEN	(PUBLISH_FROM_MAX * (ADDR_STRLEN + 3) + 3)

static int	publication_get(sqlite3_stmt *, void *);
static int	from_get(const char *, struct publication *);
static void	from_put(const struct publication *, char *, size_t);
static int	in_range(int64_t, int64_t, int64_t);

#define PUBLICATION_SELECT \
	"SELECT p.rowid, p.id, n.user_id, u.email, n.id, n.name, p.proto, " \
	"p.addr, p.port_min, p.port_max, p.target_host, p.target_port, " \
	"p.sources, p.proxy, p.connections, p.bandwidth, p.created_at, " \
	"u.enabled FROM publications p JOIN nodes n ON n.id = p.node_id " \
	"JOIN users u ON u.id = n.user_id "

static int
from_get(const char *json, struct publication *p)
{
	char		 list[FROM_JSON_LEN];
	const char	*why;
	size_t		 n;

	if (store_list_get(json, list, sizeof(list)) == -1 ||
	    publish_from_parse(list, p->from, &n, &why) == -1)
		return (-1);
	p->nfrom = n;
	return (0);
}

static void
from_put(const struct publication *p, char *json, size_t size)
{
	char	 list[FROM_JSON_LEN] = "", one[ADDR_STRLEN];
	size_t	 i;

	for (i = 0; i < p->nfrom; i++) {
		if (i > 0)
			(void)strlcat(list, ",", sizeof(list));
		(void)strlcat(list, addr_prefix_format(&p->from[i], one),
		    sizeof(list));
	}
	store_list_put(list, json, size);
}

static int
in_range(int64_t v, int64_t min, int64_t max)
{
	return (v >= min && v <= max);
}

/* What somebody else wrote into the file is not believed. */
static int
publication_get(sqlite3_stmt *st, void *row)
{
	struct store_publication	*sp = row;
	struct publication		*p = &sp->p;
	char				 proto[8], addr[ADDR_STRLEN];
	char				 from[FROM_JSON_LEN];
	int64_t				 v[6];
	int				 bad;

	memset(sp, 0, sizeof(*sp));
	sp->row = sqlite3_column_int64(st, 0);
	bad = store_text(st, 1, p->id, sizeof(p->id));
	bad |= store_text(st, 2, p->user_id, sizeof(p->user_id));
	bad |= store_text(st, 3, p->email, sizeof(p->email));
	bad |= store_text(st, 4, p->node_id, sizeof(p->node_id));
	bad |= store_text(st, 5, p->node, sizeof(p->node));
	bad |= store_text(st, 6, proto, sizeof(proto));
	bad |= store_text(st, 7, addr, sizeof(addr));
	v[0] = sqlite3_column_int64(st, 8);
	v[1] = sqlite3_column_int64(st, 9);
	bad |= store_text(st, 10, p->host, sizeof(p->host));
	v[2] = sqlite3_column_int64(st, 11);
	bad |= store_text(st, 12, from, sizeof(from));
	v[3] = sqlite3_column_int64(st, 13);
	v[4] = sqlite3_column_int64(st, 14);
	v[5] = sqlite3_column_int64(st, 15);
	sp->created_at = sqlite3_column_int64(st, 16);
	sp->user_enabled = sqlite3_column_int(st, 17) == 1;
	if (bad || p->id[0] == '\0' || p->host[0] == '\0' ||
	    addr_parse(addr, NULL, &p->spec.addr) == -1 ||
	    !in_range(v[0], 1, UINT16_MAX) ||
	    !in_range(v[1], v[0], UINT16_MAX) || !in_range(v[2], 1,
	    UINT16_MAX - (v[1] - v[0])) || !in_range(v[3], 0, 2) ||
	    !in_range(v[4], 0, PUBLISH_CONNECTIONS_MAX) || v[5] < 0 ||
	    from_get(from, p) == -1)
		return (-1);
	p->spec.proto = strcmp(proto, "tcp") == 0 ? MUX_KIND_TCP :
	    strcmp(proto, "udp") == 0 ? MUX_KIND_UDP : 0;
	p->spec.port_min = v[0];
	p->spec.port_max = v[1];
	p->port = v[2];
	p->proxy = v[3];
	p->connections = v[4];
	p->bandwidth = v[5];
	return (publish_spec_valid(&p->spec) ? 0 : -1);
}

enum store_result
store_publication_add(struct store *s, const struct store_publication *sp)
{
	static const char		 sql[] =
	    "INSERT INTO publications (id, node_id, proto, addr, port_min, "
	    "port_max, target_host, target_port, sources, proxy, connections, "
	    "bandwidth, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
	    "?9, ?10, ?11, ?12, ?13)";
	const struct publication	*p = &sp->p;
	char				 addr[ADDR_STRLEN];
	char				 from[FROM_JSON_LEN];

	addr_format_host((const struct sockaddr *)&p->spec.addr, addr);
	from_put(p, from, sizeof(from));
	return (store_do(s, store_bind(s, sql, "ssssiisisiiii", p->id,
	    p->node_id, p->spec.proto == MUX_KIND_UDP ? "udp" : "tcp", addr,
	    (int64_t)p->spec.port_min, (int64_t)p->spec.port_max, p->host,
	    (int64_t)p->port, from, (int64_t)p->proxy,
	    (int64_t)p->connections, (int64_t)p->bandwidth,
	    sp->created_at)));
}

enum store_result
store_publication_find(struct store *s, const char *id,
    struct store_publication *sp)
{
	static const char	 sql[] = PUBLICATION_SELECT "WHERE p.id = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "s", id);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (publication_get(st, sp) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_publication_remove(struct store *s, const char *id)
{
	static const char	 sql[] =
	    "DELETE FROM publications WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "s", id)));
}

enum store_result
store_publication_page(struct store *s, int64_t after,
    struct store_publication *sp, size_t *n)
{
	static const char	 sql[] = PUBLICATION_SELECT
				    "WHERE p.rowid > ?1 ORDER BY p.rowid";

	return (store_rows(s, store_bind(s, sql, "i", after), publication_get,
	    sp, sizeof(*sp), n));
}
