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

#include <stdint.h>

/*
 * The words of a configuration file: what the grammars of relayd.conf and
 * agentd.conf have in common.  Comments run from # to the end of the line,
 * a backslash at its end joins lines, "quoted strings" may hold anything,
 * $name stands for a macro, and files include others.
 */

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
 * one and come back at its end; relative names are taken from the folder of
 * the including file.  0, or -1 (reported).
 */
int	conflex_open(const char *);
int	conflex_include(const char *);
/* Forget the file, its macros (but not -D's), and the count of errors. */
void	conflex_close(void);
void	conflex_next(struct conflex_token *);

/* Report "file:line: text" to the log and count it. */
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

#endif /* CONFLEX_H */
