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
#include <sys/wait.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>
#include <netdb.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "egress_dial.h"
#include "egress_helper.h"
#include "egress_play.h"

static const struct name {
	const char	*name;
	const char	*addrs[4];
} names[] = {
	{ "two.test", { "192.0.2.1", "192.0.2.2" } },
	{ "proxy.test", { "127.0.0.9", "127.0.0.1" } },
};

struct event_base	*base;

int			 listener = -1;

uint16_t			 port;

static const struct conn	*script;

int			 nscript, nplayed, bad;

static pthread_t		 thread;

static pthread_mutex_t		 lock = PTHREAD_MUTEX_INITIALIZER;

int	__real_getaddrinfo(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

int	__wrap_getaddrinfo(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

int
__wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	size_t	 i, j;

	if ((hints->ai_flags & AI_NUMERICHOST) || strstr(host, ".test") == NULL)
		return (__real_getaddrinfo(host, service, hints, res));
	for (i = 0; i < nitems(names); i++) {
		if (strcmp(host, names[i].name) != 0)
			continue;
		for (j = 0; names[i].addrs[j] != NULL; j++) {
			if (__real_getaddrinfo(names[i].addrs[j], service,
			    hints, res) != 0)
				abort();
			while (*res != NULL)
				res = &(*res)->ai_next;
		}
		return (0);
	}
	return (EAI_NONAME);
}

/* ---- the proxy ---- */

static int
play_turn(int fd, const struct turn *t)
{
	char	 buf[2048];
	size_t	 n = 0, i;
	ssize_t	 got;

	while (n < t->nhears) {
		if ((got = read(fd, buf + n, t->nhears - n)) <= 0)
			return (-1);
		n += got;
	}
	if (memcmp(buf, t->hears, t->nhears) != 0) {
		pthread_mutex_lock(&lock);
		bad++;
		pthread_mutex_unlock(&lock);
		return (-1);
	}
	/* Byte by byte: whoever reads must put it together. */
	for (i = 0; i < t->nsays; i++) {
		if (send(fd, t->says + i, 1, MSG_NOSIGNAL) != 1)
			return (-1);
		usleep(500);
	}
	return (0);
}

static void *
play_conn(void *arg)
{
	const struct conn	*c;
	char			 buf[256];
	ssize_t			 n;
	int			 i, fd = (int)(intptr_t)arg;

	pthread_mutex_lock(&lock);
	c = nplayed < nscript ? &script[nplayed] : NULL;
	nplayed++;
	pthread_mutex_unlock(&lock);
	for (i = 0; c != NULL && i < TURNS_MAX; i++) {
		if (c->turns[i].hears == NULL)
			break;
		if (play_turn(fd, &c->turns[i]) == -1)
			goto done;
	}
	if (c == NULL || c->then == CLOSE_AFTER)
		goto done;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (c->then == ECHO_AFTER && write(fd, buf, n) != n)
			break;
	}
 done:
	close(fd);
	return (NULL);
}

static void *
play(void *arg)
{
	pthread_t	 t;
	int		 fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		if (pthread_create(&t, NULL, play_conn,
		    (void *)(intptr_t)fd) != 0)
			abort();
		pthread_detach(t);
	}
	return (NULL);
}

int
setup(void **state)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);

	if ((base = event_base_new()) == NULL || dial_init(base) == -1)
		return (-1);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(listener, 64) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		return (-1);
	port = ntohs(sin.sin_port);
	return (pthread_create(&thread, NULL, play, NULL));
}

void
plays(const struct conn *conns, int n)
{
	pthread_mutex_lock(&lock);
	script = conns;
	nscript = n;
	nplayed = bad = 0;
	pthread_mutex_unlock(&lock);
}

/* ---- the dial ---- */

static void
done(void *arg, int fd, enum dial_error error, const char *text)
{
	struct result	*r = arg;

	r->calls++;
	r->fd = fd;
	r->error = error;
	strlcpy(r->text, text, sizeof(r->text));
}

struct egress_dial *
begin(struct result *r, const char *url, const char *host, int helper,
    unsigned int ms)
{
	struct egress_dial_config	 conf;
	struct egress_dial		*d;
	struct egress			 e;
	const char			*errstr;
	char				 text[128];

	memset(&e, 0, sizeof(e));
	if (helper != -1) {
		e.kind = EGRESS_HELPER;
		strlcpy(e.host, url, sizeof(e.host));
	} else if (url != NULL) {
		snprintf(text, sizeof(text), "%s:%u", url, port);
		assert_int_equal(egress_parse(text, &e, &errstr), 0);
	}
	memset(&conf, 0, sizeof(conf));
	conf.base = base;
	conf.egress = &e;
	conf.helper = helper;
	conf.host = host;
	conf.port = url == NULL ? port : 443;
	conf.agent = "test/1";
	conf.timeout_ms = ms;
	conf.done = done;
	conf.arg = r;
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	d = egress_dial_new(&conf);
	assert_non_null(d);
	/* It has its own copy. */
	memset(&e, 0xff, sizeof(e));
	assert_int_equal(r->calls, 0);
	return (d);
}

void
dial(struct result *r, const char *url, const char *host, unsigned int ms)
{
	begin(r, url, host, -1, ms);
	event_base_dispatch(base);
	assert_int_equal(r->calls, 1);
	assert_int_equal(r->fd == -1, r->error != DIAL_OK);
	assert_int_equal(bad, 0);
}

void
echoes(int fd)
{
	char	 buf[8] = "";
	size_t	 n = 0;
	ssize_t	 got;

	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	while (n < 5 && (got = read(fd, buf + n, 5 - n)) > 0)
		n += got;
	assert_string_equal(buf, "hello");
	close(fd);
}

void
fails(const struct result *r, enum dial_error error, const char *why)
{
	assert_int_equal(r->fd, -1);
	assert_int_equal(r->error, error);
	if (strstr(r->text, why) == NULL)
		fail_msg("%s: %s", why, r->text);
}
