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

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "conf_input.h"
#include "fuzz.h"

#define OPENS_MAX	5

static const uint8_t	*input;
static size_t		 input_len;
static int		 opens;

FILE		*__real_fopen(const char *, const char *);
FILE		*__wrap_fopen(const char *, const char *);
void		 __wrap_log_warn(const char *, ...)
		    __attribute__((__format__ (printf, 1, 2)));
void		 __wrap_log_warnx(const char *, ...)
		    __attribute__((__format__ (printf, 1, 2)));
static void	 said(const char *, va_list)
		    __attribute__((__format__ (printf, 1, 0)));

FILE *
__wrap_fopen(const char *name, const char *mode)
{
	/* The fuzzer's own: what it has found is written to a file. */
	if (mode[0] != 'r')
		return (__real_fopen(name, mode));
	if (opens++ >= OPENS_MAX) {
		errno = ENOENT;
		return (NULL);
	}
	return (fmemopen((void *)(uintptr_t)input, input_len, "r"));
}

static void
said(const char *fmt, va_list ap)
{
	char	 buf[2048];
	int	 n;

	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	must(n > 0 && (size_t)n < sizeof(buf));
}

void
__wrap_log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	said(fmt, ap);
	va_end(ap);
}

void
__wrap_log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	said(fmt, ap);
	va_end(ap);
}

void
conf_input(const uint8_t *data, size_t size)
{
	opens = 0;
	input = data;
	input_len = size;
}
