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
 * Grants, as far as our routes, tickets and streams rest on them: router's
 * word on what each of them covers.  A stream has to be covered when it is
 * opened, and ends when it no longer is.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "listener.h"
#include "log.h"
#include "target.h"

LIST_HEAD(grant_uses, grant_use);

struct granted {
	RB_ENTRY(granted)	 by_id;
	char			 id[USER_ID_LEN + 4];
	uint32_t		 refs;		/* routes, tickets, uses */
	uint32_t		 scopes;
	int64_t			 expires_at;
	struct targets		 targets;
	struct grant_uses	 uses;
};

/* A stream that rests on a grant; whoever carries the stream has it. */
struct grant_use {
	LIST_ENTRY(grant_use)	 entry;
	struct granted		*grant;
	void			(*end)(void *, uint16_t, const char *);
	void			*arg;
	int			 relayed;
	uint8_t			 kind;
	uint16_t		 port;
	char			 host[];
};

static int
granted_cmp(struct granted *a, struct granted *b)
{
	return (strcmp(a->id, b->id));
}

static RB_HEAD(granted_table, granted) grants = RB_INITIALIZER(&grants);
RB_GENERATE_STATIC(granted_table, granted, by_id, granted_cmp)

/* The last that we were told of: what rests on it comes next. */
static struct granted	*latest;

static struct granted *granted_find(const char *);
static void	 granted_unref(struct granted *);
static int	 granted_change(struct granted *, const struct grant *);
static uint32_t	 granted_enforce(struct granted *, int, const char *);
static const char *granted_why_not(const struct granted *, uint8_t,
		    const char *, uint16_t);

static struct granted *
granted_find(const char *id)
{
	struct granted	 key;

	if (strlcpy(key.id, id, sizeof(key.id)) >= sizeof(key.id))
		return (NULL);
	return (RB_FIND(granted_table, &grants, &key));
}

static void
granted_unref(struct granted *g)
{
	if (--g->refs > 0)
		return;
	RB_REMOVE(granted_table, &grants, g);
	free(g);
}

/* 0, or -1: router does not send such a list. */
static int
granted_change(struct granted *g, const struct grant *to)
{
	const char	*why;

	g->scopes = to->scopes;
	g->expires_at = to->expires_at;
	if (targets_parse(to->targets, &g->targets, &why) == 0)
		return (0);
	g->scopes = 0;
	return (-1);
}

int
grant_ref(const char *id)
{
	struct granted	*g;

	if (id[0] == '\0')
		return (0);
	if ((g = granted_find(id)) == NULL)
		return (-1);
	g->refs++;
	return (0);
}

void
grant_unref(const char *id)
{
	struct granted	*g;

	if (id[0] != '\0' && (g = granted_find(id)) != NULL)
		granted_unref(g);
}

/* ---- streams ---- */

/* Why it covers no such target, for people; NULL: it does. */
static const char *
granted_why_not(const struct granted *g, uint8_t kind, const char *host,
    uint16_t port)
{
	uint32_t	 scope;
	int		 any = 0;	/* no target is asked for */

	switch (kind) {
	case MUX_KIND_HTTP:
	case MUX_KIND_TLS:
		/* What the node shows by itself has no address here. */
		scope = SCOPE_HTTP;
		any = 1;
		break;
	case MUX_KIND_SSH:
	case MUX_KIND_SFTP:
		scope = SCOPE_SSH;
		break;
	default:
		scope = SCOPE_CONNECT;
		break;
	}
	if (g->expires_at != 0 && time(NULL) >= g->expires_at)
		return ("the grant has expired");
	if ((g->scopes & scope) == 0)
		return (scope == SCOPE_CONNECT ?
		    "the grant does not cover this: it has no scope connect" :
		    scope == SCOPE_HTTP ?
		    "the grant does not cover this: it has no scope http" :
		    "the grant does not cover this: it has no scope ssh");
	if (!any && !targets_cover(&g->targets, host, port))
		return ("the grant does not cover this target");
	return (NULL);
}

int
grant_use(const char *id, const struct mux_open *open, int relayed,
    void (*end)(void *, uint16_t, const char *), void *arg,
    struct grant_use **use, const char **why)
{
	struct grant_use	*u;
	struct granted		*g;
	size_t			 len = strlen(open->host) + 1;

	*use = NULL;
	if (id[0] == '\0')
		return (0);
	*why = "the grant has ended";
	if ((g = granted_find(id)) == NULL ||
	    (*why = granted_why_not(g, open->kind, open->host,
	    open->port)) != NULL)
		return (-1);
	if ((u = calloc(1, sizeof(*u) + len)) == NULL) {
		*why = "no memory";
		return (-1);
	}
	u->grant = g;
	g->refs++;
	u->relayed = relayed;
	u->end = end;
	u->arg = arg;
	u->kind = open->kind;
	u->port = open->port;
	memcpy(u->host, open->host, len);
	LIST_INSERT_HEAD(&g->uses, u, entry);
	*use = u;
	return (0);
}

void
grant_release(struct grant_use *u)
{
	if (u == NULL)
		return;
	LIST_REMOVE(u, entry);
	granted_unref(u->grant);
	free(u);
}

/* ---- from router ---- */

/*
 * End what it covers no more; how many streams of our own these were.  Ending
 * one may end others, and free what comes next in the list: so they wait in
 * a list of their own, of which only the first is looked at.
 */
static uint32_t
granted_enforce(struct granted *g, int relayed, const char *text)
{
	struct grant_uses	 uses = LIST_HEAD_INITIALIZER(uses);
	struct grant_use	*u;
	uint32_t		 n = 0;

	g->refs++;
	LIST_SWAP(&uses, &g->uses, grant_use, entry);
	while ((u = LIST_FIRST(&uses)) != NULL) {
		LIST_REMOVE(u, entry);
		LIST_INSERT_HEAD(&g->uses, u, entry);
		if ((u->relayed && !relayed) ||
		    granted_why_not(g, u->kind, u->host, u->port) == NULL)
			continue;
		n += !u->relayed;
		/* It is released there. */
		u->end(u->arg, MUX_CODE_KILLED, text);
	}
	granted_unref(g);
	return (n);
}

/*
 * Where it is not what it was, a router that died took the word to end what
 * it covers no more along.
 */
int
grant_recv_grant(struct proc_peer *peer, struct imsg *imsg)
{
	struct targets	 before;
	struct granted	*g;
	struct grant	 msg;
	uint32_t	 scopes;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.id, '\0', sizeof(msg.id)) == NULL ||
	    msg.id[0] == '\0' ||
	    memchr(msg.targets, '\0', sizeof(msg.targets)) == NULL)
		return (-1);
	if ((g = granted_find(msg.id)) == NULL) {
		if ((g = calloc(1, sizeof(*g))) == NULL)
			fatal("grant");
		strlcpy(g->id, msg.id, sizeof(g->id));
		LIST_INIT(&g->uses);
		RB_INSERT(granted_table, &grants, g);
	}
	/* Until the next one comes it lasts without anything on it. */
	g->refs++;
	if (latest != NULL)
		granted_unref(latest);
	latest = g;
	before = g->targets;
	scopes = g->scopes;
	if (granted_change(g, &msg) == -1)
		return (-1);
	/* targets_parse begins with zeros; unlike ones would only cost time. */
	if (scopes != g->scopes ||
	    memcmp(&before, &g->targets, sizeof(before)) != 0)
		(void)granted_enforce(g, 1, "the grant no longer covers this");
	return (0);
}

int
grant_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct grant_ended	 ended;
	struct granted		*g;
	struct revoke		 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    memchr(r.id, '\0', sizeof(r.id)) == NULL ||
	    memchr(r.text, '\0', sizeof(r.text)) == NULL ||
	    memchr(r.left.targets, '\0', sizeof(r.left.targets)) == NULL)
		return (-1);
	memset(&ended, 0, sizeof(ended));
	if ((g = granted_find(r.id)) != NULL) {
		if (granted_change(g, &r.left) == -1)
			log_warnx("a grant's targets make no sense: it gives "
			    "nothing");
		ended.streams = granted_enforce(g, r.relayed != 0, r.text);
	}
	(void)proc_send(peer, IMSG_GRANT_ENDED, imsg_get_id(imsg), -1, &ended,
	    sizeof(ended));
	return (0);
}

int
grants_announce(char from[USER_ID_LEN + 4])
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct granted		 key, *g;
	struct grant		 used;

	strlcpy(key.id, from, sizeof(key.id));
	for (g = RB_NFIND(granted_table, &grants, &key); g != NULL;
	    g = RB_NEXT(granted_table, &grants, g)) {
		/* What has ended, and nothing is left of, is done with. */
		if (g->scopes == 0 && LIST_EMPTY(&g->uses))
			continue;
		if (proc_queued(router) > PROC_QUEUE_HIGH) {
			strlcpy(from, g->id, USER_ID_LEN + 4);
			return (0);
		}
		memset(&used, 0, sizeof(used));
		strlcpy(used.id, g->id, sizeof(used.id));
		used.scopes = g->scopes;
		used.expires_at = g->expires_at;
		targets_format(&g->targets, used.targets);
		(void)proc_send(router, IMSG_GRANT_USED, 0, -1, &used,
		    sizeof(used));
	}
	return (1);
}
