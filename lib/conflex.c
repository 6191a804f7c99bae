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
#include <sys/stat.h>

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
#define BYTES_MAX		(16 * 1024 * 1024)	/* of all files */

struct conf_file {
	SLIST_ENTRY(conf_file)	 entry;
	FILE			*fp;
	char			*name;
	int			 line;		/* of the next byte */
	int			 token_line;	/* of the last token */
	int			 ended;
};

struct lent {
	SLIST_ENTRY(lent)	 entry;
	char			*text;
};

struct macro {
	TAILQ_ENTRY(macro)	 entry;
	char			*name;
	char			*value;
	int			 persist;
};

static SLIST_HEAD(, conf_file) files = SLIST_HEAD_INITIALIZER(files);
static SLIST_HEAD(, lent) lents = SLIST_HEAD_INITIALIZER(lents);
static TAILQ_HEAD(, macro) macros = TAILQ_HEAD_INITIALIZER(macros);
static int	 depth, errors;
static size_t	 nread;
static char	 first[64];	/* word of the line, if it begins with one */
static char	 block[64];	/* in whose { } the line is */
static int	 line_begins, line_bad, line_assigns, line_opens, line_closes;

static int	 lex_byte(struct conf_file *);
static int	 lex_getc(void);
static void	 lex_ungetc(int);
static void	 lex_skip(void);
static int	 lex_start(void);
static void	 lex_end(struct conflex_token *);
static void	 file_pop(void);
static int	 file_push(const char *);
static void	 lex_string(struct conflex_token *);
static void	 lex_word(struct conflex_token *, int);
static void	 lex_macro(struct conflex_token *);
static void	 lex_line(void);

/* ---- files ---- */

static int
file_push(const char *name)
{
	struct conf_file	*f;

	if (depth >= INCLUDE_DEPTH_MAX) {
		conflex_error("include: nested too deep");
		errors = CONFLEX_ERRORS_MAX;	/* a loop: enough said */
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
	f->line = f->token_line = 1;
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
	struct lent	*l;

	while (!SLIST_EMPTY(&files))
		file_pop();
	while ((l = SLIST_FIRST(&lents)) != NULL) {
		SLIST_REMOVE_HEAD(&lents, entry);
		freezero(l->text, strlen(l->text));
		free(l);
	}
	TAILQ_FOREACH_SAFE(m, &macros, entry, tmp) {
		if (m->persist)
			continue;
		TAILQ_REMOVE(&macros, m, entry);
		free(m->name);
		freezero(m->value, strlen(m->value));
		free(m);
	}
	errors = 0;
	nread = 0;
	line_begins = 1;
	line_bad = 0;
	line_opens = line_closes = 0;
	first[0] = block[0] = '\0';
}

int
conflex_private(void)
{
	const struct conf_file	*f = SLIST_FIRST(&files);
	struct stat		 st;

	return (f != NULL && fstat(fileno(f->fp), &st) == 0 &&
	    (!S_ISREG(st.st_mode) ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0));
}

void
conflex_error(const char *fmt, ...)
{
	const struct conf_file	*f = SLIST_FIRST(&files);
	char			 text[512];
	va_list			 ap;

	if (++errors > CONFLEX_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f != NULL)
		log_warnx("%s:%d: %s", f->name, f->token_line, text);
	else
		log_warnx("%s", text);
	if (errors == CONFLEX_ERRORS_MAX)
		log_warnx("too many errors");
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

/* A file that never ends, like a device, ends here. */
static int
lex_byte(struct conf_file *f)
{
	if (++nread > BYTES_MAX) {
		if (nread == BYTES_MAX + 1)
			conflex_error("the configuration is too long");
		return (EOF);
	}
	return (getc(f->fp));
}

static int
lex_getc(void)
{
	struct conf_file	*f = SLIST_FIRST(&files);
	int			 c;

	c = lex_byte(f);
	if (c == '\\') {
		if ((c = lex_byte(f)) == '\n') {
			f->line++;
			return (' ');
		}
		if (c != EOF)
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

/* To the end of this line: its newline is the next token. */
static void
lex_skip(void)
{
	int	 c;

	while ((c = lex_getc()) != '\n' && c != EOF)
		continue;
	lex_ungetc(c);
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
			conflex_error(c == '\0' ? "a string holds a NUL" :
			    "a string is too long");
			return;
		}
		buf[n++] = c;
	}
	buf[n] = '\0';
	if ((t->text = strdup(buf)) == NULL)
		fatal("configuration");
	explicit_bzero(buf, n);		/* it may be a secret */
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
	explicit_bzero(buf, n);
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

/* The first byte of a token, behind white space and comments; or EOF. */
static int
lex_start(void)
{
	struct conf_file	*f = SLIST_FIRST(&files);
	int			 c;

	do {
		f->token_line = f->line;
		c = lex_getc();
	} while (c == ' ' || c == '\t' || c == '\r');
	if (c != '#')
		return (c);
	/* No backslash makes a comment longer. */
	while ((c = lex_byte(f)) != '\n' && c != EOF)
		continue;
	if (c == '\n')
		f->line++;
	return (c);
}

/* Each file ends its last line; then the one that included it goes on. */
static void
lex_end(struct conflex_token *t)
{
	struct conf_file	*f = SLIST_FIRST(&files);

	if (f->ended) {
		t->type = CONFLEX_EOF;
		return;
	}
	if (ferror(f->fp))
		conflex_error("%s", strerror(errno));
	t->type = CONFLEX_NEWLINE;
	if (depth > 1)
		file_pop();
	else
		f->ended = 1;
}

/* A new line.  One with an error opens nothing, as the grammar drops it. */
static void
lex_line(void)
{
	if (line_opens && !line_bad)
		(void)strlcpy(block, first, sizeof(block));
	if (line_closes && (!line_bad || first[0] == '\0'))
		block[0] = '\0';
	line_begins = line_bad = line_assigns = line_opens = line_closes = 0;
	first[0] = '\0';
}

void
conflex_next(struct conflex_token *t)
{
	int	 c, begins = line_begins;

	t->text = NULL;
	t->ch = 0;
	if (begins)
		lex_line();
	if (SLIST_EMPTY(&files) || errors >= CONFLEX_ERRORS_MAX) {
		t->type = CONFLEX_EOF;
		return;
	}
	c = lex_start();
	if (c == EOF)
		lex_end(t);
	else if (c == '\n')
		t->type = CONFLEX_NEWLINE;
	else if (c == '"')
		lex_string(t);
	else if (c != '\0' && strchr("{}=,", c) != NULL) {
		t->type = CONFLEX_CHAR;
		t->ch = c;
		line_assigns |= c == '=';
		line_opens |= c == '{';
		line_closes |= c == '}';
	} else if (c < 0x80 && isgraph(c)) {
		lex_word(t, c);
		if (t->type == CONFLEX_WORD)
			lex_macro(t);
	} else {
		conflex_error("byte 0x%02x has no place here", c & 0xff);
		t->type = CONFLEX_ERROR;
	}
	if (t->type == CONFLEX_ERROR) {
		line_bad = 1;
		lex_skip();
	} else if (t->type == CONFLEX_NEWLINE)
		line_begins = 1;
	else if (t->type == CONFLEX_WORD && begins &&
	    strncmp(t->text, "culv_", 5) != 0)
		(void)strlcpy(first, t->text, sizeof(first));
}

/* ---- for yacc ---- */

static int
keyword_cmp(const void *name, const void *keyword)
{
	return (strcmp(name, ((const struct conflex_keyword *)keyword)->name));
}

static const struct conflex_keyword *
keyword_find(const struct conflex_keyword *keywords, size_t n,
    const char *name)
{
	return (bsearch(name, keywords, n, sizeof(*keywords), keyword_cmp));
}

int
conflex_lex(const struct conflex_keyword *keywords, size_t n, int text,
    int error, char **value)
{
	const struct conflex_keyword	*k;
	struct conflex_token		 t;
	struct lent			*l;

	conflex_next(&t);
	switch (t.type) {
	case CONFLEX_EOF:
		return (0);
	case CONFLEX_ERROR:
		return (error);
	case CONFLEX_NEWLINE:
		return ('\n');
	case CONFLEX_CHAR:
		return (t.ch);
	case CONFLEX_WORD:
	case CONFLEX_STRING:
		break;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	*value = l->text = t.text;
	SLIST_INSERT_HEAD(&lents, l, entry);
	if (t.type == CONFLEX_WORD &&
	    (k = keyword_find(keywords, n, t.text)) != NULL)
		return (k->token);
	return (text);
}

static const char *
form_of(const struct conflex_form *forms, size_t n, const char *word)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (strcmp(forms[i].name, word) == 0)
			return (forms[i].form);
	}
	return (NULL);
}

void
conflex_syntax(const struct conflex_keyword *keywords, size_t n,
    const struct conflex_form *forms, size_t nforms)
{
	const struct conf_file	*f = SLIST_FIRST(&files);
	const char		*form;

	if (line_bad || errors >= CONFLEX_ERRORS_MAX)
		return;
	line_bad = 1;
	if (f != NULL && f->ended && first[0] == '\0') {
		conflex_error("unexpected end of the file");
		return;
	}
	form = form_of(forms, nforms, block[0] != '\0' ? block : first);
	if (form == NULL && line_assigns)
		form = "name = value";
	if (form != NULL && first[0] != '\0')
		conflex_error("%s: syntax error: the form is %s", first, form);
	else if (form != NULL)
		conflex_error("syntax error: the form is %s", form);
	else if (first[0] == '\0')
		conflex_error("syntax error: a line begins with a keyword");
	else
		conflex_error(keyword_find(keywords, n, first) != NULL ?
		    "%s: syntax error: no line begins with it" :
		    "%s: unknown keyword", first);
}
