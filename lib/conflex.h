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

#ifndef CONFLEX_H
#define CONFLEX_H

#include <stddef.h>
#include <stdint.h>

#include "log_sink.h"

/*
 * The words of a configuration file: what the grammars of relayd.conf and
 * agentd.conf have in common (conflex.c), what words may stand for
 * (conflex_value.c), and what both can set (conflex_set.c).  Comments run from
 * # to the end of the line, a backslash at its end joins lines, "quoted
 * strings" may hold anything, $name stands for a macro, and files include
 * others.
 *
 * Every file ends with a newline token, whether it has one or not.  What
 * can't be a word is reported, once a line: the rest of the line is skipped.
 * After CONFLEX_ERRORS_MAX errors everything is.
 */

#define CONFLEX_ERRORS_MAX	20

enum conflex_type {
	CONFLEX_EOF,
	CONFLEX_ERROR,		/* already reported */
	CONFLEX_NEWLINE,
	CONFLEX_WORD,		/* unquoted, or what a macro stands for */
	CONFLEX_STRING,		/* quoted */
	CONFLEX_CHAR		/* one of { } = , */
};

struct conflex_token {
	enum conflex_type	 type;
	int			 ch;	/* CONFLEX_CHAR */
	char			*text;	/* malloced; the caller's to free */
};

/*
 * conflex_open: begin with this file.  conflex_include: go on with another
 * one and come back at its end; to be called when the newline behind the
 * include has been read.  Relative names are taken from the folder of the
 * including file.  0, or -1 (reported).
 */
int	conflex_open(const char *);
int	conflex_include(const char *);
/*
 * Forget the file, its macros (but not -D's), what was lent, and the count
 * of errors.
 */
void	conflex_close(void);
/* The next token; at the end, and after too many errors, CONFLEX_EOF. */
void	conflex_next(struct conflex_token *);

/*
 * For yacc: conflex_lex is the whole of yylex, for keywords in the order of
 * strcmp(3).  It returns a keyword's token, a character, '\n', 0, or one of
 * the two given: for text, which is lent until conflex_close (which zeroes
 * it: a grammar that meets an error drops its values without a word), and for
 * what was reported here already.  conflex_syntax is yyerror: it says which
 * form the statement has that begins with the line's first word, or in whose
 * { } the line is.  It names that word and no other, which may be a secret.
 */
struct conflex_keyword {
	const char	*name;
	int		 token;
};
struct conflex_form {
	const char	*name;		/* the first word */
	const char	*form;		/* all of it, for people */
};
int	conflex_lex(const struct conflex_keyword *, size_t, int, int, char **);
void	conflex_syntax(const struct conflex_keyword *, size_t,
	    const struct conflex_form *, size_t);

/* Whether nobody but its owner may read the file that is being read. */
int	conflex_private(void);

/*
 * Report "file:line: text" to the log, with the line of the last token, and
 * count it.
 */
void	conflex_error(const char *, ...)
	    __attribute__((__format__ (printf, 1, 2)));
int	conflex_errors(void);

/*
 * conflex_macro: define one; those given on the command line (persist) win
 * over the file's.  0, or -1 for a bad name.  conflex_macro_arg: from
 * "name=value".
 */
int	conflex_macro(const char *, const char *, int);
int	conflex_macro_arg(const char *);

/*
 * Values.  A number within bounds; a time ("500ms", "10s", "5m", "2h",
 * "30d", plain: seconds) in ms; a size ("512", "64K", "16M", "2G") in bytes.
 * 0, or -1 (not reported).
 */
int	conflex_number(const char *, long long, long long, long long *);
int	conflex_time(const char *, uint64_t *);
int	conflex_size(const char *, uint64_t *);

/*
 * Settings.  A string that is not empty, by the name of what it is for; one
 * that is an absolute path, as daemons run in "/"; `log to` and its facility
 * (NULL: the usual one, 0); the level.  What is wrong is reported.  The string
 * is malloced, and that in its place before zeroed and freed; fatal without
 * memory.
 */
void	conflex_string(char **, const char *, const char *);
void	conflex_path(char **, const char *, const char *);
void	conflex_log_to(enum log_dest *, int *, const char *, const char *);
void	conflex_log_level(int *, const char *);

#endif /* CONFLEX_H */
