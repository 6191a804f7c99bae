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
 * Grants at a listener: what they cover, and that what rests on them ends.
 *
 * link: regress/relayd/hand.c
 * link: relayd/listener_grant.c lib/target.c lib/addr.c lib/log.c
 * lib/log_limit.c imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c
 */

#include "compat.h"

#include <imsg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hand.h"
#include "listener.h"

#define STREAMS	8

struct proc_peer {
	int	 kind;
};

/* A stream that rests on a grant. */
struct stream {
	struct grant_use	*use;
	int			 ended;
	uint16_t		 code;
	struct stream		*with;	/* ends with it */
};

static struct proc_peer	 router;
static struct stream	 streams[STREAMS];
static char		 told[16][USER_ID_LEN + 4];
static size_t		 ntold, queued;
static struct grant	 used;		/* the last that was told */
static uint32_t		 answered, ended_streams;

/* ---- proc ---- */

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (&router);
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (queued);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct grant_ended	 ended;

	switch (type) {
	case IMSG_GRANT_USED:
		assert_int_equal(len, sizeof(used));
		memcpy(&used, data, len);
		assert_true(ntold < nitems(told));
		strlcpy(told[ntold++], used.id, sizeof(told[0]));
		queued += PROC_QUEUE_HIGH / 2;
		break;
	case IMSG_GRANT_ENDED:
		assert_int_equal(len, sizeof(ended));
		memcpy(&ended, data, len);
		answered = id;
		ended_streams = ended.streams;
		break;
	default:
		fail_msg("message %u", type);
	}
	return (0);
}

/* ---- steps ---- */

static int
say(int (*handler)(struct proc_peer *, struct imsg *), uint32_t type,
    uint32_t id, const void *data, size_t len)
{
	return (hand(handler, &router, type, id, data, len));
}

static void
grant_like(struct grant *g, const char *id, uint32_t scopes,
    const char *targets, int64_t until)
{
	memset(g, 0, sizeof(*g));
	strlcpy(g->id, id, sizeof(g->id));
	strlcpy(g->targets, targets, sizeof(g->targets));
	g->scopes = scopes;
	g->expires_at = until;
}

static void
give(const char *id, uint32_t scopes, const char *targets, int64_t until)
{
	struct grant	 g;

	grant_like(&g, id, scopes, targets, until);
	assert_int_equal(say(grant_recv_grant, IMSG_GRANT, 0, &g, sizeof(g)),
	    0);
}

/* How many streams it says it has ended. */
static uint32_t
end(const char *id, uint32_t scopes, const char *targets, uint32_t relayed)
{
	struct revoke	 r;
	static uint32_t	 job;

	memset(&r, 0, sizeof(r));
	r.what = REVOKE_GRANT;
	strlcpy(r.id, id, sizeof(r.id));
	strlcpy(r.text, "gone", sizeof(r.text));
	grant_like(&r.left, id, scopes, targets, 0);
	r.relayed = relayed;
	assert_int_equal(say(grant_recv_end, IMSG_GRANT_END, ++job, &r,
	    sizeof(r)), 0);
	assert_int_equal(answered, job);
	return (ended_streams);
}

static void
stream_end(void *arg, uint16_t code, const char *text)
{
	struct stream	*s = arg, *with;

	assert_non_null(s->use);
	assert_true(strcmp(text, "gone") == 0 ||
	    strcmp(text, "the grant no longer covers this") == 0);
	s->ended = 1;
	s->code = code;
	grant_release(s->use);
	s->use = NULL;
	if ((with = s->with) != NULL && with->use != NULL) {
		with->ended = 1;
		grant_release(with->use);
		with->use = NULL;
	}
}

/* Open a stream; why it can't be, or NULL. */
static const char *
try(struct stream *s, const char *id, uint8_t kind, const char *host,
    uint16_t port, int relayed)
{
	struct mux_open	 o;
	const char	*why = NULL;

	memset(&o, 0, sizeof(o));
	o.kind = kind;
	o.port = port;
	strlcpy(o.host, host, sizeof(o.host));
	memset(s, 0, sizeof(*s));
	if (grant_use(id, &o, relayed, stream_end, s, &s->use, &why) == 0)
		return (NULL);
	assert_null(s->use);
	assert_non_null(why);
	return (why);
}

static void
opened(int i, const char *id, const char *host, uint16_t port, int relayed)
{
	const char	*why;

	if ((why = try(&streams[i], id, MUX_KIND_TCP, host, port, relayed)) !=
	    NULL)
		fail_msg("%s", why);
}

static void
refused(const char *id, uint8_t kind, const char *host, uint16_t port,
    const char *part)
{
	struct stream	 s;
	const char	*why = try(&s, id, kind, host, port, 0);

	if (why == NULL || strstr(why, part) == NULL)
		fail_msg("%s:%u: %s", host, port, why == NULL ? "open" : why);
}

static int
setup(void **state)
{
	memset(streams, 0, sizeof(streams));
	ntold = queued = 0;
	return (0);
}

/* Everything ends, and nothing is left but what was told of last. */
static int
teardown(void **state)
{
	char	 from[USER_ID_LEN + 4] = "";
	int	 i;

	for (i = 0; i < STREAMS; i++)
		grant_release(streams[i].use);
	ntold = queued = 0;
	give("last", SCOPE_CONNECT, "", 0);
	if (!grants_announce(from) || ntold != 1 ||
	    strcmp(told[0], "last") != 0)
		return (-1);
	return (0);
}

/* ---- cases ---- */

static void
without_a_grant_nothing_is_asked(void **state)
{
	struct stream	 s;

	assert_null(try(&s, "", MUX_KIND_TCP, "127.0.0.1", 22, 0));
	assert_null(s.use);
	grant_release(s.use);
	assert_int_equal(grant_ref(""), 0);
	grant_unref("");
}

static void
what_router_has_not_told_gives_nothing(void **state)
{
	refused("x", MUX_KIND_TCP, "127.0.0.1", 22, "ended");
	assert_int_equal(grant_ref("x"), -1);
	grant_unref("x");
	assert_int_equal(end("x", 0, "", 0), 0);
}

static void
each_kind_of_stream_has_its_scope(void **state)
{
	struct stream	 s;

	give("c", SCOPE_CONNECT, "", 0);
	assert_null(try(&s, "c", MUX_KIND_TCP, "127.0.0.1", 22, 0));
	grant_release(s.use);
	assert_null(try(&s, "c", MUX_KIND_UDP, "127.0.0.1", 53, 0));
	grant_release(s.use);
	assert_null(try(&s, "c", MUX_KIND_UNIX, "/run/x.sock", 0, 0));
	grant_release(s.use);
	refused("c", MUX_KIND_HTTP, "127.0.0.1", 80, "scope http");
	refused("c", MUX_KIND_SSH, "127.0.0.1", 22, "scope ssh");
	refused("c", MUX_KIND_SFTP, "127.0.0.1", 22, "scope ssh");
	give("h", SCOPE_HTTP | SCOPE_SSH, "", 0);
	refused("h", MUX_KIND_TCP, "127.0.0.1", 80, "scope connect");
	refused("h", MUX_KIND_UDP, "127.0.0.1", 80, "scope connect");
	refused("h", 99, "127.0.0.1", 80, "scope connect");
	assert_null(try(&s, "h", MUX_KIND_HTTP, "127.0.0.1", 80, 0));
	grant_release(s.use);
	assert_null(try(&s, "h", MUX_KIND_SFTP, "127.0.0.1", 22, 0));
	grant_release(s.use);
}

static void
targets_are_kept_for_tcp_udp_and_sockets(void **state)
{
	struct stream	 s;

	give("g", SCOPE_CONNECT, "192.168.1.0/24:80,*:53,/run/x.sock", 0);
	opened(0, "g", "192.168.1.255", 80, 0);
	refused("g", MUX_KIND_TCP, "192.168.2.0", 80, "does not cover");
	refused("g", MUX_KIND_UDP, "192.168.1.1", 81, "does not cover");
	assert_null(try(&s, "g", MUX_KIND_UDP, "any.name", 53, 0));
	grant_release(s.use);
	assert_null(try(&s, "g", MUX_KIND_UNIX, "/run/x.sock", 0, 0));
	grant_release(s.use);
	refused("g", MUX_KIND_UNIX, "/run/y.sock", 0, "does not cover");
	refused("g", MUX_KIND_UNIX, "/run/y.sock", 53, "does not cover");
}

/* A site is not asked for by an address: the scope decides alone. */
static void
targets_do_not_concern_sites(void **state)
{
	struct stream	 s;

	give("g", SCOPE_CONNECT | SCOPE_HTTP, "127.0.0.1:22", 0);
	assert_null(try(&s, "g", MUX_KIND_HTTP, "", 0, 0));
	grant_release(s.use);
	assert_null(try(&s, "g", MUX_KIND_HTTP, "grafana", 0, 0));
	grant_release(s.use);
	refused("g", MUX_KIND_TCP, "127.0.0.1", 80, "does not cover");
	give("h", SCOPE_CONNECT, "127.0.0.1:22", 0);
	refused("h", MUX_KIND_HTTP, "", 0, "scope http");
	give("s", SCOPE_SSH, "127.0.0.1:22", 0);
	refused("s", MUX_KIND_SSH, "127.0.0.1", 23, "does not cover");
}

static void
time_is_over_at_once(void **state)
{
	give("g", SCOPE_CONNECT, "", time(NULL) + 1000);
	opened(0, "g", "127.0.0.1", 22, 0);
	give("g", SCOPE_CONNECT, "", time(NULL));
	refused("g", MUX_KIND_TCP, "127.0.0.1", 22, "expired");
	/* Ending what is open is for router to say. */
	assert_non_null(streams[0].use);
}

static void
an_end_ends_all_of_it_and_nothing_else(void **state)
{
	give("g", SCOPE_CONNECT, "", 0);
	opened(0, "g", "127.0.0.1", 22, 0);
	opened(1, "g", "127.0.0.1", 80, 0);
	give("h", SCOPE_CONNECT, "", 0);
	opened(2, "h", "127.0.0.1", 22, 0);
	assert_int_equal(end("g", 0, "", 0), 2);
	assert_int_equal(streams[0].ended, 1);
	assert_int_equal(streams[0].code, MUX_CODE_KILLED);
	assert_int_equal(streams[1].ended, 1);
	assert_int_equal(streams[2].ended, 0);
	assert_int_equal(end("g", 0, "", 1), 0);
	refused("g", MUX_KIND_TCP, "127.0.0.1", 22, "ended");
}

static void
a_narrower_one_ends_what_it_does_not_cover(void **state)
{
	give("g", SCOPE_CONNECT, "", 0);
	opened(0, "g", "127.0.0.1", 22, 0);
	opened(1, "g", "127.0.0.1", 80, 0);
	opened(2, "g", "127.0.0.1", 22, 0);
	assert_int_equal(end("g", SCOPE_CONNECT, "127.0.0.1:22", 0), 1);
	assert_int_equal(streams[1].ended, 1);
	assert_int_equal(streams[0].ended + streams[2].ended, 0);
	refused("g", MUX_KIND_TCP, "127.0.0.1", 80, "does not cover");
	opened(1, "g", "127.0.0.1", 22, 0);
	/* The scope is gone: none of it is covered. */
	assert_int_equal(end("g", SCOPE_HTTP, "", 0), 3);
}

static void
a_narrower_one_ends_it_however_it_is_told(void **state)
{
	give("g", SCOPE_CONNECT, "", 0);
	opened(0, "g", "127.0.0.1", 22, 0);
	opened(1, "g", "127.0.0.1", 80, 0);
	opened(2, "g", "127.0.0.1", 80, 1);
	give("g", SCOPE_CONNECT, "", 0);
	assert_int_equal(streams[0].ended + streams[1].ended, 0);
	give("g", SCOPE_CONNECT, "*:22", 0);
	assert_int_equal(streams[0].ended, 0);
	assert_int_equal(streams[1].ended, 1);
	assert_int_equal(streams[2].ended, 1);
	give("g", SCOPE_HTTP, "*:22", 0);
	assert_int_equal(streams[0].ended, 1);
}

static void
what_is_relayed_comes_second_and_is_not_counted(void **state)
{
	give("g", SCOPE_CONNECT, "", 0);
	opened(0, "g", "127.0.0.1", 22, 0);
	opened(1, "g", "127.0.0.1", 22, 1);
	assert_int_equal(end("g", 0, "", 0), 1);
	assert_int_equal(streams[0].ended, 1);
	assert_int_equal(streams[1].ended, 0);
	assert_int_equal(end("g", 0, "", 1), 0);
	assert_int_equal(streams[1].ended, 1);
}

static void
streams_may_end_each_other(void **state)
{
	int	 i;

	give("g", SCOPE_CONNECT, "", 0);
	for (i = 0; i < STREAMS; i++)
		opened(i, "g", "127.0.0.1", 22, 0);
	for (i = 0; i < STREAMS; i++)
		streams[i].with = &streams[(i + 5) % STREAMS];
	assert_in_range(end("g", 0, "", 0), 1, STREAMS);
	for (i = 0; i < STREAMS; i++)
		assert_int_equal(streams[i].ended, 1);
}

static void
a_grant_lasts_while_something_names_it(void **state)
{
	char	 from[USER_ID_LEN + 4] = "";

	give("a", SCOPE_CONNECT, "", 0);
	assert_int_equal(grant_ref("a"), 0);
	give("b", SCOPE_CONNECT, "", 0);
	give("c", SCOPE_CONNECT, "", 0);
	/* b was named by nothing; c may still be. */
	assert_int_equal(grant_ref("b"), -1);
	assert_int_equal(grant_ref("c"), 0);
	assert_int_equal(grants_announce(from), 1);
	assert_int_equal(ntold, 2);
	assert_string_equal(told[0], "a");
	assert_string_equal(told[1], "c");
	opened(0, "a", "127.0.0.1", 22, 0);
	grant_unref("a");
	/* Its stream has it. */
	assert_int_equal(end("a", 0, "", 0), 1);
	assert_int_equal(grant_ref("a"), -1);
	grant_unref("c");
}

static void
announcing_goes_on_where_it_stopped(void **state)
{
	char	 from[USER_ID_LEN + 4] = "", id[16];
	int	 i;

	for (i = 0; i < STREAMS; i++) {
		snprintf(id, sizeof(id), "g%d", i);
		give(id, SCOPE_CONNECT, "", 0);
		opened(i, id, "127.0.0.1", 22, 0);
	}
	while (!grants_announce(from)) {
		assert_true(queued > PROC_QUEUE_HIGH);
		queued = 0;
	}
	assert_int_equal(ntold, STREAMS);
	for (i = 0; i < STREAMS; i++) {
		snprintf(id, sizeof(id), "g%d", i);
		assert_string_equal(told[i], id);
	}
}

static void
it_is_announced_as_it_is_known(void **state)
{
	char	 from[USER_ID_LEN + 4] = "";

	give("g", SCOPE_CONNECT | SCOPE_SSH, "192.168.1.7/24:80,/run/x", 5000);
	assert_int_equal(grants_announce(from), 1);
	assert_int_equal(ntold, 1);
	assert_string_equal(used.id, "g");
	assert_int_equal(used.scopes, SCOPE_CONNECT | SCOPE_SSH);
	assert_string_equal(used.targets, "192.168.1.0/24:80,/run/x");
	assert_int_equal(used.expires_at, 5000);
	/* Ended, and nothing left. */
	assert_int_equal(end("g", 0, "", 0), 0);
	ntold = 0;
	from[0] = '\0';
	assert_int_equal(grants_announce(from), 1);
	assert_int_equal(ntold, 0);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct grant	 g;
	struct revoke	 r;

	grant_like(&g, "", SCOPE_CONNECT, "", 0);
	assert_int_equal(say(grant_recv_grant, IMSG_GRANT, 0, &g, sizeof(g)),
	    -1);
	grant_like(&g, "g", SCOPE_CONNECT, "", 0);
	memset(g.targets, '1', sizeof(g.targets));
	assert_int_equal(say(grant_recv_grant, IMSG_GRANT, 0, &g, sizeof(g)),
	    -1);
	grant_like(&g, "g", SCOPE_CONNECT, "22", 0);
	assert_int_equal(say(grant_recv_grant, IMSG_GRANT, 0, &g, sizeof(g)),
	    -1);
	/* And gives nothing. */
	refused("g", MUX_KIND_TCP, "127.0.0.1", 22, "scope");
	memset(&r, 0, sizeof(r));
	memset(r.id, 'g', sizeof(r.id));
	assert_int_equal(say(grant_recv_end, IMSG_GRANT_END, 1, &r,
	    sizeof(r)), -1);
	give("g", SCOPE_CONNECT, "", 0);
	opened(0, "g", "127.0.0.1", 22, 0);
	assert_int_equal(end("g", SCOPE_CONNECT, "22", 0), 1);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(without_a_grant_nothing_is_asked),
		T(what_router_has_not_told_gives_nothing),
		T(each_kind_of_stream_has_its_scope),
		T(targets_are_kept_for_tcp_udp_and_sockets),
		T(targets_do_not_concern_sites),
		T(time_is_over_at_once),
		T(an_end_ends_all_of_it_and_nothing_else),
		T(a_narrower_one_ends_what_it_does_not_cover),
		T(a_narrower_one_ends_it_however_it_is_told),
		T(what_is_relayed_comes_second_and_is_not_counted),
		T(streams_may_end_each_other),
		T(a_grant_lasts_while_something_names_it),
		T(announcing_goes_on_where_it_stopped),
		T(it_is_announced_as_it_is_known),
		T(what_makes_no_sense_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
