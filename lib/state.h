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

#ifndef STATE_H
#define STATE_H

#include <stddef.h>

/*
 * What one process leaves to the next that is executed in its place: lines
 * of words, so that a later version can read an earlier one's and skip what
 * it does not know.  Pure.
 *
 *	culvert-state 1
 *	kid listener 3 4711 12
 *	...
 *	end
 *
 * A word is of printable ASCII; other bytes, blanks and % are written as
 * %XX, and an empty word as a single %.
 */

#define STATE_FIELDS_MAX	16	/* words of a line, behind its name */
#define STATE_MAX		(1024 * 1024)	/* bytes of the whole */

/* What is being written; zeroed to begin with. */
struct state {
	char		*buf;
	size_t		 len, size;
	int		 failed;	/* out of memory, or too long */
};

/* A line that was read; its words lie in the buffer that was given. */
struct state_line {	/* its name is of small letters and - */
	char		*name;
	char		*fields[STATE_FIELDS_MAX];
	size_t		 n;
};

/*
 * A line: its name, then any number of words, then state_end.  state_done
 * ends the whole: 0, or -1 if anything failed.  state_free: zeroes it too.
 */
void	state_begin(struct state *, const char *);
void	state_text(struct state *, const char *);
void	state_number(struct state *, long long);
void	state_end(struct state *);
int	state_done(struct state *);
void	state_free(struct state *);

/*
 * state_read: hand each line of this text, which is changed, to the function;
 * it returns 0, or -1 to stop.  0 when all was read, up to its end; -1 with
 * the reason.
 */
int	state_read(char *, size_t, int (*)(const struct state_line *, void *),
	    void *, const char **);
/* A word as a number within bounds: 0, or -1 (also if there is none). */
int	state_get(const struct state_line *, size_t, long long, long long,
	    long long *);

#endif /* STATE_H */
