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
 * What a proxy helper says on its standard error, in the log: who has gone to
 * the background has none, and what started us may wait for the end of ours.
 * And one that does not stop talking must not fill the disk.
 */

#include "compat.h"

#include <event2/event.h>

#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "helper_said.h"
#include "log.h"
#include "log_limit.h"

#define SAID_LINE	512	/* the rest of a longer one is another */
#define SAID_LAST	64	/* reads at the end: what a pipe holds */

static struct event	*event;
static int		 fd = -1;	/* our end */
static char		 line[SAID_LINE];
static size_t		 len;
static struct log_limit	 limit = { .burst = 50, .ms = 500 };

static void	said_line(void);
static ssize_t	said_read(void);
static void	said_readable(evutil_socket_t, short, void *);

static void
said_line(void)
{
	uint64_t	 dropped;

	line[len] = '\0';
	if (len > 0 && log_limit_may(&limit, clock_ms(), &dropped)) {
		if (dropped > 0)
			log_info("proxy helper: %s (and %llu lines before)",
			    line, (unsigned long long)dropped);
		else
			log_info("proxy helper: %s", line);
	}
	len = 0;
}

static ssize_t
said_read(void)
{
	char	 buf[1024];
	ssize_t	 n, i;

	n = read(fd, buf, sizeof(buf));
	for (i = 0; i < n; i++) {
		if (buf[i] != '\n' && buf[i] != '\r')
			line[len++] = buf[i];
		if (buf[i] == '\n' || len == sizeof(line) - 1)
			said_line();
	}
	return (n);
}

static void
said_readable(evutil_socket_t sock, short what, void *arg)
{
	if (said_read() == 0)
		event_del(event);
}

int
helper_said_open(struct event_base *base)
{
	int	 p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		return (-1);
	fd = p[0];
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    (event = event_new(base, fd, EV_READ | EV_PERSIST, said_readable,
	    NULL)) == NULL || event_add(event, NULL) == -1) {
		close(p[1]);
		helper_said_close();
		return (-1);
	}
	return (p[1]);
}

void
helper_said_close(void)
{
	int	 i;

	if (fd == -1)
		return;
	/* Why it failed is more than that it did; but it may go on. */
	for (i = 0; i < SAID_LAST && said_read() > 0; i++)
		;
	said_line();
	if (event != NULL)
		event_free(event);
	event = NULL;
	close(fd);
	fd = -1;
}
