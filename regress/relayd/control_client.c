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
#include <sys/un.h>

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

#include "control_client.h"
#include "control_req.h"
#include "router.h"

static char		 dir[] = "/tmp/control_test.XXXXXX";
static struct sockaddr_un sun;

static int
listen_here(void)
{
	int	 fd;

	if (mkdtemp(dir) == NULL)
		return (-1);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		return (-1);
	control_listen(fd);
	return (0);
}

int
control_begin(void **state)
{
	fake_start();
	if (listen_here() == -1)
		return (-1);
	fake_serve();
	return (0);
}

int
control_finish(void **state)
{
	unlink(sun.sun_path);
	rmdir(dir);
	return (0);
}

void
dial(struct imsgbuf *c)
{
	int	 fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	assert_int_equal(imsgbuf_init(c, fd), 0);
	fake_run(MS);
}

void
hang_up(struct imsgbuf *c)
{
	imsgbuf_clear(c);
	close(c->fd);
	fake_run(MS);
}

void
say(struct imsgbuf *c, uint32_t type, const void *data, size_t len)
{
	assert_int_equal(imsg_compose(c, type, 0, 0, -1, data, len), 1);
	assert_int_equal(imsgbuf_write(c), 0);
	fake_run(MS);
}

void
say_name(struct imsgbuf *c, uint32_t type, const char *name)
{
	struct ctl_name	 n;

	memset(&n, 0, sizeof(n));
	strlcpy(n.name, name, sizeof(n.name));
	say(c, type, &n, sizeof(n));
}

int
hear(struct imsgbuf *c, uint32_t *type, void *data, size_t size)
{
	struct imsg	 imsg;
	int		 i, n;

	for (i = 0; i < 20; i++) {
		if ((n = imsgbuf_get(c, &imsg)) == 1) {
			assert_true(imsg_get_len(&imsg) <= size);
			*type = imsg_get_type(&imsg);
			assert_int_equal(imsg_get_data(&imsg, data,
			    imsg_get_len(&imsg)), 0);
			imsg_free(&imsg);
			return (1);
		}
		assert_int_equal(n, 0);
		fake_run(1);
		if (imsgbuf_read(c) != 1)
			return (-1);
	}
	return (0);
}

void
expect_end(struct imsgbuf *c, uint32_t type, uint32_t code)
{
	union {
		struct ctl_end	 end;
		struct ctl_user	 user;
	} u;
	uint32_t	 t;

	assert_int_equal(hear(c, &t, &u, sizeof(u)), 1);
	assert_int_equal(t, type);
	assert_int_equal(u.end.code, code);
}

void
expect_hang_up(struct imsgbuf *c)
{
	struct ctl_end	 end;
	uint32_t	 t;

	assert_int_equal(hear(c, &t, &end, sizeof(end)), -1);
	hang_up(c);
}

int
control_setup(void **state)
{
	fake_up(A, 0);
	fake_up(L, 0);
	fake_clear();
	return (0);
}

int
control_teardown(void **state)
{
	fake_down(L, 0);
	fake_down(A, 0);
	fake_up(A, 0);
	fake_run(50);
	fake_down(A, 0);
	fake_clear();
	return (0);
}

void
busy(int n)
{
	struct session		 s;
	struct link_up		 up;
	struct stream_up	 st;
	struct node_answer	 ans;
	struct node_ask		 q;
	uint32_t		 id;
	int			 i;

	memset(&up, 0, sizeof(up));
	up.since = time(NULL);
	strlcpy(up.software, "agentd 0", sizeof(up.software));
	fake_session(&s, 1, 0, 11, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	up.session = 1;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_UP, 11, &up, sizeof(up)),
	    0);
	fake_session(&s, 2, 0, 22, DOOR_NODE, "bob", "pi");
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	up.session = 2;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_UP, 22, &up, sizeof(up)),
	    0);
	memset(&st, 0, sizeof(st));
	st.session = 1;
	st.ticket = 9;
	st.since = time(NULL);
	strlcpy(st.host, "localhost", sizeof(st.host));
	strlcpy(st.node, "pi", sizeof(st.node));
	for (i = 1; i <= n; i++) {
		st.id = i;
		assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &st,
		    sizeof(st)), 0);
	}
	/* They are older than router, which asks whether they may be. */
	if (fake_took(A, 0, IMSG_NODE_ASK, &id, &q, sizeof(q))) {
		memset(&ans, 0, sizeof(ans));
		ans.session = q.session;
		strlcpy(ans.node, q.node, sizeof(ans.node));
		strlcpy(ans.node_id, "id-pi", sizeof(ans.node_id));
		assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, id, &ans,
		    sizeof(ans)), 0);
	}
	fake_clear();
}

void
listener_answers(void)
{
	struct listener_stats	 st;
	struct link_stats	 ls;
	struct ctl_id		 ask;

	assert_true(fake_took(L, 0, IMSG_STATS_ASK, NULL, &ask, sizeof(ask)));
	memset(&ls, 0, sizeof(ls));
	ls.session = 2;
	ls.in = 111;
	ls.out = 222;
	ls.rtt_us = 3333;
	ls.streams = 4;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_STATS, 22, &ls, sizeof(ls)),
	    0);
	memset(&st, 0, sizeof(st));
	st.ask = ask.id;
	st.connections = 17;
	assert_int_equal(fake_say(L, 0, IMSG_STATS, 0, &st, sizeof(st)), 0);
}

void
auth_ends(uint32_t id, uint32_t type, uint32_t code)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = code;
	assert_int_equal(fake_say(A, 0, type, id, &end, sizeof(end)), 0);
}

void
expect_admin(const char *text)
{
	struct audit_event	 a;
	char			 uid[32];

	snprintf(uid, sizeof(uid), "uid %u", getuid());
	while (fake_took(A, 0, IMSG_AUDIT, NULL, &a, sizeof(a))) {
		if (a.what != AUDIT_ADMIN)
			continue;
		assert_string_equal(a.text, text);
		assert_string_equal(a.addr, uid);
		return;
	}
	fail_msg("no audit line");
}
