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
 * What a process leaves to the one that is executed in its place.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define STATE_HEAD	"culvert-state"
#define STATE_VERSION	"1"

static void	 state_add(struct state *, const char *, size_t);
static int	 state_hex(int);
static int	 state_decode(char *);
static int	 state_split(char *, struct state_line *);

/* ---- writing ---- */

static void
state_add(struct state *s, const char *p, size_t len)
{
	size_t	 size = s->size == 0 ? 4096 : s->size;
	char	*buf;

	if (s->failed)
		return;
	while (size - s->len < len && size < STATE_MAX)
		size *= 2;
	if (size - s->len < len) {
		s->failed = 1;
		return;
	}
	if (size != s->size) {
		if ((buf = recallocarray(s->buf, s->size, size, 1)) == NULL) {
			s->failed = 1;
			return;
		}
		s->buf = buf;
		s->size = size;
	}
	memcpy(s->buf + s->len, p, len);
	s->len += len;
}

void
state_begin(struct state *s, const char *name)
{
	static const char	 head[] = STATE_HEAD " " STATE_VERSION "\n";

	if (s->len == 0)
		state_add(s, head, sizeof(head) - 1);
	state_add(s, name, strlen(name));
}

void
state_text(struct state *s, const char *text)
{
	char	 hex[4];

	state_add(s, " ", 1);
	if (text[0] == '\0')
		state_add(s, "%", 1);
	for (; text[0] != '\0'; text++) {
		if (text[0] > ' ' && text[0] <= '~' && text[0] != '%') {
			state_add(s, text, 1);
			continue;
		}
		snprintf(hex, sizeof(hex), "%%%02x", (unsigned char)text[0]);
		state_add(s, hex, 3);
	}
}

void
state_number(struct state *s, long long n)
{
	char	 text[24];

	snprintf(text, sizeof(text), "%lld", n);
	state_text(s, text);
}

void
state_end(struct state *s)
{
	state_add(s, "\n", 1);
}

int
state_done(struct state *s)
{
	state_begin(s, "end");
	state_end(s);
	return (s->failed ? -1 : 0);
}

void
state_free(struct state *s)
{
	freezero(s->buf, s->size);
	memset(s, 0, sizeof(*s));
}

/* ---- reading ---- */

static int
state_hex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (-1);
}

static int
state_decode(char *word)
{
	char	*in, *out = word;
	int	 hi, lo;

	if (strcmp(word, "%") == 0) {
		word[0] = '\0';
		return (0);
	}
	for (in = word; in[0] != '\0'; in++) {
		if (in[0] < ' ' || in[0] > '~')
			return (-1);
		if (in[0] != '%') {
			*out++ = in[0];
			continue;
		}
		if ((hi = state_hex(in[1])) == -1 ||
		    (lo = state_hex(in[2])) == -1 || (hi == 0 && lo == 0))
			return (-1);
		*out++ = hi << 4 | lo;
		in += 2;
	}
	*out = '\0';
	return (0);
}

static int
state_split(char *text, struct state_line *line)
{
	char	*word;

	memset(line, 0, sizeof(*line));
	line->name = strsep(&text, " ");
	if (line->name[0] == '\0' || line->name[strspn(line->name,
	    "abcdefghijklmnopqrstuvwxyz-")] != '\0')
		return (-1);
	while ((word = strsep(&text, " ")) != NULL) {
		/* Later versions may have more to say. */
		if (line->n == STATE_FIELDS_MAX)
			return (0);
		if (word[0] == '\0' || state_decode(word) == -1)
			return (-1);
		line->fields[line->n++] = word;
	}
	return (0);
}

int
state_read(char *buf, size_t len, int (*f)(const struct state_line *, void *),
    void *arg, const char **why)
{
	struct state_line	 line;
	char			*end, *p = buf;
	int			 first = 1;

	if (memchr(buf, '\0', len) != NULL) {
		*why = "it is not text";
		return (-1);
	}
	*why = "it is cut short";
	while (len > 0 && (end = memchr(p, '\n', len)) != NULL) {
		*end = '\0';
		if (state_split(p, &line) == -1) {
			*why = "a line makes no sense";
			return (-1);
		}
		if (first && (strcmp(line.name, STATE_HEAD) != 0 ||
		    line.n < 1 || strcmp(line.fields[0], STATE_VERSION) != 0)) {
			*why = "it is of another version";
			return (-1);
		}
		if (!first && strcmp(line.name, "end") == 0)
			return (0);
		if (!first && f(&line, arg) == -1) {
			*why = "a line can't be used";
			return (-1);
		}
		first = 0;
		len -= end + 1 - p;
		p = end + 1;
	}
	return (-1);
}

int
state_get(const struct state_line *line, size_t i, long long min,
    long long max, long long *n)
{
	const char	*errstr;

	if (i >= line->n)
		return (-1);
	*n = strtonum(line->fields[i], min, max, &errstr);
	return (errstr == NULL ? 0 : -1);
}
