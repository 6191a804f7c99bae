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
 * The access log's file, in a listener: it is opened by the parent, and
 * only written to here.  Lines are gathered for as long as a turn of the
 * event loop takes, and written together; all listeners append to the same
 * file, each some whole lines at a time.  Where the disk is full lines are
 * lost, and counted.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "listener.h"
#include "log.h"

#define LOST_MS		60000	/* a warning about lost lines, so often */

static int	access_recv(const struct conf_access *, int);
static void	access_take(int, enum access_format);
static void	access_flush_later(void);
static void	access_flush_event(evutil_socket_t, short, void *);
static void	access_lost(const char *, size_t, int);

static struct {
	int			 fd;
	enum access_format	 format;
} now = { .fd = -1 }, next = { .fd = -1 };

static int		 conf_open;	/* next is of a configuration */
static char		 lines[64 * 1024];
static size_t		 nlines;	/* bytes of them */
static int		 torn;		/* the file ends in the middle of a
					   line of ours */
static uint64_t		 lost, said;
static struct event	*flush_event;

/* ---- which file ---- */

/* What is in the buffer belongs to the file before. */
static void
access_take(int fd, enum access_format format)
{
	access_log_flush();
	if (now.fd != -1)
		close(now.fd);
	now.fd = fd;
	now.format = format;
	torn = 0;
}

void
access_log_conf_begin(void)
{
	if (next.fd != -1)
		close(next.fd);
	next.fd = -1;
	next.format = ACCESS_OFF;
	conf_open = 1;
}

void
access_log_conf_end(void)
{
	access_take(next.fd, next.format);
	next.fd = -1;
	conf_open = 0;
}

static int
access_recv(const struct conf_access *msg, int fd)
{
	if (msg->format != ACCESS_COMBINED && msg->format != ACCESS_JSON) {
		close(fd);
		return (-1);
	}
	if (!conf_open) {
		/* The file has another name now: this is the new one. */
		access_take(fd, msg->format);
		return (0);
	}
	if (next.fd != -1)
		close(next.fd);
	next.fd = fd;
	next.format = msg->format;
	return (0);
}

int
access_log_recv_file(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_access	 msg;
	int			 fd;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (access_recv(&msg, fd));
}

/* ---- what goes into it ---- */

int
access_log_on(void)
{
	return (now.fd != -1);
}

void
access_log_request(const struct access_line *a)
{
	struct timespec	 ts;

	if (now.fd == -1)
		return;
	if (sizeof(lines) - nlines < ACCESS_LINE_MAX)
		access_log_flush();
	clock_gettime(CLOCK_REALTIME, &ts);
	nlines += access_format(lines + nlines, now.format, a, ts.tv_sec,
	    ts.tv_nsec / 1000000);
	access_flush_later();
}

/* Behind all that this turn of the event loop still has to do. */
static void
access_flush_later(void)
{
	if (flush_event == NULL && (flush_event = event_new(proc_base(), -1,
	    0, access_flush_event, NULL)) == NULL)
		fatal("event");
	event_active(flush_event, EV_TIMEOUT, 1);
}

static void
access_flush_event(evutil_socket_t fd, short what, void *arg)
{
	access_log_flush();
}

/* These bytes were not written. */
static void
access_lost(const char *s, size_t len, int why)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		lost += s[i] == '\n';
	if (said != 0 && listener_ms() - said < LOST_MS)
		return;
	said = listener_ms();
	log_warnx("access log: %s: %llu line%s lost so far", strerror(why),
	    (unsigned long long)lost, lost == 1 ? " was" : "s were");
}

/*
 * Half a line may be all that there is room for.  Its other half would come
 * too late, behind lines of others: what follows begins a new one.
 */
void
access_log_flush(void)
{
	static const char	 newline = '\n';
	size_t			 off = 0;
	ssize_t			 n = -1;

	if (nlines == 0)
		return;
	if (torn && write(now.fd, &newline, 1) == 1)
		torn = 0;
	while (!torn && off < nlines) {
		n = write(now.fd, lines + off, nlines - off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		off += n;
	}
	if (off < nlines) {
		torn |= off > 0 && lines[off - 1] != '\n';
		access_lost(lines + off, nlines - off, n == 0 ? EIO : errno);
	}
	nlines = 0;
}
