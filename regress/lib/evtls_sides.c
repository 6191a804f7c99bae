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

#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/in.h>

#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "evtls.h"
#include "evtls_sides.h"
#include "tls_util.h"

static size_t	on_input(struct evtls *, void *, uint8_t *, size_t);

const struct evtls_ops side_ops = {
	.ready = side_ready, .input = on_input, .output = side_output,
	.closed = side_closed
};

struct event_base	*sides_base;
struct side		 cl, sv;
struct tls_util_cert	*ca, *ec, *ec384, *rsa, *expired, *future;
struct tls_util_cert	*other_ca, *ip;

/* ---- A side ---- */

uint8_t
side_byte(size_t i)
{
	return ((uint32_t)i * 2654435761U >> 24);
}

void
side_note(struct side *s)
{
	size_t	n = evtls_buffered(s->c);

	if (n > s->most)
		s->most = n;
}

void
side_free(struct side *s)
{
	evtls_free(s->c);
	s->c = NULL;
}

int
side_free_in(struct side *s, enum where where)
{
	if (s->free_in != where)
		return (0);
	side_free(s);
	s->closed = 1;
	return (1);
}

void
side_ready(struct evtls *c, void *arg)
{
	struct side	*s = arg;

	s->ready++;
	if (side_free_in(s, IN_READY))
		return;
	if (s->send > 0)
		evtls_want_output(c);
}

static void
on_resume(int fd, short what, void *arg)
{
	struct side	*s = arg;

	if (s->c != NULL)
		evtls_resume(s->c);
}

static size_t
take(struct side *s, uint8_t *buf, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++) {
		if (buf[i] != side_byte(s->got + i))
			s->wrong = 1;
		buf[i] = 0xff;
	}
	s->got += len;
	return (len);
}

static size_t
on_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	struct timeval	 tv = { 0, 300 };
	struct side	*s = arg;
	size_t		 n = len;

	s->inputs++;
	if (s->ready != 1 || len == 0)
		s->wrong = 1;
	if (s->keep > 0)
		return (len < s->keep ? 0 : take(s, buf, len));
	if (s->nibble)
		n = arc4random_uniform(4) == 0 ? 0 :
		    arc4random_uniform(len + 1);
	/* Not to leave too much, nor wait when no more will come. */
	if (n + EVTLS_BATCH < len || s->got + len == sv.send)
		n = len;
	take(s, buf, n);
	if (side_free_in(s, IN_INPUT))
		return (0);
	if (s->hold && s->inputs == 1)
		evtls_pause(c);
	if (s->pauses && arc4random_uniform(3) == 0) {
		evtls_pause(c);
		event_add(s->timer, &tv);
	}
	side_note(s);
	return (n);
}

size_t
side_output(struct evtls *c, void *arg, uint8_t *buf, size_t cap)
{
	struct side	*s = arg;
	size_t		 n, i;

	if (cap < EVTLS_BATCH || s->ready != 1)
		s->wrong = 1;
	if (side_free_in(s, IN_OUTPUT) || (s->sent == s->send &&
	    side_free_in(s, BEHIND_OUTPUT)))
		return (0);
	n = s->send - s->sent;
	if (n > cap)
		n = cap;
	if (n > 1 && s->chunk == 0)
		n = 1;
	else if (n > s->chunk && s->chunk > 0)
		n = 1 + arc4random_uniform(s->chunk);
	for (i = 0; i < n; i++)
		buf[i] = side_byte(s->sent + i);
	s->sent += n;
	side_note(s);
	if (s->close_after && s->sent == s->send)
		evtls_close(c);
	return (n);
}

void
side_closed(struct evtls *c, void *arg, enum evtls_why why, const char *text)
{
	struct side	*s = arg;

	s->closed++;
	s->why = why;
	strlcpy(s->text, text, sizeof(s->text));
	(void)side_free_in(s, IN_CLOSED);
}

/* ---- Driving ---- */

static void
watchdog(int sig)
{
	static const char	text[] = "# it hangs\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

void
sides_pass(void)
{
	event_base_loop(sides_base, EVLOOP_ONCE);
}

void
sides_idle(long ms)
{
	struct timeval	tv = { ms / 1000, ms % 1000 * 1000 };

	event_base_loopexit(sides_base, &tv);
	event_base_dispatch(sides_base);
}

static void
nonblock(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

void
sides_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

void
sides_tcp(int fds[2])
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	assert_true((fds[0] = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&sin, len), 0);
	assert_true((fds[1] = accept(fd, NULL, NULL)) != -1);
	close(fd);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

struct evtls_server *
sides_server(struct tls_util_cert *a, struct tls_util_cert *b,
    struct tls_util_cert *c)
{
	const char		*chains[3] = { a->pem };
	struct evtls_server	*s;
	char			 err[200] = "";
	size_t			 n = 1;

	if (b != NULL)
		chains[n++] = b->pem;
	if (c != NULL)
		chains[n++] = c->pem;
	s = evtls_server_new(chains, n, &tls_util_signer, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(s);
	return (s);
}

struct evtls_client *
sides_client(const struct tls_util_cert *trust, const uint8_t *pin)
{
	struct evtls_client	*c;
	char			 err[200] = "";

	c = evtls_client_new(trust == NULL ? NULL : trust->pem, pin, err,
	    sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(c);
	return (c);
}

void
sides_connect(struct evtls_server *s, struct evtls_client *c,
    const char *host, int tcp)
{
	int	fds[2];

	if (tcp)
		sides_tcp(fds);
	else
		sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], s, &side_ops, &sv);
	cl.c = evtls_connect(sides_base, fds[0], c, host, &side_ops, &cl);
	evtls_server_free(s);
	evtls_client_free(c);
	assert_non_null(sv.c);
	assert_non_null(cl.c);
}

void
sides_standard(struct tls_util_cert *cert, int tcp)
{
	sides_connect(sides_server(cert, NULL, NULL), sides_client(ca, NULL),
	    cert == rsa ? "rsa.example" : "node.example", tcp);
}

void
sides_until_ready(void)
{
	while ((!cl.ready && !cl.closed) || (!sv.ready && !sv.closed))
		sides_pass();
	assert_string_equal(cl.text, "");
	assert_string_equal(sv.text, "");
}

void
sides_until_closed(struct side *s)
{
	while (!s->closed)
		sides_pass();
}

void
sides_refused(struct evtls_server *s, struct evtls_client *c, const char *host,
    const char *text)
{
	sides_connect(s, c, host, 0);
	sides_until_closed(&cl);
	assert_int_equal(cl.ready, 0);
	assert_int_equal(cl.why, EVTLS_ERROR);
	if (strstr(cl.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", cl.text, text);
	side_free(&cl);
	sides_until_closed(&sv);
}

int
sides_setup(void **state)
{
	memset(&cl, 0, sizeof(cl));
	memset(&sv, 0, sizeof(sv));
	cl.chunk = sv.chunk = 40000;
	cl.timer = event_new(sides_base, -1, 0, on_resume, &cl);
	sv.timer = event_new(sides_base, -1, 0, on_resume, &sv);
	alarm(60);
	return (0);
}

int
sides_teardown(void **state)
{
	evtls_free(cl.c);
	evtls_free(sv.c);
	event_free(cl.timer);
	event_free(sv.timer);
	return (cl.wrong || sv.wrong ? -1 : 0);
}

void
sides_again(void **state)
{
	assert_int_equal(sides_teardown(state), 0);
	sides_setup(state);
}

int
sides_begin(void **state)
{
	signal(SIGALRM, watchdog);
	if (evtls_init() == -1 || (sides_base = event_base_new()) == NULL)
		return (-1);
	ca = tls_util_cert(NULL, "ca.example", TLS_UTIL_P256, -DAY, DAY);
	other_ca = tls_util_cert(NULL, "other-ca.example", TLS_UTIL_P256,
	    -DAY, DAY);
	ec = tls_util_cert(ca, "node.example", TLS_UTIL_P256, -DAY, DAY);
	ec384 = tls_util_cert(ca, "node.example", TLS_UTIL_P384, -DAY, DAY);
	rsa = tls_util_cert(ca, "rsa.example", TLS_UTIL_RSA, -DAY, DAY);
	ip = tls_util_cert(ca, "127.0.0.1", TLS_UTIL_P256, -DAY, DAY);
	expired = tls_util_cert(ca, "expired.example", TLS_UTIL_P256,
	    -3 * DAY, -DAY);
	future = tls_util_cert(ca, "future.example", TLS_UTIL_P256, DAY,
	    3 * DAY);
	return (0);
}

int
sides_end(void **state)
{
	tls_util_free();
	event_base_free(sides_base);
	return (0);
}
