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
 * Lists of the api door: nodes and streams.  They may be long and their
 * readers slow, so router is asked for a page when the one before has been
 * taken, and never for more.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "door_api.h"
#include "doors.h"
#include "log.h"
#include "msg_list.h"

#define LISTS_MAX	512
#define PAGE_ENTRIES	32
/* A page, also of the longest entries in their longest form. */
#define PAGE_MAX	(1024 * 1024)

struct api_list {
	RB_ENTRY(api_list)	 by_id;
	uint32_t		 id;		/* of the latest question */
	enum api_list_kind	 kind;
	uint64_t		 session;
	const char		*end;		/* what follows the last one */
	char			 after[CTL_NAME_LEN];
	uint64_t		 after_id;
	size_t			 entries;	/* so far */
	int			 asked;		/* and not yet answered */
	int			 complete;	/* nothing is left to ask for */
	struct textbuf		 text;
	size_t			 off;		/* of text: taken */
	void			 (*ready)(void *, uint32_t);
	void			*arg;
};

static int	list_cmp(struct api_list *, struct api_list *);
static struct api_list *list_find(uint32_t, uint64_t);
static int	list_ask(struct api_list *);
static void	list_end(struct api_list *, uint32_t, uint32_t);
static void	list_entry(struct api_list *);
static void	list_words(struct textbuf *, const char *);

static RB_HEAD(list_table, api_list) lists = RB_INITIALIZER(&lists);
RB_PROTOTYPE_STATIC(list_table, api_list, by_id, list_cmp)
static uint32_t	 nlists, next_id;

static int
list_cmp(struct api_list *a, struct api_list *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(list_table, api_list, by_id, list_cmp)

/* The list whose question this is; NULL if it is not of interest any more. */
static struct api_list *
list_find(uint32_t id, uint64_t session)
{
	struct api_list	 key, *l;

	key.id = id;
	l = RB_FIND(list_table, &lists, &key);
	return (l == NULL || !l->asked || l->session != session ? NULL : l);
}

/* The next page.  0 or -1. */
static int
list_ask(struct api_list *l)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct nodes_ask	 nodes;
	struct conns_ask	 ask;
	int			 r;

	textbuf_clear(&l->text);
	l->off = 0;
	/* An id of its own: what is late for the page before is no harm. */
	RB_REMOVE(list_table, &lists, l);
	do
		l->id = ++next_id;
	while (l->id == 0 || RB_INSERT(list_table, &lists, l) != NULL);
	if (l->kind == API_NODES) {
		memset(&nodes, 0, sizeof(nodes));
		nodes.session = l->session;
		nodes.max = PAGE_ENTRIES;
		strlcpy(nodes.after, l->after, sizeof(nodes.after));
		r = proc_send(router, IMSG_NODES_ASK, l->id, -1, &nodes,
		    sizeof(nodes));
	} else {
		memset(&ask, 0, sizeof(ask));
		ask.session = l->session;
		ask.max = PAGE_ENTRIES;
		ask.after = l->after_id;
		r = proc_send(router, IMSG_CONNS_ASK, l->id, -1, &ask,
		    sizeof(ask));
	}
	l->asked = r == 0;
	return (r);
}

struct api_list *
api_list_new(enum api_list_kind kind, uint64_t session, const char *begin,
    const char *end, void (*ready)(void *, uint32_t), void *arg)
{
	struct api_list	*l;

	if (nlists >= LISTS_MAX || (l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->kind = kind;
	l->session = session;
	l->end = end;
	l->ready = ready;
	l->arg = arg;
	textbuf_init(&l->text, PAGE_MAX);
	do
		l->id = ++next_id;
	while (l->id == 0 || RB_INSERT(list_table, &lists, l) != NULL);
	nlists++;
	if (list_ask(l) == -1) {
		api_list_free(l);
		return (NULL);
	}
	textbuf_add(&l->text, "%s", begin);
	return (l);
}

void
api_list_free(struct api_list *l)
{
	if (l == NULL)
		return;
	RB_REMOVE(list_table, &lists, l);
	nlists--;
	textbuf_free(&l->text);
	free(l);
}

ssize_t
api_list_pull(struct api_list *l, void *buf, size_t cap, int *last)
{
	size_t	 n;

	*last = 0;
	if (l->asked)
		return (0);
	n = l->text.len - l->off;
	if (n > cap)
		n = cap;
	if (n > 0)
		memcpy(buf, l->text.s + l->off, n);
	l->off += n;
	if (l->off < l->text.len)
		return ((ssize_t)n);
	if (l->complete)
		*last = 1;
	else if (list_ask(l) == -1)
		return (-1);
	return ((ssize_t)n);
}

void
api_lists_router_gone(void)
{
	struct api_list	*l, *tmp;

	/* Whoever is told frees its own, and no other. */
	RB_FOREACH_SAFE(l, list_table, &lists, tmp) {
		if (l->asked)
			list_end(l, MUX_CODE_INTERNAL, 0);
	}
}

/* The end of a page, and perhaps of all.  The list may be gone after it. */
static void
list_end(struct api_list *l, uint32_t code, uint32_t more)
{
	l->asked = 0;
	if (code == 0 && !more) {
		l->complete = 1;
		textbuf_add(&l->text, "%s", l->end);
	}
	if (l->text.failed)
		code = MUX_CODE_LIMIT;
	/* Nothing that may be seen was among what router looked at. */
	if (code == 0 && more && l->text.len == 0)
		code = list_ask(l) == -1 ? MUX_CODE_INTERNAL : 0;
	if (code != 0 || !l->asked)
		l->ready(l->arg, code);
}

static void
list_entry(struct api_list *l)
{
	if (l->entries++ > 0)
		textbuf_add(&l->text, ",");
}

/* "a,b" as an array. */
static void
list_words(struct textbuf *t, const char *s)
{
	char	 word[TARGETS_LEN];
	size_t	 len, n = 0;

	textbuf_add(t, "[");
	for (; *s != '\0'; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		if (len == 0 || len >= sizeof(word))
			continue;
		memcpy(word, s, len);
		word[len] = '\0';
		textbuf_add(t, n++ > 0 ? "," : "");
		textbuf_json(t, word);
	}
	textbuf_add(t, "]");
}

/* ---- nodes ---- */

int
door_api_recv_nodes(struct proc_peer *peer, struct imsg *imsg)
{
	static const char *const names[] = SCOPE_NAMES;
	struct nodes_entry	 n;
	struct api_list		*l;
	struct textbuf		*t;
	const char		*sep = "";
	size_t			 len = imsg_get_len(imsg), i;

	if (len > sizeof(n) || imsg_get_data(imsg, &n, len) == -1 ||
	    memchr(n.node, '\0', sizeof(n.node)) == NULL ||
	    memchr(n.owner, '\0', sizeof(n.owner)) == NULL ||
	    memchr(n.targets, '\0',
	    len - offsetof(struct nodes_entry, targets)) == NULL)
		return (-1);
	if ((l = list_find(imsg_get_id(imsg), n.session)) == NULL)
		return (0);
	t = &l->text;
	list_entry(l);
	textbuf_add(t, "{\"node\":");
	textbuf_json(t, n.node);
	textbuf_add(t, ",\"online\":%s,\"since\":%" PRId64
	    ",\"granted\":%s,\"owner\":", n.online ? "true" : "false",
	    n.since, n.scopes != 0 ? "true" : "false");
	textbuf_json(t, n.owner);
	if (n.scopes != 0) {
		textbuf_add(t, ",\"scopes\":[");
		for (i = 0; i < nitems(names); i++) {
			if ((n.scopes & 1U << i) == 0)
				continue;
			textbuf_add(t, "%s\"%s\"", sep, names[i]);
			sep = ",";
		}
		textbuf_add(t, "],\"targets\":");
		list_words(t, n.targets);
		if (n.expires_at == 0)
			textbuf_add(t, ",\"until\":null");
		else
			textbuf_add(t, ",\"until\":%" PRId64, n.expires_at);
	}
	textbuf_add(t, "}");
	return (0);
}

int
door_api_recv_nodes_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct nodes_ask	 end;
	struct api_list		*l;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1 ||
	    memchr(end.after, '\0', sizeof(end.after)) == NULL)
		return (-1);
	l = list_find(imsg_get_id(imsg), end.session);
	if (l == NULL || l->kind != API_NODES)
		return (0);
	strlcpy(l->after, end.after, sizeof(l->after));
	list_end(l, end.code, end.more);
	return (0);
}

/* ---- streams ---- */

int
door_api_recv_conns(struct proc_peer *peer, struct imsg *imsg)
{
	struct conns_entry	 e;
	struct api_list		*l;
	struct textbuf		*t;

	if (imsg_get_data(imsg, &e, sizeof(e)) == -1 ||
	    memchr(e.conn.email, '\0', sizeof(e.conn.email)) == NULL ||
	    memchr(e.conn.by, '\0', sizeof(e.conn.by)) == NULL ||
	    memchr(e.conn.node, '\0', sizeof(e.conn.node)) == NULL ||
	    memchr(e.conn.host, '\0', sizeof(e.conn.host)) == NULL ||
	    memchr(e.conn.addr, '\0', sizeof(e.conn.addr)) == NULL)
		return (-1);
	if ((l = list_find(imsg_get_id(imsg), e.session)) == NULL)
		return (0);
	t = &l->text;
	list_entry(l);
	/* No number: 64 bits are more than most readers keep. */
	textbuf_add(t, "{\"id\":\"%" PRIx64 "\",\"user\":", e.conn.id);
	textbuf_json(t, e.conn.email);
	textbuf_add(t, ",\"by\":");
	textbuf_json(t, e.conn.by);
	textbuf_add(t, ",\"address\":");
	textbuf_json(t, e.conn.addr);
	textbuf_add(t, ",\"node\":");
	textbuf_json(t, e.conn.node);
	textbuf_add(t, ",\"kind\":");
	textbuf_json(t, mux_kind_name(e.conn.kind));
	textbuf_add(t, ",\"host\":");
	textbuf_json(t, e.conn.host);
	textbuf_add(t, ",\"port\":%u,\"since\":%" PRId64 ",\"bytes_in\":%"
	    PRIu64 ",\"bytes_out\":%" PRIu64 "}", e.conn.port, e.conn.since,
	    e.conn.in, e.conn.out);
	return (0);
}

int
door_api_recv_conns_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct conns_ask	 end;
	struct api_list		*l;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	l = list_find(imsg_get_id(imsg), end.session);
	if (l == NULL || l->kind != API_CONNECTIONS)
		return (0);
	l->after_id = end.after;
	list_end(l, end.code, end.more);
	return (0);
}
