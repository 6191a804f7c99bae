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
 * Configurations: the words of lib/conflex.c, and the grammar of
 * relayd.conf.  The first byte says which; for words, its other bits say
 * whether they are read as values, too.
 */

/* link: lib/conflex.c lib/conflex_value.c lib/addr.c lib/log_sink.c
 * lib/publish.c lib/rate.c lib/http.c lib/http_host.c lib/http_field.c
 * relayd/parse.y relayd/config*.c */
/* libs: libevent libtls libcrypto */

#include "compat.h"

#include <sys/mman.h>

#include <ctype.h>
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "conflex.h"
#include "log.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void	words(const char *);
static void	value(const char *);
static void	grammar(const char *);

/* What is said has to fit and to be text, and is of no further interest. */
static void	said(const char *, va_list)
		    __attribute__((__format__ (printf, 1, 0)));

static void
said(const char *fmt, va_list ap)
{
	char	 buf[2048];
	int	 n;

	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	if (n <= 0 || (size_t)n >= sizeof(buf))
		abort();
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	said(fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	said(fmt, ap);
	va_end(ap);
}

__dead void
fatal(const char *fmt, ...)
{
	abort();
}

__dead void
fatalx(const char *fmt, ...)
{
	abort();
}

int
log_level_parse(const char *s, int *level)
{
	*level = LOG_LEVEL_BRIEF;
	return (strcmp(s, "brief") == 0 ? 0 : -1);
}

/* relayd/config.c wants these to load certificates, which is not done here. */
int
evtls_cert_keyid(const char *pem, uint8_t keyid[EVTLS_KEYID_LEN])
{
	return (-1);
}

int
evtls_cert_times(const char *pem, time_t *from, time_t *to)
{
	return (-1);
}

static void
value(const char *s)
{
	long long	 n;
	uint64_t	 v;

	if (conflex_number(s, 1, 1000, &n) == 0 && (n < 1 || n > 1000))
		abort();
	if (conflex_time(s, &v) == 0 && !isdigit((unsigned char)s[0]))
		abort();
	if (conflex_size(s, &v) == 0 && !isdigit((unsigned char)s[0]))
		abort();
	/* The next word may be $ and this. */
	(void)conflex_macro(s, s, 0);
}

static void
words(const char *path)
{
	struct conflex_token	 t;
	size_t			 n = 0;
	int			 newline = 1;

	if (conflex_open(path) == -1)
		abort();
	for (;;) {
		conflex_next(&t);
		if ((t.text != NULL) != (t.type == CONFLEX_WORD ||
		    t.type == CONFLEX_STRING) ||
		    (t.ch != 0) != (t.type == CONFLEX_CHAR))
			abort();
		if (t.type == CONFLEX_EOF)
			break;
		newline = t.type == CONFLEX_NEWLINE;
		if (t.type == CONFLEX_ERROR && conflex_errors() == 0)
			abort();
		if (t.text != NULL)
			value(t.text);
		free(t.text);
		if (++n > 1000000)
			abort();
	}
	/* Every line ends. */
	if (!newline && conflex_errors() == 0)
		abort();
	conflex_close();
	if (conflex_errors() != 0)
		abort();
}

static void
grammar(const char *path)
{
	struct relayd_conf	*conf;

	if ((conf = parse_config(path)) != NULL &&
	    (conf->prefork < 1 || conf->prefork > PREFORK_MAX ||
	    conf->limits.head_bytes < 512 || conf->limits.head_bytes > 65536 ||
	    conf->limits.credit_total < 1024 * 1024))
		abort();
	config_free(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char	 path[32];
	static int	 fd = -1;

	if (size == 0 || size > 65536 || memmem(data, size, "/dev", 4) != NULL)
		return (0);
	if (fd == -1) {
		if ((fd = memfd_create("conf", MFD_CLOEXEC)) == -1)
			err(1, "memfd_create");
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	/* It can include itself, by its number. */
	if (ftruncate(fd, 0) == -1 ||
	    pwrite(fd, data + 1, size - 1, 0) != (ssize_t)size - 1)
		err(1, "memfd");
	if (data[0] & 1)
		words(path);
	else
		grammar(path);
	return (0);
}
