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
 * Lists.  One description of the fields gives the table for people and the
 * JSON for programs.
 */

#include "compat.h"

#include <sys/queue.h>

#include <jansson.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "log.h"
#include "mux_frame.h"
#include "print.h"

#define CELL_MAX	512	/* bytes shown of one value */

/* A line of a table; the table owns it. */
struct row {
	STAILQ_ENTRY(row)	 entry;
	char			*cells[];
};

struct table {
	const struct field	*fields;
	size_t			 nfields;
	int			 one;
	FILE			*out;
	json_t			*list;		/* with JSON */
	STAILQ_HEAD(, row)	 rows;		/* without */
	int			*widths;
};

static void	cell_format(const struct field *, const void *, char *,
		    size_t);
static json_t	*cell_json(const struct field *, const void *);
static json_t	*text_json(const char *);
static json_t	*list_json(const char *);
static void	scopes_format(uint32_t, char *, size_t);

/* ---- values ---- */

static uint32_t
get32(const struct field *f, const void *rec)
{
	uint32_t	 v;

	memcpy(&v, (const char *)rec + f->offset, sizeof(v));
	return (v);
}

static uint16_t
get16(const struct field *f, const void *rec)
{
	uint16_t	 v;

	memcpy(&v, (const char *)rec + f->offset, sizeof(v));
	return (v);
}

static uint64_t
get64(const struct field *f, const void *rec)
{
	uint64_t	 v;

	memcpy(&v, (const char *)rec + f->offset, sizeof(v));
	return (v);
}

static const char *
get_text(const struct field *f, const void *rec)
{
	return ((const char *)rec + f->offset);
}

static void
scopes_format(uint32_t scopes, char *buf, size_t size)
{
	static const char *const names[] = SCOPE_NAMES;
	size_t	 i;

	buf[0] = '\0';
	for (i = 0; i < nitems(names); i++) {
		if (!(scopes & 1U << i))
			continue;
		if (buf[0] != '\0')
			strlcat(buf, ",", size);
		strlcat(buf, names[i], size);
	}
}

/* One value for people, cut to the buffer. */
static void
cell_format(const struct field *f, const void *rec, char *buf, size_t size)
{
	uint64_t	 n = 1;

	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_LIST:
		strlcpy(buf, get_text(f, rec), size);
		n = buf[0] != '\0';
		break;
	case FIELD_SCOPES:
		scopes_format(get32(f, rec), buf, size);
		n = buf[0] != '\0';
		break;
	case FIELD_BOOL:
		strlcpy(buf, get32(f, rec) ? "yes" : "no", size);
		break;
	case FIELD_COUNT:
		n = get32(f, rec);
		snprintf(buf, size, "%u", (uint32_t)n);
		n |= f->none == NULL;
		break;
	case FIELD_PORT:
		snprintf(buf, size, "%u", get16(f, rec));
		break;
	case FIELD_KIND:
		strlcpy(buf, mux_kind_name(get16(f, rec)), size);
		break;
	case FIELD_NUMBER:
		snprintf(buf, size, "%llu", (unsigned long long)get64(f, rec));
		break;
	case FIELD_BYTES:
		n = get64(f, rec);
		print_bytes(n, buf, size);
		n |= f->none == NULL;
		break;
	case FIELD_REST:
		print_bytes(get64(f, rec), buf, size);
		n = get64(f, rec) != UINT64_MAX;
		break;
	case FIELD_RATE:
	case FIELD_QUOTA:
		n = get64(f, rec);
		print_bytes(n, buf, size);
		if (f->type == FIELD_RATE)
			strlcat(buf, "/s", size);
		break;
	case FIELD_ID:
		snprintf(buf, size, "%llx", (unsigned long long)get64(f, rec));
		break;
	case FIELD_TIME:
		if ((n = get64(f, rec)) != 0)
			print_time((int64_t)n, buf, size);
		break;
	case FIELD_AGE:
		if ((n = get64(f, rec)) != 0)
			print_age(time(NULL) - (int64_t)n, buf, size);
		break;
	case FIELD_MS:
		if ((n = get32(f, rec)) != 0)
			print_ms((uint32_t)n, buf, size);
		break;
	}
	if (n == 0)
		strlcpy(buf, f->none == NULL ? "-" : f->none, size);
}

/* ---- JSON ---- */

static json_t *
text_json(const char *s)
{
	json_t	*j;
	char	*clean;

	if ((j = json_string(s)) == NULL) {
		if ((clean = print_utf8(s)) == NULL)
			fatal("list");
		j = json_string(clean);
		free(clean);
	}
	return (j);
}

static json_t *
list_json(const char *s)
{
	json_t	*list = json_array();
	char	 word[CELL_MAX];
	size_t	 len;

	for (; *s != '\0'; s += len) {
		s += *s == ',';
		len = strcspn(s, ",");
		snprintf(word, sizeof(word), "%.*s", (int)len, s);
		if (word[0] != '\0')
			json_array_append_new(list, text_json(word));
	}
	return (list);
}

static json_t *
cell_json(const struct field *f, const void *rec)
{
	char		 buf[CELL_MAX];
	uint64_t	 n;

	switch (f->type) {
	case FIELD_TEXT:
		return (text_json(get_text(f, rec)));
	case FIELD_LIST:
		return (list_json(get_text(f, rec)));
	case FIELD_SCOPES:
		scopes_format(get32(f, rec), buf, sizeof(buf));
		return (list_json(buf));
	case FIELD_BOOL:
		return (json_boolean(get32(f, rec)));
	case FIELD_COUNT:
		return (json_integer(get32(f, rec)));
	case FIELD_PORT:
		return (json_integer(get16(f, rec)));
	case FIELD_KIND:
		return (json_string(mux_kind_name(get16(f, rec))));
	case FIELD_REST:
		if (get64(f, rec) == UINT64_MAX)
			return (json_null());
		return (json_integer((int64_t)get64(f, rec)));
	case FIELD_RATE:
	case FIELD_QUOTA:
		if (get64(f, rec) == 0)
			return (json_null());
		/* FALLTHROUGH */
	case FIELD_NUMBER:
	case FIELD_BYTES:
		n = get64(f, rec);
		return (json_integer(n > INT64_MAX ? INT64_MAX : (int64_t)n));
	case FIELD_ID:
		/* No number: 64 bits are more than most readers keep. */
		snprintf(buf, sizeof(buf), "%llx",
		    (unsigned long long)get64(f, rec));
		return (json_string(buf));
	case FIELD_TIME:
	case FIELD_AGE:
		if ((n = get64(f, rec)) == 0)
			return (json_null());
		print_time_json((int64_t)n, buf, sizeof(buf));
		return (json_string(buf));
	case FIELD_MS:
		if ((n = get32(f, rec)) == 0)
			return (json_null());
		return (json_real(n / 1000.0));
	}
	return (json_null());
}

static json_t *
record_json(const struct field *fields, size_t n, const void *rec)
{
	json_t	*o = json_object();
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (json_object_set_new(o, fields[i].key,
		    cell_json(&fields[i], rec)) == -1)
			fatalx("list: no memory");
	}
	return (o);
}

void
print_record(const struct field *fields, size_t n, const void *rec, FILE *out)
{
	json_t	*o = record_json(fields, n, rec);

	/* Whether it could be written, ferror says. */
	(void)json_dumpf(o, out, JSON_REAL_PRECISION(9));
	json_decref(o);
}

/* An object a line. */
static void
table_json(const struct table *t)
{
	size_t	 i, n = json_array_size(t->list);

	if (!t->one)
		fputs(n == 0 ? "[" : "[\n", t->out);
	for (i = 0; i < n; i++) {
		if (json_dumpf(json_array_get(t->list, i), t->out,
		    JSON_REAL_PRECISION(9)) == -1)
			break;		/* ferror says so, too */
		fputs(i + 1 < n ? ",\n" : "\n", t->out);
	}
	if (!t->one)
		fputs("]\n", t->out);
}

/* ---- tables ---- */

struct table *
table_new(const struct field *fields, size_t n, int as_json, FILE *out)
{
	struct table	*t;
	size_t		 i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->fields = fields;
	t->nfields = n;
	t->out = out;
	STAILQ_INIT(&t->rows);
	if ((t->widths = calloc(n, sizeof(*t->widths))) == NULL ||
	    (as_json && (t->list = json_array()) == NULL)) {
		table_free(t);
		return (NULL);
	}
	for (i = 0; i < n; i++) {
		if (fields[i].title != NULL)
			t->widths[i] = strlen(fields[i].title);
	}
	return (t);
}

struct table *
table_one(const struct field *fields, size_t n, int as_json, FILE *out)
{
	struct table	*t;

	if ((t = table_new(fields, n, as_json, out)) != NULL)
		t->one = 1;
	return (t);
}

void
table_add(struct table *t, const void *rec)
{
	struct row	*row;
	char		 raw[CELL_MAX], cell[CELL_MAX];
	size_t		 i;
	int		 width;

	if (t->list != NULL) {
		if (json_array_append_new(t->list, record_json(t->fields,
		    t->nfields, rec)) == -1)
			fatalx("list: no memory");
		return;
	}
	row = calloc(1, sizeof(*row) + t->nfields * sizeof(row->cells[0]));
	if (row == NULL)
		fatal("list");
	for (i = 0; i < t->nfields; i++) {
		if (t->fields[i].title == NULL)
			continue;
		cell_format(&t->fields[i], rec, raw, sizeof(raw));
		width = print_clean(raw, cell, sizeof(cell));
		if ((row->cells[i] = strdup(cell)) == NULL)
			fatal("list");
		if (width > t->widths[i])
			t->widths[i] = width;
	}
	STAILQ_INSERT_TAIL(&t->rows, row, entry);
}

static int
right_aligned(enum field_type type)
{
	return (type == FIELD_COUNT || type == FIELD_PORT ||
	    type == FIELD_NUMBER || type == FIELD_BYTES || type == FIELD_MS ||
	    type == FIELD_RATE || type == FIELD_QUOTA ||
	    type == FIELD_REST);
}

/* One line (without cells: the head); what is last on it is not padded. */
static void
table_line(const struct table *t, char *const *cells)
{
	const char	*cell;
	char		 clean[CELL_MAX];
	size_t		 i, last = 0;
	int		 pad, width;

	for (i = 0; i < t->nfields; i++) {
		if (t->fields[i].title != NULL)
			last = i;
	}
	for (i = 0; i <= last; i++) {
		if (t->fields[i].title == NULL)
			continue;
		cell = cells == NULL ? t->fields[i].title : cells[i];
		width = print_clean(cell, clean, sizeof(clean));
		pad = width < t->widths[i] ? t->widths[i] - width : 0;
		if (right_aligned(t->fields[i].type))
			fprintf(t->out, "%*s%s", pad, "", cell);
		else
			fprintf(t->out, "%s%*s", cell, i == last ? 0 : pad,
			    "");
		fputs(i == last ? "\n" : "  ", t->out);
	}
}

/* One thing: a line a value. */
static void
table_lines(const struct table *t, char *const *cells)
{
	size_t	 i;
	int	 width = 0;

	for (i = 0; i < t->nfields; i++) {
		if (t->fields[i].title != NULL &&
		    (int)strlen(t->fields[i].title) > width)
			width = strlen(t->fields[i].title);
	}
	for (i = 0; i < t->nfields; i++) {
		if (t->fields[i].title != NULL)
			fprintf(t->out, "%-*s  %s\n", width,
			    t->fields[i].title, cells[i]);
	}
}

int
table_end(struct table *t)
{
	struct row	*row;
	int		 ret;

	if (t->list != NULL)
		table_json(t);
	else if (!t->one && !STAILQ_EMPTY(&t->rows))
		table_line(t, NULL);
	STAILQ_FOREACH(row, &t->rows, entry) {
		if (t->one)
			table_lines(t, row->cells);
		else
			table_line(t, row->cells);
	}
	ret = print_end(t->out);
	table_free(t);
	return (ret);
}

void
table_free(struct table *t)
{
	struct row	*row;
	size_t		 i;

	if (t == NULL)
		return;
	while ((row = STAILQ_FIRST(&t->rows)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->rows, entry);
		for (i = 0; i < t->nfields; i++)
			free(row->cells[i]);
		free(row);
	}
	json_decref(t->list);
	free(t->widths);
	free(t);
}

/* ---- the end ---- */

static int
reader_gone(FILE *out)
{
	struct pollfd	 pfd = { .fd = fileno(out), .events = 0 };

	return (poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLERR | POLLHUP)) != 0);
}

int
print_end(FILE *out)
{
	int	 err = 0;

	if (fflush(out) == EOF)
		err = errno;
	else if (!ferror(out))
		return (0);
	/* An earlier write may have met it: its errno is lost by now. */
	if (err == EPIPE || reader_gone(out)) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	} else if (err != 0) {
		errno = err;
		log_warn("standard output");
	} else
		log_warnx("standard output: not all could be written");
	return (-1);
}
