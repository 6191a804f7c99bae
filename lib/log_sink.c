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
 * The last step of a log line: a datagram to who keeps the log.  Instead of
 * syslog(3), whose send(2) waits for a syslogd that stands still, and all of
 * the daemon with it.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log_sink.h"

#ifndef _PATH_LOG
#define _PATH_LOG	"/dev/log"
#endif
#define PATH_JOURNAL	"/run/systemd/journal/socket"
#define RETRY_S		1	/* between looks for one that is away */

struct log_sink {
	enum log_dest		 dest;
	char			*ident;
	int			 facility;
	struct sockaddr_un	 sun;
	int			 fd;		/* -1: not connected */
	time_t			 retry;		/* not before, monotonic */
	unsigned long long	 lost;		/* lines */
};

static void	sink_connect(struct log_sink *);
static int	sink_write(struct log_sink *, const struct log_record *);
static time_t	sink_now(void);

int
log_dest_parse(const char *s, enum log_dest *dest)
{
	static const char *const names[] = {
		[LOG_DEST_STDERR] = "stderr",
		[LOG_DEST_SYSLOG] = "syslog",
		[LOG_DEST_JOURNAL] = "journal"
	};
	size_t	 i;

	for (i = LOG_DEST_STDERR; i < nitems(names); i++) {
		if (strcmp(names[i], s) == 0) {
			*dest = i;
			return (0);
		}
	}
	return (-1);
}

int
log_facility_parse(const char *s, int *facility)
{
	static const struct {
		const char	*name;
		int		 facility;
	} names[] = {
		{ "auth", LOG_AUTH },		{ "authpriv", LOG_AUTHPRIV },
		{ "daemon", LOG_DAEMON },	{ "user", LOG_USER },
		{ "local0", LOG_LOCAL0 },	{ "local1", LOG_LOCAL1 },
		{ "local2", LOG_LOCAL2 },	{ "local3", LOG_LOCAL3 },
		{ "local4", LOG_LOCAL4 },	{ "local5", LOG_LOCAL5 },
		{ "local6", LOG_LOCAL6 },	{ "local7", LOG_LOCAL7 },
	};
	size_t	 i;

	for (i = 0; i < nitems(names); i++) {
		if (strcmp(names[i].name, s) == 0) {
			*facility = names[i].facility;
			return (0);
		}
	}
	return (-1);
}

struct log_sink *
log_sink_new(enum log_dest dest, const char *ident, int facility,
    const char *path)
{
	struct log_sink	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	if ((s->ident = strdup(ident)) == NULL) {
		free(s);
		return (NULL);
	}
	if (path == NULL)
		path = dest == LOG_DEST_JOURNAL ? PATH_JOURNAL : _PATH_LOG;
	s->dest = dest;
	s->facility = facility;
	s->fd = -1;
	s->sun.sun_family = AF_UNIX;
	strlcpy(s->sun.sun_path, path, sizeof(s->sun.sun_path));
	sink_connect(s);
	return (s);
}

void
log_sink_free(struct log_sink *s)
{
	if (s == NULL)
		return;
	if (s->fd != -1)
		close(s->fd);
	free(s->ident);
	free(s);
}

static time_t
sink_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec);
}

static void
sink_connect(struct log_sink *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->retry = sink_now() + RETRY_S;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd != -1 && connect(s->fd, (struct sockaddr *)&s->sun,
	    sizeof(s->sun)) == -1) {
		close(s->fd);
		s->fd = -1;
	}
}

/* 0, or -1 if it can't be had now. */
static int
sink_write(struct log_sink *s, const struct log_record *r)
{
	char	 buf[LOG_SINK_LINE];
	size_t	 len;
	int	 fresh = 0;

	if (s->dest == LOG_DEST_JOURNAL)
		len = log_sink_journal(buf, sizeof(buf), s->ident,
		    s->facility, getpid(), r);
	else
		len = log_sink_syslog(buf, sizeof(buf), s->ident, s->facility,
		    getpid(), time(NULL), r);
	for (;;) {
		if (s->fd == -1) {
			if (fresh || sink_now() < s->retry)
				return (-1);
			sink_connect(s);
			fresh = 1;
			continue;
		}
		if (send(s->fd, buf, len, MSG_NOSIGNAL) != -1)
			return (0);
		if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR ||
		    fresh)
			return (-1);
		/* It was started again: the next one is at the same path. */
		sink_connect(s);
		fresh = 1;
	}
}

void
log_sink_send(struct log_sink *s, const struct log_record *r)
{
	struct log_record	 note = *r;
	char			 text[96];

	if (s->lost > 0) {
		snprintf(text, sizeof(text), "the log took nothing: %llu "
		    "lines are lost", s->lost);
		note.level = LOG_WARNING;
		note.process = "parent";
		note.pid = getpid();
		note.text = text;
		if (sink_write(s, &note) == -1) {
			s->lost++;
			return;
		}
		s->lost = 0;
	}
	if (sink_write(s, r) == -1)
		s->lost++;
}

/*
 * RFC 3164, as syslog(3) writes it: syslogd adds the host.  The time is
 * local, its month in English, whatever the locale.
 */
size_t
log_sink_syslog(char *buf, size_t size, const char *ident, int facility,
    pid_t pid, time_t now, const struct log_record *r)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec"
	};
	struct tm	 tm;
	int		 n;

	if (localtime_r(&now, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = snprintf(buf, size, "<%d>%s %2d %02d:%02d:%02d %s[%ld]: "
	    "%s[%ld]: %s", facility | LOG_PRI(r->level), months[tm.tm_mon],
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ident, (long)pid,
	    r->process, (long)r->pid, r->text);
	if (n < 0)
		return (0);
	return ((size_t)n < size ? (size_t)n : size - 1);
}

/* A field a line; no value has a newline in it, so none needs a length. */
size_t
log_sink_journal(char *buf, size_t size, const char *ident, int facility,
    pid_t pid, const struct log_record *r)
{
	int	 n;

	n = snprintf(buf, size, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n"
	    "SYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%ld\nCULVERT_PROCESS=%s\n"
	    "CULVERT_PID=%ld\nMESSAGE=%s[%ld]: %s\n", LOG_PRI(r->level),
	    facility >> 3, ident, (long)pid, r->process, (long)r->pid,
	    r->process, (long)r->pid, r->text);
	if (n < 0)
		return (0);
	if ((size_t)n < size)
		return (n);
	buf[size - 2] = '\n';
	return (size - 1);
}
