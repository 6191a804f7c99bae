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
 * Messages while system calls are interrupted, refused or slow, and while
 * there is no memory.
 */

/* link: regress/lib/nth_alloc.c imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
 *	-Wl,--wrap=sendmsg,--wrap=recvmsg,--wrap=poll */

#include "compat.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg.h"
#include "nth_alloc.h"

ssize_t	__real_sendmsg(int, const struct msghdr *, int);
ssize_t	__wrap_sendmsg(int, const struct msghdr *, int);
ssize_t	__real_recvmsg(int, struct msghdr *, int);
ssize_t	__wrap_recvmsg(int, struct msghdr *, int);
int	__real_poll(struct pollfd *, nfds_t, int);
int	__wrap_poll(struct pollfd *, nfds_t, int);

/* What the next so many calls say instead. */
struct refusal {
	int	 times;
	int	 error;		/* 0, of poll: it ran out of time */
};

static struct refusal	 sends, recvs, polls;
static int		 polled;
static struct imsgbuf	 left, right;
static int		 sv[2];

static int
refuses(struct refusal *r)
{
	if (r->times == 0)
		return (0);
	r->times--;
	errno = r->error;
	return (1);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *mh, int flags)
{
	return (refuses(&sends) ? -1 : __real_sendmsg(fd, mh, flags));
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *mh, int flags)
{
	return (refuses(&recvs) ? -1 : __real_recvmsg(fd, mh, flags));
}

/* No test waits. */
int
__wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	polled++;
	if (refuses(&polls))
		return (errno == 0 ? 0 : -1);
	return (n == 0 ? 0 : __real_poll(p, n, 0));
}

static int
setup(void **state)
{
	memset(&sends, 0, sizeof(sends));
	memset(&recvs, 0, sizeof(recvs));
	memset(&polls, 0, sizeof(polls));
	polled = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1 || imsgbuf_init(&left, sv[0]) == -1 ||
	    imsgbuf_init(&right, sv[1]) == -1)
		return (-1);
	imsgbuf_allow_fdpass(&left);
	imsgbuf_allow_fdpass(&right);
	return (0);
}

static int
teardown(void **state)
{
	imsgbuf_clear(&left);
	imsgbuf_clear(&right);
	close(sv[0]);
	close(sv[1]);
	return (0);
}

static void
comes(uint32_t type)
{
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	imsg_free(&imsg);
}

static void
interrupted_calls_are_made_again(void **state)
{
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, "x", 1), 1);
	sends = (struct refusal){ 3, EINTR };
	recvs = (struct refusal){ 3, EINTR };
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_unread(&right), 17);
	comes(1);
	assert_int_equal(imsgbuf_unread(&right), 0);
}

/* What the kernel has no room for goes later. */
static void
short_of_something(void **state)
{
	static const int	 errors[] = {
		EAGAIN, ENOBUFS, ETOOMANYREFS
	};
	size_t			 i;

	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, NULL, 0), 1);
	for (i = 0; i < nitems(errors); i++) {
		sends = (struct refusal){ 1, errors[i] };
		assert_int_equal(imsgbuf_write(&left), 0);
		assert_int_equal(imsgbuf_queuelen(&left), 1);
	}
	sends = (struct refusal){ 1, EPIPE };
	assert_int_equal(imsgbuf_write(&left), -1);
	assert_int_equal(errno, EPIPE);
	recvs = (struct refusal){ 1, EAGAIN };
	assert_int_equal(imsgbuf_read(&right), 1);
	recvs = (struct refusal){ 1, ECONNRESET };
	assert_int_equal(imsgbuf_read(&right), 0);
	recvs = (struct refusal){ 1, EIO };
	assert_int_equal(imsgbuf_read(&right), -1);
}

static void
flush_waits(void **state)
{
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, NULL, 0), 1);
	/* Twice no room, once interrupted while it waits. */
	sends = (struct refusal){ 2, EAGAIN };
	polls = (struct refusal){ 1, EINTR };
	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_true(polled >= 2);
	assert_int_equal(imsgbuf_read(&right), 1);
	comes(1);
}

static void
flush_gives_up(void **state)
{
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, NULL, 0), 1);
	/* The socket can take nothing, for as long as there is patience. */
	sends = (struct refusal){ 1, EAGAIN };
	polls = (struct refusal){ 1, 0 };
	assert_int_equal(imsgbuf_flush(&left), -1);
	assert_int_equal(errno, ETIMEDOUT);
	/* It says that it can, but does not. */
	sends = (struct refusal){ 1000000, ENOBUFS };
	assert_int_equal(imsgbuf_flush(&left), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(polled < 10000);
	sends = (struct refusal){ 1, EAGAIN };
	polls = (struct refusal){ 1, ENOMEM };
	assert_int_equal(imsgbuf_flush(&left), -1);
	assert_int_equal(errno, ENOMEM);
	sends = (struct refusal){ 1, EPIPE };
	assert_int_equal(imsgbuf_flush(&left), -1);
	assert_int_equal(errno, EPIPE);
}

/* Fill the socket, so that some goes each time somebody reads. */
static void
flush_goes_on_while_some_goes(void **state)
{
	static char	 data[16000];
	struct imsg	 imsg;
	int		 i, came = 0;

	for (i = 0; i < 100; i++)
		assert_int_equal(imsg_compose(&left, 2, 0, 0, -1, data,
		    sizeof(data)), 1);
	polls = (struct refusal){ 1, 0 };
	assert_int_equal(imsgbuf_flush(&left), -1);
	assert_int_equal(errno, ETIMEDOUT);
	while (came < 100) {
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			came++;
			imsg_free(&imsg);
		}
		polls = (struct refusal){ 1, 0 };
		(void)imsgbuf_flush(&left);
	}
	assert_int_equal(imsgbuf_queuelen(&left), 0);
}

/* There is room for one descriptor and nothing else. */
static void
credentials_are_refused(void **state)
{
	int	 on = 1;

	assert_int_equal(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &on,
	    sizeof(on)), 0);
	assert_int_equal(imsg_compose(&left, 3, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, EBADMSG);
}

static void
too_much_for_a_message(void **state)
{
	static char	 data[MAX_IMSGSIZE];
	struct iovec	 iov[2] = { { data, 10 }, { data, SIZE_MAX } };

	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), -1);
	assert_int_equal(errno, ERANGE);
	iov[1].iov_len = sizeof(data) - 10;
	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), -1);
	assert_int_equal(errno, ERANGE);
	assert_null(imsg_create(&left, 1, 0, 0, sizeof(data)));
	assert_int_equal(imsgbuf_queuelen(&left), 0);
}

/* A piece that is more than was said at first grows it. */
static void
more_than_the_maximum(void **state)
{
	static char	 data[MAX_IMSGSIZE];
	struct ibuf	*msg;

	msg = imsg_create(&left, 1, 0, 0, 0);
	assert_non_null(msg);
	assert_int_equal(imsg_add(msg, data, 100), 100);
	assert_int_equal(imsg_add(msg, data, sizeof(data)), -1);
	assert_int_equal(errno, ERANGE);
}

static void
views_of_a_body(void **state)
{
	struct ibuf	 view;
	struct imsg	 imsg;

	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, "ab", 2), 1);
	assert_int_equal(imsg_compose(&left, 2, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_get_ibuf(&imsg, &view), 0);
	assert_int_equal(ibuf_size(&view), 2);
	assert_memory_equal(ibuf_data(&view), "ab", 2);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_get_ibuf(&imsg, &view), -1);
	assert_int_equal(errno, EBADMSG);
	imsg_free(&imsg);
}

/* Each allocation fails in turn: the message is not sent, and nothing else. */
static void
without_memory(void **state)
{
	struct iovec	 iov[2] = { { (char[]){ "ab" }, 2 },
			    { (char[]){ "cd" }, 2 } };
	struct imsgbuf	 b;
	struct ibuf	*body;
	unsigned int	 at;
	int		 n;

	nth_alloc_fail(1);
	assert_int_equal(imsgbuf_init(&b, sv[0]), -1);
	for (at = 1; ; at++) {
		nth_alloc_fail(at);
		n = imsg_compose(&left, 1, 0, 0, -1, "x", 1);
		if (nth_alloc_seen() < at)
			break;
		assert_int_equal(n, -1);
	}
	assert_int_equal(n, 1);
	for (at = 1; ; at++) {
		nth_alloc_fail(at);
		n = imsg_composev(&left, 1, 0, 0, -1, iov, 2);
		if (nth_alloc_seen() < at)
			break;
		assert_int_equal(n, -1);
	}
	assert_int_equal(n, 1);
	for (at = 1; ; at++) {
		nth_alloc_fail(0);
		body = ibuf_open(2);
		assert_non_null(body);
		ibuf_fd_set(body, dup(0));
		nth_alloc_fail(at);
		n = imsg_compose_ibuf(&left, 1, 0, 0, body);
		if (nth_alloc_seen() < at)
			break;
		assert_int_equal(n, -1);
	}
	assert_int_equal(n, 1);
	nth_alloc_fail(0);
	assert_int_equal(imsgbuf_queuelen(&left), 3);
	assert_int_equal(imsgbuf_write(&left), 0);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		T(interrupted_calls_are_made_again),
		T(short_of_something),
		T(flush_waits),
		T(flush_gives_up),
		T(flush_goes_on_while_some_goes),
		T(credentials_are_refused),
		T(too_much_for_a_message),
		T(more_than_the_maximum),
		T(views_of_a_body),
		T(without_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
