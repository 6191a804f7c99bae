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
 * accessctl nodes: what its user may reach, asked of the relay over a link.
 */

#include "compat.h"

#include <event2/event.h>
#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

#define ANSWER_MAX	(8 * 1024 * 1024)
#define ANSWER_S	20

struct question {
	struct event_base	*base;
	struct relay_link	*relay;
	struct mux_stream	*stream;
	char			*text;
	size_t			 len, size;
	int			 status;
};

/* A node of the answer. */
struct entry {
	char		 node[MUX_NODE_MAX + 1];
	uint32_t	 online;
	int64_t		 since;
	char		 owner[CTL_EMAIL_LEN];
	uint32_t	 granted;
	uint32_t	 scopes;	/* of the grant */
	int64_t		 until;
	char		 targets[TARGETS_LEN];
};

static const struct field	 fields[] = {
	{ "node", "NODE", FIELD_TEXT, offsetof(struct entry, node), NULL },
	{ "online", "ONLINE", FIELD_BOOL, offsetof(struct entry, online),
	    NULL },
	{ "since", "SINCE", FIELD_TIME, offsetof(struct entry, since),
	    "never" },
	{ "owner", "OWNER", FIELD_TEXT, offsetof(struct entry, owner), NULL },
	{ "granted", "GRANTED", FIELD_BOOL, offsetof(struct entry, granted),
	    NULL },
	{ "scopes", "SCOPES", FIELD_SCOPES, offsetof(struct entry, scopes),
	    NULL },
	{ "until", "UNTIL", FIELD_TIME, offsetof(struct entry, until), NULL },
	{ "targets", "TARGETS", FIELD_LIST, offsetof(struct entry, targets),
	    "all" },
};

static void	nodes_up(void *, struct link *);
static void	nodes_down(void *, enum exit_status, const char *,
		    unsigned int);
static size_t	nodes_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	nodes_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	nodes_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	nodes_done(struct mux_stream *, void *);
static int	nodes_entry(json_t *, struct entry *);
static void	nodes_words(json_t *, char *, size_t);
static int	nodes_print(const char *, size_t);

static const struct relay_link_ops relay_ops = {
	.up = nodes_up, .down = nodes_down
};
static const struct mux_stream_ops stream_ops = {
	.input = nodes_input,
	.pull = nodes_pull,
	.reset = nodes_reset,
	.done = nodes_done
};

static void
nodes_up(void *arg, struct link *link)
{
	struct question	*q = arg;
	struct mux_open	 open;

	memset(&open, 0, sizeof(open));
	open.kind = MUX_KIND_API;
	strlcpy(open.host, "nodes", sizeof(open.host));
	q->stream = mux_open_stream(link_mux(link), &open, &stream_ops, q);
	if (q->stream == NULL) {
		log_warnx("no memory");
		q->status = EXIT_OTHER;
		event_base_loopbreak(q->base);
		return;
	}
	mux_ready(q->stream);
}

static void
nodes_down(void *arg, enum exit_status status, const char *why,
    unsigned int ms)
{
	struct question	*q = arg;

	if (q->status == -1) {
		log_warnx("relay %s: %s%s", relay_link_name(q->relay), why,
		    status == EXIT_DENIED ? "; accessctl login takes another "
		    "token" : "");
		q->status = status;
	}
	event_base_loopbreak(q->base);
}

static size_t
nodes_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct question	*q = arg;
	char		*p;

	if (q->len + len > ANSWER_MAX) {
		log_warnx("the relay's answer is too long");
		q->status = EXIT_PROTOCOL;
		event_base_loopbreak(q->base);
		return (len);
	}
	if (q->len + len > q->size) {
		q->size = (q->len + len) * 2;
		if ((p = realloc(q->text, q->size)) == NULL)
			fatal("nodes");
		q->text = p;
	}
	memcpy(q->text + q->len, buf, len);
	q->len += len;
	return (len);
}

static size_t
nodes_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	*more = MUX_LAST;
	return (0);
}

static void
nodes_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct question	*q = arg;

	q->stream = NULL;
	if (q->status == -1) {
		log_warnx("relay %s: %s", relay_link_name(q->relay),
		    text[0] != '\0' ? text : mux_code_name(code));
		q->status = outcome_status(code);
	}
	event_base_loopbreak(q->base);
}

static void
nodes_done(struct mux_stream *s, void *arg)
{
	struct question	*q = arg;

	q->stream = NULL;
	q->status = nodes_print(q->text, q->len);
	event_base_loopbreak(q->base);
}

/* An array of strings as a list with commas; what is no string is not. */
static void
nodes_words(json_t *array, char *buf, size_t size)
{
	const char	*word;
	json_t		*value;
	size_t		 i;

	buf[0] = '\0';
	json_array_foreach(array, i, value) {
		if ((word = json_string_value(value)) == NULL)
			continue;
		if (buf[0] != '\0')
			strlcat(buf, ",", size);
		strlcat(buf, word, size);
	}
}

/* 0, or -1: it is none. */
static int
nodes_entry(json_t *node, struct entry *e)
{
	const char	*s;
	char		 words[256];

	memset(e, 0, sizeof(*e));
	if ((s = json_string_value(json_object_get(node, "node"))) == NULL)
		return (-1);
	strlcpy(e->node, s, sizeof(e->node));
	e->online = json_is_true(json_object_get(node, "online"));
	e->since = json_integer_value(json_object_get(node, "since"));
	if ((s = json_string_value(json_object_get(node, "owner"))) != NULL)
		strlcpy(e->owner, s, sizeof(e->owner));
	e->granted = json_is_true(json_object_get(node, "granted"));
	e->until = json_integer_value(json_object_get(node, "until"));
	nodes_words(json_object_get(node, "scopes"), words, sizeof(words));
	(void)spec_scopes(words, &e->scopes);
	nodes_words(json_object_get(node, "targets"), e->targets,
	    sizeof(e->targets));
	return (0);
}

static int
nodes_print(const char *text, size_t len)
{
	json_error_t	 error;
	struct entry	 e;
	struct table	*t;
	json_t		*array, *node;
	size_t		 i;

	array = text == NULL ? NULL : json_loadb(text, len,
	    JSON_REJECT_DUPLICATES, &error);
	if (!json_is_array(array)) {
		log_warnx("the relay's answer can't be understood");
		json_decref(array);
		return (EXIT_PROTOCOL);
	}
	if ((t = table_new(fields, nitems(fields), json, stdout)) == NULL)
		fatal("nodes");
	json_array_foreach(array, i, node) {
		if (nodes_entry(node, &e) == 0)
			table_add(t, &e);
	}
	json_decref(array);
	return (table_end(t) == -1 ? EXIT_OTHER : EXIT_OK);
}

int
cmd_nodes(int argc, char **argv)
{
	static const struct option	 options[] = {
		RELAY_OPTIONS,
		{ "json",	no_argument, NULL, 'j' },
		OPTIONS_COMMON,
		{ NULL, 0, NULL, 0 }
	};
	struct timeval			 tv = { ANSWER_S, 0 };
	struct relay_options		 o;
	struct question			 q;
	enum exit_status		 status;
	int				 ch;

	memset(&o, 0, sizeof(o));
	memset(&q, 0, sizeof(q));
	while ((ch = getopt_long(argc, argv, "hjv", options, NULL)) != -1) {
		if (ch == 'j')
			json = 1;
		else if (!relay_option(&o, ch, optarg) && !option_common(ch))
			return (EXIT_USAGE);
	}
	if (argc != optind)
		return (usage());
	if ((status = relay_complete(&o, NULL)) != EXIT_OK)
		return (status);
	if ((q.base = event_base_new()) == NULL)
		fatal("event");
	q.status = -1;
	q.relay = relay_link_new(q.base, &o, 0, ANSWER_MAX, &relay_ops, &q,
	    &status);
	if (q.relay == NULL)
		return (status);
	event_base_loopexit(q.base, &tv);
	event_base_dispatch(q.base);
	if (q.status == -1) {
		log_warnx("relay %s: no answer", relay_link_name(q.relay));
		q.status = EXIT_RELAY;
	}
	relay_link_free(q.relay);
	free(q.text);
	relay_options_clear(&o);
	return (q.status);
}
