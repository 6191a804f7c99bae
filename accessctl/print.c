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

#include "compat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accessctl.h"
#include "conflex.h"

/* A cell: what a person reads, and what a program does. */
struct cell {
	char	*text;
	char	*value;		/* JSON */
};

struct list {
	const char *const *columns;
	size_t		 ncolumns;
	struct cell	*cells;
	size_t		 ncells, size;
};

static void	 list_cell(struct list *, char *, char *);
static char	*json_string(const char *);
static void	 list_table(const struct list *);
static void	 list_json(const struct list *);

static void *
checked(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "accessctl: no memory\n");
		exit(EXIT_OTHER);
	}
	return (p);
}

/* Into quotes; what is not printable ASCII as \u escapes of its bytes. */
static char *
json_string(const char *s)
{
	char	*out = checked(malloc(strlen(s) * 6 + 3)), *p = out;

	*p++ = '"';
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\') {
			*p++ = '\\';
			*p++ = *s;
		} else if (*s < ' ' || *s > '~')
			p += snprintf(p, 7, "\\u%04x", (unsigned char)*s);
		else
			*p++ = *s;
	}
	*p++ = '"';
	*p = '\0';
	return (out);
}

struct list *
list_begin(const char *const *columns, size_t n)
{
	struct list	*l = checked(calloc(1, sizeof(*l)));

	l->columns = columns;
	l->ncolumns = n;
	return (l);
}

void
list_row(struct list *l)
{
	struct cell	*p;

	if (l->ncells + l->ncolumns > l->size) {
		l->size = (l->ncells + l->ncolumns) * 2;
		p = reallocarray(l->cells, l->size, sizeof(*p));
		l->cells = checked(p);
	}
}

/* Takes both over. */
static void
list_cell(struct list *l, char *text, char *value)
{
	l->cells[l->ncells].text = text;
	l->cells[l->ncells].value = value;
	l->ncells++;
}

void
list_string(struct list *l, const char *s)
{
	list_cell(l, checked(strdup(s[0] != '\0' ? s : "-")), json_string(s));
}

void
list_number(struct list *l, uint64_t n)
{
	char	*s;

	if (asprintf(&s, "%llu", (unsigned long long)n) == -1)
		s = NULL;
	list_cell(l, checked(s), checked(strdup(checked(s))));
}

void
list_bytes(struct list *l, uint64_t n)
{
	static const char	 units[] = "BKMGTPE";
	double			 v = n;
	size_t			 u = 0;
	char			*text, *value;

	for (; v >= 1024 && u + 1 < sizeof(units) - 1; u++)
		v /= 1024;
	if (asprintf(&text, u > 0 && v < 10 ? "%.1f%c" : "%.0f%c", v,
	    units[u]) == -1)
		text = NULL;
	if (asprintf(&value, "%llu", (unsigned long long)n) == -1)
		value = NULL;
	list_cell(l, checked(text), checked(value));
}

void
list_bool(struct list *l, int v, const char *yes, const char *no)
{
	list_cell(l, checked(strdup(v ? yes : no)),
	    checked(strdup(v ? "true" : "false")));
}

void
list_time(struct list *l, int64_t t)
{
	char		 text[32], value[32];
	struct tm	 tm;
	time_t		 when = t;

	if (t == 0) {
		list_cell(l, checked(strdup("-")), checked(strdup("null")));
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M",
	    localtime_r(&when, &tm));
	strftime(value, sizeof(value), "\"%Y-%m-%dT%H:%M:%SZ\"",
	    gmtime_r(&when, &tm));
	list_cell(l, checked(strdup(text)), checked(strdup(value)));
}

static void
list_table(const struct list *l)
{
	size_t	*width, i, c, n;
	char	 head[64];

	width = checked(calloc(l->ncolumns, sizeof(*width)));
	for (c = 0; c < l->ncolumns; c++)
		width[c] = strlen(l->columns[c]);
	for (i = 0; i < l->ncells; i++) {
		n = strlen(l->cells[i].text);
		if (n > width[i % l->ncolumns])
			width[i % l->ncolumns] = n;
	}
	for (c = 0; c < l->ncolumns; c++) {
		for (i = 0; l->columns[c][i] != '\0' && i < 63; i++)
			head[i] = l->columns[c][i] == '_' ? ' ' :
			    toupper((unsigned char)l->columns[c][i]);
		head[i] = '\0';
		printf("%-*s%s", c + 1 < l->ncolumns ? (int)width[c] : 0, head,
		    c + 1 < l->ncolumns ? "  " : "\n");
	}
	for (i = 0; i < l->ncells; i++) {
		c = i % l->ncolumns;
		printf("%-*s%s", c + 1 < l->ncolumns ? (int)width[c] : 0,
		    l->cells[i].text, c + 1 < l->ncolumns ? "  " : "\n");
	}
	free(width);
}

static void
list_json(const struct list *l)
{
	size_t	 i, c;

	printf("[");
	for (i = 0; i < l->ncells; i++) {
		c = i % l->ncolumns;
		printf("%s\"%s\": %s%s", c > 0 ? ", " : i > 0 ? ",\n {" :
		    "\n {", l->columns[c], l->cells[i].value,
		    c + 1 == l->ncolumns ? "}" : "");
	}
	printf("%s]\n", l->ncells > 0 ? "\n" : "");
}

void
list_end(struct list *l)
{
	size_t	 i;

	if (json)
		list_json(l);
	else
		list_table(l);
	for (i = 0; i < l->ncells; i++) {
		free(l->cells[i].text);
		free(l->cells[i].value);
	}
	free(l->cells);
	free(l);
}

/* ---- values ---- */

int
parse_duration(const char *s, int64_t *seconds)
{
	uint64_t	 ms;

	if (strcmp(s, "never") == 0) {
		*seconds = 0;
		return (0);
	}
	if (conflex_time(s, &ms) == -1 || ms < 1000 ||
	    ms / 1000 > 100ULL * 366 * 86400)
		return (-1);
	*seconds = ms / 1000;
	return (0);
}

static const char *const	 scope_names[] = SCOPE_NAMES;

int
parse_scopes(const char *s, uint32_t *bits)
{
	size_t	 i, len;

	for (;;) {
		len = strcspn(s, ",");
		for (i = 0; i < nitems(scope_names); i++) {
			if (strlen(scope_names[i]) == len &&
			    strncmp(scope_names[i], s, len) == 0)
				break;
		}
		if (i == nitems(scope_names)) {
			fprintf(stderr, "accessctl: scope %.*s: there are "
			    "node, connect, http, ssh, mesh and admin\n",
			    (int)len, s);
			return (-1);
		}
		*bits |= 1U << i;
		if (s[len] == '\0')
			return (0);
		s += len + 1;
	}
}

void
format_scopes(uint32_t bits, char *out, size_t size)
{
	size_t	 i;

	out[0] = '\0';
	for (i = 0; i < nitems(scope_names); i++) {
		if (!(bits & 1U << i))
			continue;
		if (out[0] != '\0')
			strlcat(out, ",", size);
		strlcat(out, scope_names[i], size);
	}
}
