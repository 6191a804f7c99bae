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
 * What the relay's memory is taken for: by process, by user, by connection
 * and by stream.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

#define SHOWN	20		/* of the largest, without --all */

/* A line as it is shown. */
struct row {
	struct ctl_memory	 m;
	uint32_t		 links, streams;
	uint64_t		 total;		/* bytes that are taken */
	uint64_t		 held, queued, window;	/* both ways */
};

struct rows {
	struct row	*row;
	size_t		 n, room;
};

static struct rows	 processes, things, links, streams, users;

#define M(f)	offsetof(struct row, m.f)
#define R(f)	offsetof(struct row, f)

static const struct field	 process_fields[] = {
	{ "process", "PROCESS", FIELD_TEXT, M(process), NULL },
	{ "pid", "PID", FIELD_NUMBER, M(id), NULL },
	{ "rss", "RSS", FIELD_BYTES, M(rss), "-" },
	{ "pss", "PSS", FIELD_BYTES, M(pss), "-" },
	{ "private", "PRIVATE", FIELD_BYTES, M(own), "-" },
	{ "accounted", "ACCOUNTED", FIELD_BYTES, R(total), NULL },
	{ "links", "LINKS", FIELD_COUNT, R(links), NULL },
	{ "streams", "STREAMS", FIELD_COUNT, R(streams), NULL },
	{ "queued", "QUEUED", FIELD_BYTES, R(queued), NULL },
	{ "window", "WINDOWS", FIELD_BYTES, R(window), NULL },
};

static const struct field	 thing_fields[] = {
	{ "process", "PROCESS", FIELD_TEXT, M(process), NULL },
	{ "what", "WHAT", FIELD_TEXT, M(what), NULL },
	{ "count", "COUNT", FIELD_NUMBER, M(count), NULL },
	{ "bytes", "BYTES", FIELD_BYTES, M(state), NULL },
};

static const struct field	 user_fields[] = {
	{ "user", "USER", FIELD_TEXT, M(email), "nobody yet" },
	{ "links", "LINKS", FIELD_COUNT, R(links), NULL },
	{ "streams", "STREAMS", FIELD_COUNT, R(streams), NULL },
	{ "bytes", "BYTES", FIELD_BYTES, R(total), NULL },
	{ "state", NULL, FIELD_BYTES, M(state), NULL },
	{ "buffers", NULL, FIELD_BYTES, M(buffers), NULL },
	{ "held", NULL, FIELD_BYTES, R(held), NULL },
	{ "queued", "QUEUED", FIELD_BYTES, R(queued), NULL },
	{ "window", "WINDOWS", FIELD_BYTES, R(window), NULL },
};

static const struct field	 link_fields[] = {
	{ "kind", "KIND", FIELD_TEXT, M(what), NULL },
	{ "process", "IN", FIELD_TEXT, M(process), NULL },
	{ "id", NULL, FIELD_NUMBER, M(id), NULL },
	{ "user", "USER", FIELD_TEXT, M(email), NULL },
	{ "node", "NODE", FIELD_TEXT, M(node), NULL },
	{ "address", "FROM", FIELD_TEXT, M(addr), NULL },
	{ "streams", "STREAMS", FIELD_NUMBER, M(count), NULL },
	{ "bytes", "BYTES", FIELD_BYTES, R(total), NULL },
	{ "state", "STATE", FIELD_BYTES, M(state), NULL },
	{ "buffers", "BUFFERS", FIELD_BYTES, M(buffers), NULL },
	{ "held", NULL, FIELD_BYTES, R(held), NULL },
	{ "queued", "QUEUED", FIELD_BYTES, R(queued), NULL },
	{ "window", "WINDOWS", FIELD_BYTES, R(window), NULL },
};

static const struct field	 stream_fields[] = {
	{ "id", "ID", FIELD_ID, M(id), NULL },
	{ "kind", "KIND", FIELD_TEXT, M(what), NULL },
	{ "process", "IN", FIELD_TEXT, M(process), NULL },
	{ "user", "USER", FIELD_TEXT, M(email), NULL },
	{ "address", NULL, FIELD_TEXT, M(addr), NULL },
	{ "node", "NODE", FIELD_TEXT, M(node), NULL },
	{ "target", "TARGET", FIELD_TEXT, M(target), NULL },
	{ "bytes", "BYTES", FIELD_BYTES, R(total), NULL },
	{ "state", NULL, FIELD_BYTES, M(state), NULL },
	{ "held_to_node", NULL, FIELD_BYTES, M(held[0]), NULL },
	{ "held_from_node", NULL, FIELD_BYTES, M(held[1]), NULL },
	{ "queued_to_node", "TO NODE", FIELD_BYTES, M(queued[0]), NULL },
	{ "window_to_node", "OF", FIELD_BYTES, M(window[0]), NULL },
	{ "queued_from_node", "FROM NODE", FIELD_BYTES, M(queued[1]), NULL },
	{ "window_from_node", "OF", FIELD_BYTES, M(window[1]), NULL },
};

static struct row *row_add(struct rows *);
static void	rows_sort(struct rows *, int (*)(const void *, const void *));
static struct row *row_of_user(const char *);
static struct row *row_of_process(const char *);
static void	memory_record(const void *, void *);
static void	memory_sum(void);
static void	user_add(struct row *, const struct row *, int);
static int	larger(const void *, const void *);
static int	print_rows(const char *, const char *, struct rows *,
		    const struct field *, size_t, int);

static struct row *
row_add(struct rows *rows)
{
	size_t	 room;

	if (rows->n == rows->room) {
		room = rows->room == 0 ? 64 : 2 * rows->room;
		rows->row = reallocarray(rows->row, room,
		    sizeof(*rows->row));
		if (rows->row == NULL)
			fatal("memory");
		rows->room = room;
	}
	memset(&rows->row[rows->n], 0, sizeof(*rows->row));
	return (&rows->row[rows->n++]);
}

static void
memory_record(const void *rec, void *arg)
{
	const struct ctl_memory	*m = rec;
	struct rows		*to;
	struct row		*r;

	switch (m->kind) {
	case MEMORY_PROCESS:
		to = &processes;
		break;
	case MEMORY_THINGS:
		to = &things;
		break;
	case MEMORY_LINK:
		to = &links;
		break;
	default:
		to = &streams;
		break;
	}
	r = row_add(to);
	r->m = *m;
	r->held = m->held[0] + m->held[1];
	r->queued = m->queued[0] + m->queued[1];
	r->window = m->window[0] + m->window[1];
	r->total = m->state + m->buffers + r->held;
}

/* qsort(3) may ask how much memory there is, which the sandbox forbids. */
static void
rows_sort(struct rows *rows, int (*cmp)(const void *, const void *))
{
	if (rows->n > 1 && mergesort(rows->row, rows->n, sizeof(*rows->row),
	    cmp) == -1)
		fatal("memory");
}

/* Sorted by name while they are found. */
static int
user_cmp(const void *a, const void *b)
{
	return (strcmp(((const struct row *)a)->m.email,
	    ((const struct row *)b)->m.email));
}

static struct row *
row_of_user(const char *email)
{
	struct row	 key;

	if (users.n == 0)
		return (NULL);
	memset(&key, 0, sizeof(key));
	strlcpy(key.m.email, email, sizeof(key.m.email));
	return (bsearch(&key, users.row, users.n, sizeof(key), user_cmp));
}

static struct row *
row_of_process(const char *name)
{
	size_t	 i;

	for (i = 0; i < processes.n; i++) {
		if (strcmp(processes.row[i].m.process, name) == 0)
			return (&processes.row[i]);
	}
	return (NULL);
}

/*
 * A user has links, and streams with what they hold; what a link holds is
 * its streams', which may be others'.
 */
static void
user_add(struct row *u, const struct row *r, int stream)
{
	u->m.state += r->m.state;
	u->m.buffers += r->m.buffers;
	if (stream) {
		u->streams += strcmp(r->m.what, "stream") == 0;
		u->held += r->held;
		u->queued += r->queued;
		u->window += r->window;
	} else
		u->links++;
	u->total = u->m.state + u->m.buffers + u->held;
}

static void
memory_sum(void)
{
	struct rows	*const both[] = { &links, &streams };
	struct row	*p, *r;
	size_t		 b, i, n;

	/* Who there is: names, sorted, each once. */
	for (b = 0; b < nitems(both); b++) {
		for (i = 0; i < both[b]->n; i++) {
			r = row_add(&users);
			strlcpy(r->m.email, both[b]->row[i].m.email,
			    sizeof(r->m.email));
		}
	}
	rows_sort(&users, user_cmp);
	for (i = n = 0; i < users.n; i++) {
		if (n == 0 || user_cmp(&users.row[i], &users.row[n - 1]) != 0)
			users.row[n++] = users.row[i];
	}
	users.n = n;
	for (b = 0; b < nitems(both); b++) {
		for (i = 0; i < both[b]->n; i++) {
			r = &both[b]->row[i];
			user_add(row_of_user(r->m.email), r, b == 1);
			if ((p = row_of_process(r->m.process)) == NULL)
				continue;
			if (b == 0) {
				p->links++;
				p->total += r->total;
				p->queued += r->queued;
				p->window += r->window;
			} else {
				/* What it holds is its links'. */
				p->streams++;
				p->total += r->m.state;
			}
		}
	}
	for (i = 0; i < things.n; i++) {
		if ((p = row_of_process(things.row[i].m.process)) != NULL)
			p->total += things.row[i].m.state;
	}
}

static int
larger(const void *a, const void *b)
{
	const struct row	*x = a, *y = b;

	if (x->total != y->total)
		return (x->total > y->total ? -1 : 1);
	return (strcmp(x->m.email, y->m.email));
}

/* limit 0: all of them, in the order that they came. */
static int
print_rows(const char *key, const char *title, struct rows *rows,
    const struct field *fields, size_t nfields, int limit)
{
	struct table	*t;
	size_t		 i, n = rows->n;

	if ((t = table_new(fields, nfields, json, stdout)) == NULL)
		fatal("memory");
	if (limit != 0)
		rows_sort(rows, larger);
	if (limit > 0 && n > (size_t)limit)
		n = limit;
	for (i = 0; i < n; i++)
		table_add(t, &rows->row[i]);
	if (json)
		printf("%s\"%s\": ", strcmp(key, "processes") == 0 ? "{" :
		    ", ", key);
	else if (n > 0 && n < rows->n)
		printf("\n%s, the %zu largest of %zu (--all shows all):\n",
		    title, n, rows->n);
	else if (n > 0)
		printf("%s%s:\n", strcmp(key, "processes") == 0 ? "" : "\n",
		    title);
	return (table_end(t));
}

int
cmd_show_memory(int argc, char **argv)
{
	static const struct option	 options[] = {
		{ "all",	no_argument, NULL, 'a' },
		OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
	};
	struct ctl_memory_ask		 ask;
	struct ctl_end			 end;
	int				 ch, limit = SHOWN;

	while ((ch = getopt_long(argc, argv, "a" OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		if (ch == 'a')
			limit = -1;
		else if (!admin_option(ch, optarg))
			return (EXIT_USAGE);
	}
	if (argc != optind)
		return (usage());
	if (json)
		limit = -1;
	memset(&ask, 0, sizeof(ask));
	if (control_ask(CTL_MEMORY, &ask, sizeof(ask), CTL_MEMORY_LINE,
	    sizeof(struct ctl_memory), memory_record, NULL, &end) == -1)
		return (EXIT_OTHER);
	memory_sum();
	if (print_rows("processes", "processes", &processes, process_fields,
	    nitems(process_fields), 0) == -1 ||
	    print_rows("users", "users", &users, user_fields,
	    nitems(user_fields), limit) == -1 ||
	    print_rows("links", "connections", &links, link_fields,
	    nitems(link_fields), limit) == -1 ||
	    print_rows("streams", "streams", &streams, stream_fields,
	    nitems(stream_fields), limit) == -1 ||
	    print_rows("other", "all else", &things, thing_fields,
	    nitems(thing_fields), 0) == -1)
		return (EXIT_OTHER);
	if (json)
		printf("}\n");
	return (EXIT_OK);
}
