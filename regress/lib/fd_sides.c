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

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd_sides.h"

#define FRAMES_A_PASS	8	/* as much as a link takes at a time */

static void
on_accepted(struct fdstream *f, void *arg)
{
	((struct side *)arg)->accepted++;
}

static void
on_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	side_closed(arg, code, text);
	/* It is over: this must do nothing. */
	fdstream_kill(f, MUX_CODE_INTERNAL, "again");
}

const char	*last_words;

static size_t
on_last(struct fdstream *f, void *arg, uint16_t code, uint8_t *buf)
{
	if (arg != &a || last_words == NULL)
		return (0);
	memcpy(buf, last_words, strlen(last_words));
	assert_int_equal(code, MUX_CODE_REFUSED);
	return (strlen(last_words));
}

const struct fdstream_ops fd_ops = {
	.accepted = on_accepted, .closed = on_closed, .last = on_last
};

static size_t
late_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (0);
}

static size_t
late_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t n,
    enum mux_more *more)
{
	return (0);
}

static const struct mux_stream_ops late_ops = {
	.input = late_input, .pull = late_pull
};

static void
on_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct side	*side = arg;

	side->s = s;
	if (side->late) {
		mux_stream_own(s, &late_ops, NULL);
		return;
	}
	side->f = fdstream_new(base, side->fd, side->fd, s, &fd_ops, side);
	assert_non_null(side->f);
	mux_accept(s);
}

int
fd_setup(void **state __unused)
{
	sides_setup(on_open, MUX_CREDIT_EARLY, FRAMES_A_PASS);
	return (0);
}

int
fd_teardown(void **state __unused)
{
	sides_teardown();
	return (0);
}

/* ---- Connections --------------------------------------------------------- */

static void
nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Both ends of a TCP connection. */
void
tcp_pair(int fd[2])
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 l;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(l, 1), 0);
	getsockname(l, (struct sockaddr *)&sin, &len);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&sin, len), 0);
	fd[1] = accept(l, NULL, NULL);
	assert_int_not_equal(fd[1], -1);
	close(l);
	nonblock(fd[0]);
	nonblock(fd[1]);
}

void
unix_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
}

/* A stream between two new connections; la and ta are for the test. */
void
open_stream(void (*pair)(int[2]), int *la, int *ta)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	int		 l[2], t[2];

	pair(l);
	pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, l[1], l[1], a.mux, &open, &fd_ops, &a);
	assert_non_null(a.f);
	*la = l[0];
	*ta = t[0];
}

/* What arrives within many passes: a length, 0 for the end, or -errno. */
ssize_t
receive(int fd, void *buf, size_t len)
{
	ssize_t	 n;
	int	 i;

	for (i = 0; i < WAIT_PASSES; i++) {
		passes(1);
		if ((n = read(fd, buf, len)) >= 0)
			return (n);
		if (errno != EAGAIN)
			return (-errno);
		if (i > 100)
			usleep(100);
	}
	return (-EAGAIN);
}

void
expect(int fd, const char *text)
{
	char	 buf[256];
	size_t	 off = 0, len = strlen(text);
	ssize_t	 n;

	while (off < len) {
		n = receive(fd, buf + off, len - off);
		assert_true(n > 0);
		off += n;
	}
	assert_memory_equal(buf, text, len);
}

void
expect_end(int fd)
{
	char	 c;

	assert_int_equal(receive(fd, &c, 1), 0);
}

void
expect_reset(int fd)
{
	char	 buf[4096];
	ssize_t	 n;

	while ((n = receive(fd, buf, sizeof(buf))) > 0)
		;
	assert_int_equal(n, -ECONNRESET);
}

void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void
abort_close(int fd)
{
	struct linger	 linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
