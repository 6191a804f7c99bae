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
 * Dialling on loopback: 127.0.0.1 listens, 127.0.0.2 refuses, 127.0.0.3
 * has a full backlog and does not answer.  Names ending in .test are ours.
 */

/* link: lib/dial.c lib/resolve.c */
/* libs: libevent pthread */
/* flags: -Wl,--wrap=getaddrinfo */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <event2/event.h>
#include <netdb.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dial.h"
#include "resolve.h"

static const struct name {
	const char	*name;
	const char	*addrs[6];
} names[] = {
	{ "good.test", { "127.0.0.1" } },
	{ "second.test", { "127.0.0.2", "127.0.0.1" } },
	{ "slowfirst.test", { "127.0.0.3", "127.0.0.1" } },
	{ "none.test", { "127.0.0.2", "127.0.0.4" } },
	{ "mixed.test", { "255.255.255.255", "127.0.0.2" } },
	{ "turns.test", { "::1", "::2", "::3", "127.0.0.1", "127.0.0.2" } },
	{ "many.test", { "127.0.0.3", "127.0.0.2", "127.0.0.1" } },
};

struct result {
	int		 calls;
	int		 fd;
	enum dial_error	 error;
	char		 text[256];
	long		 ms;
	struct timespec	 start;
	int		 filtered;
	char		 families[16];
	int		 free_inside;
};

static struct event_base	*base;
static uint16_t			 port;
static int			 listener, full;
static int			 fillers[8];

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
	if (strcmp(host, "hangs.test") == 0) {
		usleep(400 * 1000);
		return (EAI_AGAIN);
	}
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

static int
listen_on(const char *addr, uint16_t p, int backlog)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	int			 fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, addr, &sin.sin_addr);
	sin.sin_port = htons(p);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return (fd);
}

static int
setup(void **state __unused)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	size_t			 i;

	base = event_base_new();
	assert_int_equal(dial_init(base), 0);
	listener = listen_on("127.0.0.1", 0, 128);
	getsockname(listener, (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
	full = listen_on("127.0.0.3", port, 0);
	inet_pton(AF_INET, "127.0.0.3", &sin.sin_addr);
	for (i = 0; i < nitems(fillers); i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	return (0);
}

static int
teardown(void **state __unused)
{
	size_t	 i;

	for (i = 0; i < nitems(fillers); i++)
		close(fillers[i]);
	close(full);
	close(listener);
	return (0);
}

static long
ms_since(const struct timespec *start)
{
	struct timespec	 now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((now.tv_sec - start->tv_sec) * 1000 +
	    (now.tv_nsec - start->tv_nsec) / 1000000);
}

static void
done(struct dial *d, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct result	*r = arg;

	r->calls++;
	r->fd = fd;
	r->error = error;
	strlcpy(r->text, text, sizeof(r->text));
	r->ms = ms_since(&r->start);
	if (r->free_inside)
		dial_free(d);
}

static int	 dgram;		/* dial datagrams */

static struct dial *
begin(struct result *r, const char *host, unsigned int timeout,
    int (*filter)(void *, const struct sockaddr *))
{
	struct dial_config	 conf = { .base = base, .host = host,
				    .port = port, .timeout_ms = timeout,
				    .filter = filter, .done = done,
				    .arg = r, .dgram = dgram };
	struct dial		*d;

	r->fd = -1;
	clock_gettime(CLOCK_MONOTONIC, &r->start);
	d = dial_new(&conf);
	assert_non_null(d);
	assert_int_equal(r->calls, 0);
	return (d);
}

/* The loop ends by itself: nothing of a dial may be left in it. */
static void
dial(struct result *r, const char *host, unsigned int timeout,
    int (*filter)(void *, const struct sockaddr *))
{
	memset(r, 0, sizeof(*r));
	begin(r, host, timeout, filter);
	event_base_dispatch(base);
	assert_int_equal(r->calls, 1);
	assert_int_equal(r->fd == -1, r->error != DIAL_OK);
}

static void
number_connects(void **state __unused)
{
	struct result	 r;
	socklen_t	 len = sizeof(int);
	int		 on = 0;

	dial(&r, "127.0.0.1", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	assert_true(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
	getsockopt(r.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_int_not_equal(on, 0);
	close(r.fd);
}

static int
deny(void *arg, const struct sockaddr *sa)
{
	return (0);
}

static void
datagrams_are_only_pointed_there(void **state __unused)
{
	struct sockaddr_in	 sin;
	struct result		 r;
	socklen_t		 len = sizeof(sin);
	socklen_t		 tlen = sizeof(int);
	int			 type = 0;

	dgram = 1;
	/* 127.0.0.2 comes first, and whether anybody is there is not known. */
	dial(&r, "second.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	getsockopt(r.fd, SOL_SOCKET, SO_TYPE, &type, &tlen);
	assert_int_equal(type, SOCK_DGRAM);
	assert_int_equal(getpeername(r.fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(ntohl(sin.sin_addr.s_addr), INADDR_LOOPBACK + 1);
	assert_true(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
	close(r.fd);
	dial(&r, "good.test", 5000, deny);
	assert_int_equal(r.error, DIAL_DENIED);
	dgram = 0;
}

static void
names_connect(void **state __unused)
{
	struct result	 r;

	dial(&r, "good.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	close(r.fd);
	dial(&r, "localhost", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	close(r.fd);
}

static void
refusal_names_what_was_tried(void **state __unused)
{
	struct result	 r;
	char		 text[128];

	dial(&r, "127.0.0.2", 5000, NULL);
	assert_int_equal(r.error, DIAL_REFUSED);
	snprintf(text, sizeof(text), "127.0.0.2 port %u: Connection refused",
	    port);
	assert_string_equal(r.text, text);
	dial(&r, "none.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_REFUSED);
	snprintf(text, sizeof(text), "127.0.0.2 port %u: Connection refused; "
	    "127.0.0.4 port %u: Connection refused", port, port);
	assert_string_equal(r.text, text);
}

static void
refusal_says_more_than_no_route(void **state __unused)
{
	struct result	 r;

	dial(&r, "255.255.255.255", 5000, NULL);
	assert_int_equal(r.error, DIAL_UNREACHABLE);
	dial(&r, "mixed.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_REFUSED);
	assert_non_null(strstr(r.text, "255.255.255.255 port "));
	assert_non_null(strstr(r.text, "; 127.0.0.2 port "));
}

static void
next_address_at_once_after_refusal(void **state __unused)
{
	struct result	 r;

	dial(&r, "second.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	assert_in_range(r.ms, 0, 200);
	close(r.fd);
}

static void
next_address_soon_when_first_is_dead(void **state __unused)
{
	struct result	 r;

	dial(&r, "slowfirst.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	assert_in_range(r.ms, 240, 900);
	close(r.fd);
	/* Refused behind a dead one: the third does not wait again. */
	dial(&r, "many.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_OK);
	assert_in_range(r.ms, 240, 450);
	close(r.fd);
}

static void
dead_address_times_out(void **state __unused)
{
	struct result	 r;
	char		 text[128];

	dial(&r, "127.0.0.3", 300, NULL);
	assert_int_equal(r.error, DIAL_TIMEOUT);
	assert_in_range(r.ms, 290, 900);
	snprintf(text, sizeof(text), "127.0.0.3 port %u: "
	    "Connection timed out", port);
	assert_string_equal(r.text, text);
}

static void
dead_name_server_times_out(void **state __unused)
{
	struct result	 r;

	dial(&r, "hangs.test", 100, NULL);
	assert_int_equal(r.error, DIAL_TIMEOUT);
	assert_in_range(r.ms, 90, 300);
	assert_string_equal(r.text, "hangs.test: no answer from name service");
}

static void
unknown_name_is_told(void **state __unused)
{
	struct result	 r;
	char		 host[400];

	dial(&r, "unknown.test", 5000, NULL);
	assert_int_equal(r.error, DIAL_NO_HOST);
	assert_string_equal(r.text, "unknown.test: Name or service not known");
	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	dial(&r, host, 5000, NULL);
	assert_int_equal(r.error, DIAL_NO_HOST);
	dial(&r, "", 5000, NULL);
	assert_int_equal(r.error, DIAL_NO_HOST);
}

static int
filter_none(void *arg __unused, const struct sockaddr *sa __unused)
{
	return (0);
}

static int
filter_not_first(void *arg, const struct sockaddr *sa __unused)
{
	return (((struct result *)arg)->filtered++ > 0);
}

static int
filter_families(void *arg, const struct sockaddr *sa)
{
	struct result	*r = arg;

	strlcat(r->families, sa->sa_family == AF_INET ? "4" : "6",
	    sizeof(r->families));
	return (1);
}

static void
filter_that_lets_nothing_through_denies(void **state __unused)
{
	struct result	 r;

	dial(&r, "second.test", 5000, filter_none);
	assert_int_equal(r.error, DIAL_DENIED);
	dial(&r, "127.0.0.1", 5000, filter_none);
	assert_int_equal(r.error, DIAL_DENIED);
}

static void
filtered_address_is_not_tried(void **state __unused)
{
	struct result	 r;

	dial(&r, "slowfirst.test", 5000, filter_not_first);
	assert_int_equal(r.error, DIAL_OK);
	assert_in_range(r.ms, 0, 200);
	assert_int_equal(r.filtered, 2);
	close(r.fd);
}

static void
families_take_turns(void **state __unused)
{
	struct result	 r;

	dial(&r, "turns.test", 5000, filter_families);
	assert_int_equal(r.error, DIAL_OK);
	assert_string_equal(r.families, "64646");
	close(r.fd);
}

static void
cancel_before_it_began(void **state __unused)
{
	struct result	 r = { 0 };

	dial_free(begin(&r, "127.0.0.1", 5000, NULL));
	dial_free(begin(&r, "good.test", 5000, NULL));
	dial_free(NULL);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 0);
}

static void
cancel_during_lookup(void **state __unused)
{
	struct timeval	 tv = { .tv_usec = 50 * 1000 };
	struct result	 r = { 0 };
	struct dial	*d;

	d = begin(&r, "hangs.test", 5000, NULL);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	dial_free(d);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 0);
}

static void
cancel_of_an_answered_lookup(void **state __unused)
{
	struct result	 r = { 0 };
	struct dial	*d;

	d = begin(&r, "good.test", 5000, NULL);
	usleep(100 * 1000);
	dial_free(d);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 0);
}

static void
cancel_during_connect(void **state __unused)
{
	struct timeval	 tv = { .tv_usec = 350 * 1000 };
	struct result	 r = { 0 };
	struct dial	*d;

	d = begin(&r, "127.0.0.3", 5000, NULL);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	dial_free(d);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 0);
}

static void
cancel_inside_done_is_harmless(void **state __unused)
{
	struct result	 r = { .free_inside = 1 };

	begin(&r, "second.test", 5000, NULL);
	event_base_dispatch(base);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.error, DIAL_OK);
	close(r.fd);
}

static void
too_many_lookups_are_refused_not_queued(void **state __unused)
{
	static struct result	 r[RESOLVE_QUEUE_MAX + 10];
	size_t			 i, ok = 0, local = 0;

	for (i = 0; i < nitems(r); i++)
		begin(&r[i], "good.test", 20000, NULL);
	event_base_dispatch(base);
	for (i = 0; i < nitems(r); i++) {
		assert_int_equal(r[i].calls, 1);
		if (r[i].error == DIAL_OK) {
			ok++;
			close(r[i].fd);
		} else {
			assert_int_equal(r[i].error, DIAL_LOCAL);
			assert_string_equal(r[i].text,
			    "good.test: too many names to look up");
			local++;
		}
	}
	assert_int_equal(ok, RESOLVE_QUEUE_MAX);
	assert_int_equal(local, 10);
}

static void
hanging_lookups_leave_numbers_alone(void **state __unused)
{
	struct result	 hang[8] = { 0 }, r;
	struct dial	*d[8];
	size_t		 i;

	for (i = 0; i < nitems(hang); i++)
		d[i] = begin(&hang[i], "hangs.test", 5000, NULL);
	memset(&r, 0, sizeof(r));
	begin(&r, "127.0.0.1", 5000, NULL);
	while (r.calls == 0)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(r.error, DIAL_OK);
	assert_in_range(r.ms, 0, 200);
	close(r.fd);
	for (i = 0; i < nitems(d); i++)
		dial_free(d[i]);
	event_base_dispatch(base);
	for (i = 0; i < nitems(d); i++)
		assert_int_equal(hang[i].calls, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(number_connects),
		cmocka_unit_test(datagrams_are_only_pointed_there),
		cmocka_unit_test(names_connect),
		cmocka_unit_test(refusal_names_what_was_tried),
		cmocka_unit_test(refusal_says_more_than_no_route),
		cmocka_unit_test(next_address_at_once_after_refusal),
		cmocka_unit_test(next_address_soon_when_first_is_dead),
		cmocka_unit_test(dead_address_times_out),
		cmocka_unit_test(dead_name_server_times_out),
		cmocka_unit_test(unknown_name_is_told),
		cmocka_unit_test(filter_that_lets_nothing_through_denies),
		cmocka_unit_test(filtered_address_is_not_tried),
		cmocka_unit_test(families_take_turns),
		cmocka_unit_test(cancel_before_it_began),
		cmocka_unit_test(cancel_during_lookup),
		cmocka_unit_test(cancel_of_an_answered_lookup),
		cmocka_unit_test(cancel_during_connect),
		cmocka_unit_test(cancel_inside_done_is_harmless),
		cmocka_unit_test(too_many_lookups_are_refused_not_queued),
		cmocka_unit_test(hanging_lookups_leave_numbers_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
