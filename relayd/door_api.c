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
 * The api door on a client's link, as a stream of the kind api: "nodes", what
 * its user may reach.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door_api.h"
#include "log.h"

#define ANSWER_MAX	(4 * 1024 * 1024)	/* a list of nodes, bytes */
#define ANSWERS_MAX	8	/* at once on one link; they wait in memory */

/* An answer on its way out on a stream; the stream owns it. */
struct answer {
	SLIST_ENTRY(answer)	 entry;
	struct mux_stream	*stream;
	struct conn		*conn;
	uint32_t		 id;
	int			 complete;
	char			*text;
	size_t			 len, off, size;
};

static SLIST_HEAD(, answer) answers = SLIST_HEAD_INITIALIZER(answers);
static uint32_t	 next_answer;

static int	answer_add(struct answer *, const char *);
static int	answer_add_string(struct answer *, const char *, size_t);
static int	answer_add_grant(struct answer *, const struct nodes_entry *);
static void	answer_free(struct answer *);
static size_t	answer_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	answer_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	answer_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	answer_done(struct mux_stream *, void *);

static const struct mux_stream_ops answer_ops = {
	.input = answer_input,
	.pull = answer_pull,
	.reset = answer_reset,
	.done = answer_done
};

void
door_api_open(struct conn *c, struct mux_stream *s,
    const struct mux_open *open)
{
	struct nodes_ask	 ask = { .session = c->session->session };
	struct answer		*a;

	if (strcmp(open->host, "nodes") != 0) {
		mux_reset(s, MUX_CODE_UNSUPPORTED, "no such question");
		return;
	}
	if (c->nanswers >= ANSWERS_MAX) {
		mux_reset(s, MUX_CODE_LIMIT, "too many questions at once");
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	a->stream = s;
	a->conn = c;
	a->id = ++next_answer;
	if (answer_add(a, "[") == -1 || proc_send(proc_peer(PROC_ROUTER, 0),
	    IMSG_NODES_ASK, a->id, -1, &ask, sizeof(ask)) == -1) {
		free(a->text);
		free(a);
		mux_reset(s, MUX_CODE_INTERNAL, "the relay is starting");
		return;
	}
	SLIST_INSERT_HEAD(&answers, a, entry);
	c->nanswers++;
	mux_stream_own(s, &answer_ops, a);
	mux_accept(s);
}

static struct answer *
answer_find(uint32_t id)
{
	struct answer	*a;

	SLIST_FOREACH(a, &answers, entry) {
		if (a->id == id && !a->complete)
			return (a);
	}
	return (NULL);
}

static int
answer_add(struct answer *a, const char *s)
{
	size_t	 len = strlen(s), size;
	char	*p;

	if (a->len + len > ANSWER_MAX)
		return (-1);
	if (a->len + len > a->size) {
		size = (a->len + len) * 2;
		if ((p = realloc(a->text, size)) == NULL)
			return (-1);
		a->text = p;
		a->size = size;
	}
	memcpy(a->text + a->len, s, len);
	a->len += len;
	return (0);
}

/* So many bytes in quotes. */
static int
answer_add_string(struct answer *a, const char *s, size_t len)
{
	char	 buf[8] = "";

	if (answer_add(a, "\"") == -1)
		return (-1);
	for (; len > 0; s++, len--) {
		if (*s < ' ' || *s == '"' || *s == '\\' || *s == 0x7f)
			snprintf(buf, sizeof(buf), "\\u%04x",
			    (unsigned char)*s < 0x80 ? *s : '?');
		else {
			buf[0] = *s;
			buf[1] = '\0';
		}
		if (answer_add(a, buf) == -1)
			return (-1);
	}
	return (answer_add(a, "\""));
}

/* What of somebody else's node may be used, and until when. */
static int
answer_add_grant(struct answer *a, const struct nodes_entry *n)
{
	static const char *const names[] = SCOPE_NAMES;
	const char	*t = n->targets, *sep = "";
	char		 buf[64];
	size_t		 i, len;

	if (answer_add(a, ",\"scopes\":[") == -1)
		return (-1);
	for (i = 0; i < nitems(names); i++) {
		if ((n->scopes & 1U << i) == 0)
			continue;
		snprintf(buf, sizeof(buf), "%s\"%s\"", sep, names[i]);
		if (answer_add(a, buf) == -1)
			return (-1);
		sep = ",";
	}
	if (answer_add(a, "],\"targets\":[") == -1)
		return (-1);
	for (; *t != '\0'; t += len + (t[len] == ',')) {
		len = strcspn(t, ",");
		if ((t != n->targets && answer_add(a, ",") == -1) ||
		    answer_add_string(a, t, len) == -1)
			return (-1);
	}
	if (n->expires_at == 0)
		return (answer_add(a, "],\"until\":null"));
	snprintf(buf, sizeof(buf), "],\"until\":%lld",
	    (long long)n->expires_at);
	return (answer_add(a, buf));
}

static void
answer_free(struct answer *a)
{
	SLIST_REMOVE(&answers, a, answer, entry);
	a->conn->nanswers--;
	free(a->text);
	free(a);
}

int
door_api_recv_nodes(struct proc_peer *peer, struct imsg *imsg)
{
	struct nodes_entry	 n;
	struct answer		*a;
	char			 buf[256];
	size_t			 len = imsg_get_len(imsg);

	if (len > sizeof(n) || imsg_get_data(imsg, &n, len) == -1 ||
	    memchr(n.node, '\0', sizeof(n.node)) == NULL ||
	    memchr(n.owner, '\0', sizeof(n.owner)) == NULL ||
	    memchr(n.targets, '\0',
	    len - offsetof(struct nodes_entry, targets)) == NULL)
		return (-1);
	if ((a = answer_find(imsg_get_id(imsg))) == NULL)
		return (0);
	/* A node's name is a DNS label: nothing in it wants escaping. */
	snprintf(buf, sizeof(buf), "%s{\"node\":\"%s\",\"online\":%s,"
	    "\"since\":%lld,\"granted\":%s,\"owner\":",
	    a->len > 1 ? "," : "", n.node, n.online ? "true" : "false",
	    (long long)n.since, n.scopes != 0 ? "true" : "false");
	if (answer_add(a, buf) == -1 ||
	    answer_add_string(a, n.owner, strlen(n.owner)) == -1 ||
	    (n.scopes != 0 && answer_add_grant(a, &n) == -1) ||
	    answer_add(a, "}") == -1)
		log_debug("list of nodes: too long");
	return (0);
}

int
door_api_recv_nodes_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct answer	*a;

	if ((a = answer_find(imsg_get_id(imsg))) == NULL)
		return (0);
	if (answer_add(a, "]\n") == -1)
		log_debug("list of nodes: too long");
	a->complete = 1;
	mux_ready(a->stream);
	return (0);
}

void
door_api_router_gone(void)
{
	struct answer	*a, *tmp;

	api_stats_router_gone();
	SLIST_FOREACH_SAFE(a, &answers, entry, tmp) {
		if (a->complete)
			continue;
		mux_reset(a->stream, MUX_CODE_INTERNAL,
		    "the relay is starting: try again");
		answer_free(a);
	}
}

static size_t
answer_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	/* Whatever follows a question is of no interest. */
	return (len);
}

static size_t
answer_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct answer	*a = arg;
	size_t		 n = a->len - a->off;

	if (!a->complete)
		return (0);
	if (n > cap)
		n = cap;
	memcpy(buf, a->text + a->off, n);
	a->off += n;
	*more = a->off == a->len ? MUX_LAST : MUX_MORE;
	return (n);
}

static void
answer_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	answer_free(arg);
}

static void
answer_done(struct mux_stream *s, void *arg)
{
	answer_free(arg);
}
