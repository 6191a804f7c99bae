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
 * Log lines on descriptor 2.  Works in a sandbox that allows write(2) and
 * nothing else, and when memory is gone.
 */

#include "compat.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/* Below PIPE_BUF everywhere, so that lines of two processes never mix. */
#define LOG_LINE_MAX	1024
#define LOG_NAME_MAX	32

/* The line as it grows; bytes that do not fit are dropped and noted. */
struct line {
	char	 buf[LOG_LINE_MAX];
	size_t	 len;
	size_t	 max;
	int	 cut;
};

static void	line_raw(struct line *, const char *, size_t);
static void	line_vis(struct line *, const char *);
static void	line_prefix(struct line *, int);
static void	line_write(const struct line *);
static void	vlog(int, int, const char *, const char *, va_list)
		    __attribute__((__format__ (printf, 4, 0)));

static char		 name[LOG_NAME_MAX];
static enum log_style	 style = LOG_STYLE_TERMINAL;
static int		 verbose;
static pid_t		 pid;
static void		 (*divert)(int, const char *);

static const char *const level_names[] = {
	[LOG_LEVEL_BRIEF] = "brief",
	[LOG_LEVEL_VERBOSE] = "verbose",
	[LOG_LEVEL_DEBUG] = "debug"
};

void
log_init(const char *n, enum log_style s, int v)
{
	strlcpy(name, n, sizeof(name));
	style = s;
	verbose = v;
	pid = getpid();
	tzset();		/* reads a file: not from inside a sandbox */
}

void
log_setverbose(int v)
{
	verbose = v;
}

void
log_divert(void (*to)(int, const char *))
{
	divert = to;
}

int
log_getverbose(void)
{
	return (verbose);
}

const char *
log_level_name(int level)
{
	if (level < LOG_LEVEL_BRIEF)
		level = LOG_LEVEL_BRIEF;
	if (level > LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_DEBUG;
	return (level_names[level]);
}

int
log_level_parse(const char *s, int *level)
{
	size_t	 i;

	for (i = 0; i < nitems(level_names); i++) {
		if (strcmp(level_names[i], s) == 0) {
			*level = i;
			return (0);
		}
	}
	return (-1);
}

/*
 * systemd names the stream that it made standard error, by device and inode,
 * in case a program has been given another one since (systemd.exec(5)).
 */
enum log_style
log_style_stderr(void)
{
	unsigned long long	 dev, ino;
	struct stat		 st;
	const char		*s;

	if ((s = getenv("JOURNAL_STREAM")) == NULL ||
	    sscanf(s, "%llu:%llu", &dev, &ino) != 2 ||
	    fstat(STDERR_FILENO, &st) == -1 || st.st_dev != (dev_t)dev ||
	    st.st_ino != (ino_t)ino)
		return (LOG_STYLE_TERMINAL);
	return (LOG_STYLE_PIPE);
}

static void
line_raw(struct line *l, const char *s, size_t len)
{
	if (l->cut || len > l->max - l->len) {
		l->cut = 1;
		return;
	}
	memcpy(l->buf + l->len, s, len);
	l->len += len;
}

/*
 * As vis(3) with VIS_CSTYLE and VIS_OCTAL: a line stays a line, and what was
 * there can be told.  An escape is never cut in two.
 */
static void
line_vis(struct line *l, const char *s)
{
	static const char	 from[] = "\a\b\t\n\v\f\r\\";
	static const char	 to[] = "abtnvfr\\";
	const char		*p;
	unsigned char		 c;
	char			 esc[4] = { '\\' };

	for (; (c = *s) != '\0'; s++) {
		if ((p = strchr(from, c)) != NULL) {
			esc[1] = to[p - from];
			line_raw(l, esc, 2);
		} else if (c < ' ' || c > '~') {
			esc[1] = '0' + (c >> 6);
			esc[2] = '0' + (c >> 3 & 7);
			esc[3] = '0' + (c & 7);
			line_raw(l, esc, 4);
		} else
			line_raw(l, s, 1);
	}
}

static void
line_prefix(struct line *l, int level)
{
	struct tm	 tm;
	time_t		 now;
	char		 tmp[64];
	size_t		 len;

	if (style == LOG_STYLE_PIPE) {
		len = snprintf(tmp, sizeof(tmp), "<%d>", level);
		line_raw(l, tmp, len);
	} else if (style == LOG_STYLE_TERMINAL) {
		now = time(NULL);
		if (localtime_r(&now, &tm) != NULL) {
			len = strftime(tmp, sizeof(tmp), "%Y-%m-%d %H:%M:%S ",
			    &tm);
			line_raw(l, tmp, len);
		}
	}
	line_vis(l, name[0] != '\0' ? name : "culvert");
	if (style == LOG_STYLE_COMMAND) {
		line_raw(l, ": ", 2);
		return;
	}
	len = snprintf(tmp, sizeof(tmp), "[%ld]: ",
	    (long)(pid != 0 ? pid : getpid()));
	line_raw(l, tmp, len);
}

/* A full pipe loses the line; waiting for it would stop the process. */
static void
line_write(const struct line *l)
{
	ssize_t	 n;

	do {
		n = write(STDERR_FILENO, l->buf, l->len);
	} while (n == -1 && errno == EINTR);
}

/* error: an errno to explain at the end, or 0. */
static void
vlog(int level, int error, const char *before, const char *fmt, va_list ap)
{
	static const char	 dots[] = "...";
	struct line		 line = { .len = 0 };
	char			 text[LOG_LINE_MAX];
	const char		*why = NULL;
	size_t			 start;
	int			 n, save_errno = errno;

	/* Keep room at the end for what must not be cut off. */
	line.max = sizeof(line.buf) - sizeof(dots);
	if (error != 0) {
		why = strerror(error);
		line.max -= strlen(why) + 2;
	}
	line_prefix(&line, level);
	start = line.len;
	line_vis(&line, before);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	line_vis(&line, n < 0 ? fmt : text);
	if (line.cut || n >= (int)sizeof(text)) {
		line.max += strlen(dots);
		line.cut = 0;
		line_raw(&line, dots, strlen(dots));
	}
	line.max = sizeof(line.buf) - 1;
	if (why != NULL) {
		line_raw(&line, ": ", 2);
		line_raw(&line, why, strlen(why));
	}
	if (divert != NULL) {
		line.buf[line.len] = '\0';
		divert(level, line.buf + start);
		errno = save_errno;
		return;
	}
	line.buf[line.len++] = '\n';
	line_write(&line);
	errno = save_errno;
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, errno, "", fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, 0, "", fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, 0, "", fmt, ap);
	va_end(ap);
}

void
log_verbose(const char *fmt, ...)
{
	va_list	 ap;

	if (verbose < LOG_LEVEL_VERBOSE)
		return;
	va_start(ap, fmt);
	vlog(LOG_INFO, 0, "", fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (verbose < LOG_LEVEL_DEBUG)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, 0, "", fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, errno, "fatal: ", fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, 0, "fatal: ", fmt, ap);
	va_end(ap);
	exit(1);
}
