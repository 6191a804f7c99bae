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

#include <sys/queue.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conflex.h"
#include "log.h"

#define INCLUDE_DEPTH_MAX	16
#define TOKEN_MAX		8192

struct conf_file {
	SLIST_ENTRY(conf_file)	 entry;
	FILE			*fp;
	char			*name;
	int			 line;
};

struct macro {
	TAILQ_ENTRY(macro)	 entry;
	char			*name;
	char			*value;
	int			 persist;
};

static SLIST_HEAD(, conf_file) files = SLIST_HEAD_INITIALIZER(files);
static TAILQ_HEAD(, macro) macros = TAILQ_HEAD_INITIALIZER(macros);
static int	 depth, errors;

static int	 lex_getc(void);
static void	 lex_ungetc(int);
static void	 file_pop(void);
static int	 file_push(const char *);
static void	 lex_string(struct conflex_token *);
static void	 lex_word(struct conflex_token *, int);
static void	 lex_macro(struct conflex_token *);

/* ---- files ---- */

static int
file_push(const char *name)
{
	struct conf_file	*f;

	if (depth >= INCLUDE_DEPTH_MAX) {
		conflex_error("include: nested too deep");
		return (-1);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    (f->name = strdup(name)) == NULL)
		fatal("configuration");
	if ((f->fp = fopen(name, "re")) == NULL) {
		if (depth > 0)
			conflex_error("%s: %s", name, strerror(errno));
		else {
			log_warn("%s", name);
			errors++;
		}
		free(f->name);
		free(f);
		return (-1);
	}
	f->line = 1;
	SLIST_INSERT_HEAD(&files, f, entry);
	depth++;
	return (0);
}

static void
file_pop(void)
{
	struct conf_file	*f = SLIST_FIRST(&files);

	SLIST_REMOVE_HEAD(&files, entry);
	depth--;
	fclose(f->fp);
	free(f->name);
	free(f);
}

int
conflex_open(const char *name)
{
	conflex_close();
	return (file_push(name));
}

int
conflex_include(const char *name)
{
	const struct conf_file	*f = SLIST_FIRST(&files);
	const char		*slash;
	char			 path[PATH_MAX];
	int			 n;

	if (name[0] == '/' || f == NULL ||
	    (slash = strrchr(f->name, '/')) == NULL)
		return (file_push(name));
	n = snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - f->name),
	    f->name, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		conflex_error("include: the path is too long");
		return (-1);
	}
	return (file_push(path));
}

void
conflex_close(void)
{
	struct macro	*m, *tmp;

	while (!SLIST_EMPTY(&files))
		file_pop();
	TAILQ_FOREACH_SAFE(m, &macros, entry, tmp) {
		if (m->persist)
			continue;
		TAILQ_REMOVE(&macros, m, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
	errors = 0;
}

void
conflex_error(const char *fmt, ...)
{
	const struct conf_file	*f = SLIST_FIRST(&files);
	char			 text[512];
	va_list			 ap;

	errors++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f != NULL)
		log_warnx("%s:%d: %s", f->name, f->line, text);
	else
		log_warnx("%s", text);
}

int
conflex_errors(void)
{
	return (errors);
}

/* ---- macros ---- */

int
conflex_macro(const char *name, const char *value, int persist)
{
	struct macro	*m;
	const char	*p;

	for (p = name; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && *p != '_')
			return (-1);
	}
	if (p == name)
		return (-1);
	TAILQ_FOREACH(m, &macros, entry) {
		if (strcmp(m->name, name) != 0)
			continue;
		if (m->persist && !persist)
			return (0);
		free(m->value);
		if ((m->value = strdup(value)) == NULL)
			fatal("macro");
		m->persist = persist;
		return (0);
	}
	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->name = strdup(name)) == NULL ||
	    (m->value = strdup(value)) == NULL)
		fatal("macro");
	m->persist = persist;
	TAILQ_INSERT_TAIL(&macros, m, entry);
	return (0);
}

int
conflex_macro_arg(const char *arg)
{
	const char	*eq = strchr(arg, '=');
	char		*name;
	int		 ret;

	if (eq == NULL)
		return (-1);
	if ((name = strndup(arg, eq - arg)) == NULL)
		fatal("macro");
	ret = conflex_macro(name, eq + 1, 1);
	free(name);
	return (ret);
}

/* ---- words ---- */

static int
lex_getc(void)
{
	struct conf_file	*f = SLIST_FIRST(&files);
	int			 c;

	c = getc(f->fp);
	if (c == '\\') {
		if ((c = getc(f->fp)) == '\n') {
			f->line++;
			return (' ');
		}
		ungetc(c, f->fp);
		return ('\\');
	}
	if (c == '\n')
		f->line++;
	return (c);
}

static void
lex_ungetc(int c)
{
	struct conf_file	*f = SLIST_FIRST(&files);

	if (c == '\n')
		f->line--;
	if (c != EOF)
		ungetc(c, f->fp);
}

static void
lex_string(struct conflex_token *t)
{
	char	 buf[TOKEN_MAX];
	size_t	 n = 0;
	int	 c;

	t->type = CONFLEX_ERROR;
	for (;;) {
		c = lex_getc();
		if (c == EOF || c == '\n') {
			lex_ungetc(c);
			conflex_error("a quote is not closed");
			return;
		}
		if (c == '"')
			break;
		if (c == '\\') {
			c = lex_getc();
			if (c != '"' && c != '\\') {
				lex_ungetc(c);
				c = '\\';
			}
		}
		if (c == '\0' || n + 1 >= sizeof(buf)) {
			conflex_error("a string is too long or holds a NUL");
			return;
		}
		buf[n++] = c;
	}
	buf[n] = '\0';
	if ((t->text = strdup(buf)) == NULL)
		fatal("configuration");
	t->type = CONFLEX_STRING;
}

static void
lex_word(struct conflex_token *t, int c)
{
	char	 buf[TOKEN_MAX];
	size_t	 n = 0;

	do {
		if (n + 1 >= sizeof(buf)) {
			conflex_error("a word is too long");
			t->type = CONFLEX_ERROR;
			return;
		}
		buf[n++] = c;
		c = lex_getc();
	} while (c != EOF && isgraph(c) && strchr("{}=,#\"", c) == NULL);
	lex_ungetc(c);
	buf[n] = '\0';
	if ((t->text = strdup(buf)) == NULL)
		fatal("configuration");
	t->type = CONFLEX_WORD;
}

static void
lex_macro(struct conflex_token *t)
{
	struct macro	*m;
	char		*p;

	if (t->text[0] != '$')
		return;
	TAILQ_FOREACH(m, &macros, entry) {
		if (strcmp(m->name, t->text + 1) != 0)
			continue;
		if ((p = strdup(m->value)) == NULL)
			fatal("macro");
		free(t->text);
		t->text = p;
		return;
	}
	conflex_error("macro %s is not defined", t->text);
	free(t->text);
	t->text = NULL;
	t->type = CONFLEX_ERROR;
}

void
conflex_next(struct conflex_token *t)
{
	int	 c;

	t->text = NULL;
	t->ch = 0;
	for (;;) {
		if (SLIST_EMPTY(&files)) {
			t->type = CONFLEX_EOF;
			return;
		}
		while ((c = lex_getc()) == ' ' || c == '\t' || c == '\r')
			continue;
		if (c == '#') {
			while ((c = getc(SLIST_FIRST(&files)->fp)) != '\n' &&
			    c != EOF)
				continue;
			if (c == '\n')
				SLIST_FIRST(&files)->line++;
		}
		if (c != EOF)
			break;
		/* An included file's end also ends its last line. */
		if (depth > 1) {
			file_pop();
			t->type = CONFLEX_NEWLINE;
			return;
		}
		t->type = CONFLEX_EOF;
		return;
	}
	if (c == '\n')
		t->type = CONFLEX_NEWLINE;
	else if (c == '"')
		lex_string(t);
	else if (strchr("{}=,", c) != NULL && c != '\0') {
		t->type = CONFLEX_CHAR;
		t->ch = c;
	} else if (isgraph(c)) {
		lex_word(t, c);
		if (t->type == CONFLEX_WORD)
			lex_macro(t);
	} else {
		conflex_error("byte 0x%02x has no place here", c & 0xff);
		t->type = CONFLEX_ERROR;
	}
}

/* ---- values ---- */

int
conflex_number(const char *s, long long min, long long max, long long *out)
{
	const char	*errstr;

	*out = strtonum(s, min, max, &errstr);
	return (errstr == NULL ? 0 : -1);
}

/* digits and a unit; the value is in the smallest one */
static int
value_unit(const char *s, const char *const *units, const uint64_t *factors,
    size_t n, uint64_t *out)
{
	uint64_t	 v = 0;
	size_t		 i;
	const char	*p;

	for (p = s; isdigit((unsigned char)*p); p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return (-1);
		v = v * 10 + (*p - '0');
	}
	if (p == s)
		return (-1);
	for (i = 0; i < n; i++) {
		if (strcasecmp(p, units[i]) != 0)
			continue;
		if (v > UINT64_MAX / factors[i])
			return (-1);
		*out = v * factors[i];
		return (0);
	}
	return (-1);
}

int
conflex_time(const char *s, uint64_t *ms)
{
	static const char *const	 units[] =
	    { "ms", "", "s", "m", "h", "d" };
	static const uint64_t		 factors[] =
	    { 1, 1000, 1000, 60000, 3600000, 86400000 };

	return (value_unit(s, units, factors, nitems(units), ms));
}

int
conflex_size(const char *s, uint64_t *bytes)
{
	static const char *const	 units[] = { "", "k", "m", "g" };
	static const uint64_t		 factors[] =
	    { 1, 1024, 1024 * 1024, 1024 * 1024 * 1024 };

	return (value_unit(s, units, factors, nitems(units), bytes));
}
