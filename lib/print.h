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

#ifndef PRINT_H
#define PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Records as tables for people or JSON for programs, by a description of
 * their fields.
 */

enum field_type {
	FIELD_TEXT,		/* char[] */
	FIELD_LIST,		/* char[]: "a,b" */
	FIELD_SCOPES,		/* uint32_t */
	FIELD_BOOL,		/* uint32_t */
	FIELD_COUNT,		/* uint32_t */
	FIELD_PORT,		/* uint16_t */
	FIELD_KIND,		/* uint16_t: enum mux_kind */
	FIELD_NUMBER,		/* uint64_t */
	FIELD_BYTES,		/* uint64_t */
	FIELD_RATE,		/* uint64_t, bytes/s; 0: none */
	FIELD_QUOTA,		/* uint64_t, bytes; 0: none */
	FIELD_REST,		/* uint64_t, bytes; UINT64_MAX: none */
	FIELD_ID,		/* uint64_t, in hex */
	FIELD_TIME,		/* int64_t, s since 1970; 0: none */
	FIELD_AGE,		/* the same; how long ago, for people */
	FIELD_MS		/* uint32_t, us; 0: none */
};

struct field {
	const char	*key;		/* in JSON */
	const char	*title;		/* of the column; NULL: JSON only */
	enum field_type	 type;
	size_t		 offset;	/* in the record */
	const char	*none;		/* what people see of none; NULL: "-",
					   or 0 of counts and bytes */
};

struct table;

/*
 * table_new: a list of records that n fields describe (they must live as
 * long), as a table or, if it says so, in JSON.  table_one: not a list, but
 * one thing.  NULL without memory.  Nothing is printed before table_end, so a
 * list that breaks off is not mistaken for a whole one.
 */
struct table	*table_new(const struct field *, size_t, int, FILE *);
struct table	*table_one(const struct field *, size_t, int, FILE *);
/* Copies what is shown of it. */
void		 table_add(struct table *, const void *);
/* Print and free; 0, or -1 (logged) if it could not be written. */
int		 table_end(struct table *);
/* Free without a word; takes NULL. */
void		 table_free(struct table *);

/*
 * The end of what was printed: flush.  0, or -1 (logged) if not all of it
 * could be written.  Where whoever read it has gone, as head(1) does, this
 * does not return: SIGPIPE ends us without a word, also if it was ignored.
 */
int	print_end(FILE *);

/*
 * For lists without an end: a record as JSON on one line, without the
 * newline.  Whether it could be written, ferror says.
 */
void	print_record(const struct field *, size_t, const void *, FILE *);

/*
 * One value (print_value.c), cut to the buffer.  Text as a terminal may show
 * it: what does not print in this locale is escaped; returns how many columns
 * it takes.
 */
int	print_clean(const char *, char *, size_t);
/*
 * For people: bytes, "1.5M"; microseconds, "20.5 ms" or "<0.1 ms"; seconds,
 * "3d4h"; seconds since 1970, "2026-01-31 12:00" here, or with the second,
 * "2026-01-31 12:00:05".  In JSON times are ISO 8601, UTC.
 */
void	print_bytes(uint64_t, char *, size_t);
void	print_ms(uint32_t, char *, size_t);
void	print_age(int64_t, char *, size_t);
void	print_time(int64_t, char *, size_t);
void	print_second(int64_t, char *, size_t);
void	print_time_json(int64_t, char *, size_t);
/* Malloced UTF-8: a byte that is not becomes U+FFFD.  NULL: no memory. */
char	*print_utf8(const char *);

#endif /* PRINT_H */
