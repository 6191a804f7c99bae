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

/* The list of streams, as it is shown: to administrators, and to users. */

#include "compat.h"

#include <string.h>

#include "router_stream.h"

static void
stream_tell(const struct router_stream *st, struct ctl_conn *c)
{
	memset(c, 0, sizeof(*c));
	c->id = st->id;
	strlcpy(c->email, st->client->s.email, sizeof(c->email));
	if (st->client->own != NULL)
		strlcpy(c->by, st->client->own->by, sizeof(c->by));
	strlcpy(c->addr, stream_addr(st), sizeof(c->addr));
	strlcpy(c->node, st->node, sizeof(c->node));
	strlcpy(c->host, st->text, sizeof(c->host));
	c->port = st->port;
	c->kind = st->kind;
	c->since = st->since;
	c->in = st->in;
	c->out = st->out;
}

int
stream_next(uint64_t after, struct ctl_conn *c)
{
	struct router_stream	 key, *st;

	if (after == UINT64_MAX)
		return (-1);
	key.id = after + 1;
	if ((st = RB_NFIND(router_stream_table, &router_streams, &key)) == NULL)
		return (-1);
	stream_tell(st, c);
	return (0);
}

/*
 * Whether somebody may know of a stream: administrators; whose token opened
 * it; and, unless that is for some nodes only, the user, and whoever owns
 * the node that it leads to.
 */
static int
stream_shown(const struct router_stream *st, const struct router_session *rs)
{
	const struct router_session	*node;

	if (strcmp(st->client->s.token_id, rs->s.token_id) == 0 &&
	    rs->s.token_id[0] != '\0')
		return (1);
	if (rs->s.restricted)
		return (0);
	if ((rs->s.scopes & SCOPE_ADMIN) != 0 ||
	    strcmp(st->client->s.user_id, rs->s.user_id) == 0)
		return (1);
	return ((node = stream_node(st)) != NULL &&
	    strcmp(node->s.user_id, rs->s.user_id) == 0);
}

int
stream_next_shown(const struct router_session *rs, uint64_t *after,
    uint32_t *look, struct ctl_conn *c)
{
	struct router_stream	 key, *st;

	if (*after == UINT64_MAX)
		return (-1);
	key.id = *after + 1;
	for (st = RB_NFIND(router_stream_table, &router_streams, &key);
	    st != NULL; st = RB_NEXT(router_stream_table, &router_streams,
	    st)) {
		if (*look == 0)
			return (1);
		(*look)--;
		*after = st->id;
		if (stream_shown(st, rs)) {
			stream_tell(st, c);
			return (0);
		}
	}
	return (-1);
}
