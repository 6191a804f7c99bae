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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "month.h"
#include "router.h"
#include "router_fake.h"
#include "router_tally_steps.h"

time_t	__real_time(time_t *);

time_t	__wrap_time(time_t *);

time_t	 ahead;			/* of the clock */

static int	 serial;		/* names no test shares with another */

time_t
__wrap_time(time_t *t)
{
	time_t	 now = __real_time(NULL) + ahead;

	if (t != NULL)
		*t = now;
	return (now);
}

/* ---- steps ---- */

char	 user[16], node[16];

int
setup(void **state)
{
	int	 i;

	serial++;
	snprintf(user, sizeof(user), "u%d", serial);
	snprintf(node, sizeof(node), "n%d", serial);
	ahead = 0;
	router_prefork = LISTENERS;
	fake_up(A, 0);
	for (i = 0; i < LISTENERS; i++)
		fake_up(L, i);
	fake_clear();
	return (0);
}

int
teardown(void **state)
{
	int	 i;

	for (i = 0; i < LISTENERS; i++)
		fake_down(L, i);
	fake_up(A, 0);
	tallies_flush();
	fake_run(50);
	fake_down(A, 0);
	fake_clear();
	return (router_counts.sessions == 0 && router_counts.streams == 0 ?
	    0 : -1);
}

void
user_id(char *id, size_t size)
{
	snprintf(id, size, "user-%s", user);
}

void
meter(uint64_t rate, uint64_t quota, uint64_t used)
{
	struct meter_info	 info;

	memset(&info, 0, sizeof(info));
	info.meter.what = METER_USER;
	user_id(info.meter.id, sizeof(info.meter.id));
	strlcpy(info.name, user, sizeof(info.name));
	info.rate = rate;
	info.quota = quota;
	info.used = used;
	info.month = month_of(time(NULL));
	assert_int_equal(fake_say(A, 0, IMSG_METER, 0, &info, sizeof(info)),
	    0);
}

void
use(int listener, uint64_t in, uint32_t lack)
{
	struct share_use	 u;

	memset(&u, 0, sizeof(u));
	u.meter.what = METER_USER;
	user_id(u.meter.id, sizeof(u.meter.id));
	u.used[WAY_IN] = in;
	u.lack[WAY_IN] = lack;
	u.ms = 1000;
	assert_int_equal(fake_say(L, listener, IMSG_SHARE_USE, 0, &u,
	    sizeof(u)), 0);
}

int
share(int listener, struct share_set *s)
{
	int	 ret = -1;

	while (fake_took(L, listener, IMSG_SHARE, NULL, s, sizeof(*s)))
		ret = 0;
	return (ret);
}

/* All that are in force, in the direction from the node. */
uint64_t	 rates[LISTENERS];

uint64_t
shares(void)
{
	struct share_set	 s;
	uint64_t		 sum = 0;
	int			 i;

	for (i = 0; i < LISTENERS; i++) {
		if (share(i, &s) == 0)
			rates[i] = s.rate[WAY_IN];
		sum += rates[i];
	}
	return (sum);
}

struct tally *
tally(void)
{
	struct tally	*t;
	char		 id[40];

	user_id(id, sizeof(id));
	t = tally_ref(METER_USER, id);
	memset(rates, 0, sizeof(rates));
	return (t);
}

void
pair(void)
{
	link_new(1, 0, 11, DOOR_ACCESS, user, NULL);
	link_new(2, 1, 22, DOOR_NODE, "bob", node);
}

/* Auth is asked about a stream whose ticket router does not know. */
void
node_may(uint32_t code)
{
	struct node_answer	 ans;
	struct node_ask		 q;
	uint32_t		 id;

	assert_true(fake_took(A, 0, IMSG_NODE_ASK, &id, &q, sizeof(q)));
	memset(&ans, 0, sizeof(ans));
	ans.session = q.session;
	ans.code = code;
	strlcpy(ans.node, q.node, sizeof(ans.node));
	strlcpy(ans.node_id, "its id", sizeof(ans.node_id));
	assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, id, &ans,
	    sizeof(ans)), 0);
}

void
stream_up(uint64_t id, uint64_t in, uint64_t out)
{
	struct stream_up	 up;

	memset(&up, 0, sizeof(up));
	up.id = id;
	up.session = 1;
	up.ticket = 9;
	up.since = time(NULL);
	up.kind = MUX_KIND_TCP;
	up.in = in;
	up.out = out;
	strlcpy(up.host, "localhost", sizeof(up.host));
	strlcpy(up.node, node, sizeof(up.node));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
}

void
stream_bytes(uint64_t id, uint64_t in, uint64_t out)
{
	struct stream_bytes	 b;

	memset(&b, 0, sizeof(b));
	b.id = id;
	b.in = in;
	b.out = out;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_BYTES, 0, &b, sizeof(b)),
	    0);
}

void
stream_down(uint64_t id, uint64_t in, uint64_t out)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = id;
	down.in = in;
	down.out = out;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
}

void
expect_traffic(uint32_t what, uint64_t in, uint64_t out)
{
	struct traffic	 t;
	uint64_t	 got_in = 0, got_out = 0;
	struct traffic	 others[64];
	size_t		 i, n = 0;

	while (fake_took(A, 0, IMSG_TRAFFIC, NULL, &t, sizeof(t))) {
		if (t.meter.what == what) {
			got_in += t.in;
			got_out += t.out;
		} else if (n < nitems(others))
			others[n++] = t;
	}
	assert_int_equal(got_in, in);
	assert_int_equal(got_out, out);
	for (i = 0; i < n; i++)
		(void)proc_send(proc_peer(A, 0), IMSG_TRAFFIC, 0, -1,
		    &others[i], sizeof(others[i]));
}
