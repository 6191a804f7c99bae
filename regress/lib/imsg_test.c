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

/* link: imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c */

#include "compat.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg.h"

#define FD_MARK		0x80000000U

static struct imsgbuf	 left, right;
static int		 sv[2];

static int
setup(void **state)
{
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
	if (sv[0] != -1)
		close(sv[0]);
	close(sv[1]);
	return (0);
}

/* How many descriptors this process has. */
static int
fdcount(void)
{
	int	 fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return (n);
}

/* A descriptor that can be told from others: a file of that size. */
static int
mkfd(off_t id)
{
	char	 path[] = "/tmp/imsg_test.XXXXXXXXXX";
	int	 fd;

	assert_int_not_equal(fd = mkstemp(path), -1);
	unlink(path);
	assert_int_equal(ftruncate(fd, id), 0);
	return (fd);
}

static off_t
fdid(int fd)
{
	struct stat	 st;

	assert_int_equal(fstat(fd, &st), 0);
	return (st.st_size);
}

/* Send raw bytes to the right, with nfds copies of fd. */
static void
raw(const void *buf, size_t len, int fd, size_t nfds)
{
	union {
		struct cmsghdr	 align;
		char		 buf[CMSG_SPACE(sizeof(int) * 8)];
	}		 control;
	struct iovec	 iov;
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	size_t		 i;

	memset(&mh, 0, sizeof(mh));
	memset(&control, 0, sizeof(control));
	iov = (struct iovec){ NULL, len };
	memcpy(&iov.iov_base, &buf, sizeof(buf));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (nfds > 0) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		for (i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(cm) + i * sizeof(int), &fd,
			    sizeof(fd));
	}
	assert_int_equal(sendmsg(sv[0], &mh, 0), len);
}

static void
raw_hdr(uint32_t type, uint32_t len, int fd, size_t nfds)
{
	struct imsg_hdr	 hdr = { .type = type, .len = len };

	raw(&hdr, sizeof(hdr), fd, nfds);
}

static void
expect(uint32_t type, const void *data, size_t len)
{
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	assert_int_equal(imsg_get_len(&imsg), len);
	if (len > 0)
		assert_memory_equal(ibuf_data(&imsg.body), data, len);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
}

static void
expect_none(void)
{
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_get(&right, &imsg), 0);
	imsg_free(&imsg);
}

static void
expect_fail(int error)
{
	struct imsg	 imsg;

	errno = 0;
	assert_int_equal(imsgbuf_get(&right, &imsg), -1);
	assert_int_equal(errno, error);
	imsg_free(&imsg);
	/* And it stays so. */
	errno = 0;
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, error);
	assert_int_equal(imsg_get(&right, &imsg), -1);
}

static void
round_trip(void **state)
{
	struct imsg	 imsg;
	char		 data[6];

	assert_int_equal(imsg_compose(&left, 7, 8, 9, -1, "hello", 6), 1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);

	assert_int_equal(imsg_get(&right, &imsg), IMSG_HEADER_SIZE + 6);
	assert_int_equal(imsg_get_type(&imsg), 7);
	assert_int_equal(imsg_get_id(&imsg), 8);
	assert_int_equal(imsg_get_pid(&imsg), 9);
	assert_int_equal(imsg_get_data(&imsg, data, 5), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(imsg_get_data(&imsg, data, 7), -1);
	assert_int_equal(imsg_get_data(&imsg, data, 0), -1);
	assert_int_equal(imsg_get_data(&imsg, data, 6), 0);
	assert_string_equal(data, "hello");
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);

	assert_int_equal(imsg_get(&right, &imsg), IMSG_HEADER_SIZE);
	assert_int_equal(imsg_get_pid(&imsg), getpid());
	assert_int_equal(imsg_get_len(&imsg), 0);
	assert_int_equal(imsg_get_ibuf(&imsg, &(struct ibuf){ 0 }), -1);
	assert_int_equal(errno, EBADMSG);
	imsg_free(&imsg);
	assert_int_equal(imsg_get(&right, &imsg), 0);
}

static void
every_way_to_compose(void **state)
{
	struct iovec	 iov[2];
	struct imsg	 imsg;
	struct ibuf	*b;
	char		 ab[] = "ab", cd[] = "cd";

	iov[0] = (struct iovec){ ab, 2 };
	iov[1] = (struct iovec){ cd, 2 };
	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), 1);

	assert_non_null(b = ibuf_dynamic(0, 100));
	assert_int_equal(ibuf_add(b, "efg", 3), 0);
	assert_int_equal(imsg_compose_ibuf(&left, 2, 0, 0, b), 1);

	assert_non_null(b = imsg_create(&left, 3, 0, 0, 2));
	assert_int_equal(imsg_add(b, "hi", 2), 2);
	assert_int_equal(imsg_add(b, "jklm", 4), 4);
	imsg_close(&left, b);

	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, "abcd", 4);
	expect(2, "efg", 3);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(imsg_forward(&right, &imsg), 1);
	imsg_free(&imsg);
	expect_none();

	assert_int_equal(imsgbuf_flush(&right), 0);
	assert_int_equal(imsgbuf_read(&left), 1);
	assert_int_equal(imsgbuf_get(&left, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 3);
	assert_memory_equal(ibuf_data(&imsg.body), "hijklm", 6);
}

static void
many_messages_in_order(void **state)
{
	struct imsg	 imsg;
	char		 body[300];
	uint32_t	 i, seen = 0;

	memset(body, 'x', sizeof(body));
	for (i = 0; i < 5000; i++)
		assert_int_equal(imsg_compose(&left, i, i, 0, -1, body,
		    i % sizeof(body)), 1);
	while (seen < 5000) {
		assert_int_equal(imsgbuf_write(&left), 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), seen);
			assert_int_equal(imsg_get_len(&imsg),
			    seen % sizeof(body));
			imsg_free(&imsg);
			seen++;
		}
	}
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
}

static void
descriptors_pair_in_a_batch(void **state)
{
	struct imsg	 imsg;
	int		 before = fdcount(), fd, i, n = 0;

	for (i = 0; i < 40; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0,
		    i % 3 == 1 ? mkfd(i) : -1, &i, sizeof(i)), 1);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(fdcount(), before);
	while (n < 40) {
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), n);
			if (n % 3 != 1)
				assert_int_equal(imsg_get_fd(&imsg), -1);
			else if (n % 2) {
				fd = imsg_get_fd(&imsg);
				assert_int_equal(fdid(fd), n);
				assert_int_equal(fcntl(fd, F_GETFD),
				    FD_CLOEXEC);
				assert_int_equal(imsg_get_fd(&imsg), -1);
				close(fd);
			}
			imsg_free(&imsg);	/* closes the rest */
			n++;
		}
	}
	assert_int_equal(fdcount(), before);
}

/* Reading on without taking messages out stops; it loses nothing. */
static void
descriptors_wait_for_their_messages(void **state)
{
	struct imsg	 imsg;
	int		 before = fdcount(), i, n = 0;

	for (i = 0; i < 40; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0, mkfd(i), NULL,
		    0), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	while (n < 40) {
		for (i = 0; i < 50; i++)
			assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1) {
			assert_int_equal(fdid(imsg.fd), n);
			imsg_free(&imsg);
			n++;
		}
	}
	assert_int_equal(fdcount(), before);
}

static void
split_at_every_byte(void **state)
{
	unsigned char	 wire[2 * IMSG_HEADER_SIZE + 10];
	struct imsg_hdr	 hdr = { .type = 5, .len = sizeof(hdr) + 10 };
	struct imsg	 imsg;
	size_t		 cut, i;
	int		 fd, before = fdcount();

	memcpy(wire, &hdr, sizeof(hdr));
	memcpy(wire + sizeof(hdr), "0123456789", 10);
	hdr.len = sizeof(hdr) | FD_MARK;
	memcpy(wire + sizeof(hdr) + 10, &hdr, sizeof(hdr));

	/* Two pieces; the second message has a descriptor. */
	for (cut = 1; cut < sizeof(hdr) + 10; cut++) {
		raw(wire, cut, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		expect_none();
		raw(wire + cut, sizeof(hdr) + 10 - cut, -1, 0);
		fd = mkfd(cut);
		raw(wire + sizeof(hdr) + 10, cut < sizeof(hdr) ? cut : 1,
		    fd, 1);
		close(fd);
		assert_int_equal(imsgbuf_read(&right), 1);
		expect(5, "0123456789", 10);
		expect_none();
		i = cut < sizeof(hdr) ? cut : 1;
		raw(wire + sizeof(hdr) + 10 + i, sizeof(hdr) - i, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
		assert_int_equal(imsgbuf_get(&right, &imsg), 1);
		assert_int_equal(fdid(imsg.fd), cut);
		imsg_free(&imsg);
	}
	/* Byte by byte. */
	for (i = 0; i < sizeof(hdr) + 10; i++) {
		expect_none();
		raw(wire + i, 1, -1, 0);
		assert_int_equal(imsgbuf_read(&right), 1);
	}
	expect(5, "0123456789", 10);
	assert_int_equal(fdcount(), before);
}

static void
oversize_is_refused(void **state)
{
	char		 body[MAX_IMSGSIZE] = { 0 };
	struct iovec	 iov[2];
	size_t		 max = MAX_IMSGSIZE - IMSG_HEADER_SIZE;
	int		 fd = mkfd(1);

	assert_int_equal(imsg_compose(&left, 1, 0, 0, fd, body, max + 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(fdid(fd), 1);		/* still ours */
	close(fd);
	iov[0] = (struct iovec){ body, max };
	iov[1] = (struct iovec){ body, 1 };
	assert_int_equal(imsg_composev(&left, 1, 0, 0, -1, iov, 2), -1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, body, max), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, body, max);

	raw_hdr(1, MAX_IMSGSIZE + 1, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(ERANGE);
}

static void
maximum_can_be_set(void **state)
{
	static char	 body[IMSG_READ_SIZE];
	size_t		 max = IMSG_READ_SIZE - IMSG_HEADER_SIZE;
	size_t		 i;
	int		 n;
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_set_maxsize(&left, max + 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(imsgbuf_set_maxsize(&left, UINT32_MAX), -1);
	assert_int_equal(imsgbuf_set_maxsize(&left, max), 0);
	assert_int_equal(imsgbuf_set_maxsize(&right, max), 0);
	for (i = 0; i < sizeof(body); i++)
		body[i] = i;
	for (i = 0; i < 3; i++)
		assert_int_equal(imsg_compose(&left, i, 0, 0, -1, body, max),
		    1);
	for (i = 0; i < 3; i++) {
		while ((n = imsgbuf_get(&right, &imsg)) == 0) {
			assert_int_equal(imsgbuf_write(&left), 0);
			assert_int_equal(imsgbuf_read(&right), 1);
		}
		assert_int_equal(n, 1);
		assert_memory_equal(ibuf_data(&imsg.body), body, max);
	}

	assert_int_equal(imsgbuf_set_maxsize(&right, 4), 0);
	assert_int_equal(imsg_compose(&right, 1, 0, 0, -1, body, 5), -1);
	assert_int_equal(imsg_compose(&left, 1, 0, 0, -1, body, 5), 1);
	assert_int_equal(imsgbuf_flush(&left), 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(ERANGE);
}

static void
undersize_is_refused(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE - 1, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
length_zero_is_refused(void **state)
{
	raw_hdr(1, 0, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
descriptor_missing_is_refused(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

/* It has to come with the first byte, not later. */
static void
descriptor_late_is_refused(void **state)
{
	raw_hdr(1, (IMSG_HEADER_SIZE + 2) | FD_MARK, -1, 0);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
}

static void
descriptor_unannounced_is_refused(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE, 2, 1);
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, NULL, 0);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptor_unannounced_midway_is_refused(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE + 5, -1, 0);
	raw("x", 1, 2, 1);
	assert_int_equal(imsgbuf_read(&right), 1);
	if (right.nrfd == 0)
		assert_int_equal(imsgbuf_read(&right), 1);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
surplus_descriptors_are_closed(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 2);
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, EBADMSG);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
truncated_descriptors_are_closed(void **state)
{
	int	 before = fdcount();

	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 8);
	assert_int_equal(imsgbuf_read(&right), -1);
	assert_int_equal(errno, EBADMSG);
	expect_fail(EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptors_trickled_are_refused(void **state)
{
	int	 before = fdcount(), i, error = 0;
	struct imsg	 imsg;

	for (i = 0; i < 15 && !error; i++) {
		raw("", 1, 2, 1);
		if (imsgbuf_read(&right) == -1 ||
		    imsgbuf_get(&right, &imsg) == -1)
			error = errno;
	}
	assert_int_equal(i, 2);
	assert_int_equal(error, EBADMSG);
	assert_int_equal(fdcount(), before);
}

static void
descriptors_not_allowed_are_refused(void **state)
{
	struct imsgbuf	 plain;
	int		 before = fdcount();

	assert_int_equal(imsgbuf_init(&plain, sv[1]), 0);
	raw_hdr(1, IMSG_HEADER_SIZE | FD_MARK, 2, 1);
	assert_int_equal(imsgbuf_read(&plain), -1);
	assert_int_equal(errno, EBADMSG);
	imsgbuf_clear(&plain);
	imsgbuf_clear(&plain);
	assert_int_equal(imsgbuf_read(&plain), -1);
	assert_int_equal(fdcount(), before);
}

static void
clear_closes_what_waits(void **state)
{
	int	 before = fdcount(), i;

	for (i = 0; i < 5; i++)
		imsg_compose(&left, 1, 0, 0, mkfd(i), NULL, 0);
	assert_int_equal(imsgbuf_flush(&left), 0);
	for (i = 0; i < 5; i++)
		imsg_compose(&left, 1, 0, 0, mkfd(i), NULL, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(right.nrfd, 3);
	assert_int_equal(imsgbuf_queuelen(&left), 5);
	imsgbuf_clear(&left);
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
	imsgbuf_clear(&right);
	assert_int_equal(fdcount(), before - 2);	/* the spare ones */
}

static void
eof_in_a_message(void **state)
{
	raw_hdr(1, IMSG_HEADER_SIZE, -1, 0);
	raw_hdr(2, IMSG_HEADER_SIZE + 1, -1, 0);
	imsgbuf_clear(&left);
	close(sv[0]);
	sv[0] = -1;
	assert_int_equal(imsgbuf_read(&right), 1);
	expect(1, NULL, 0);
	expect_none();
	assert_int_equal(imsgbuf_read(&right), 0);
	expect_none();
}

static void
peer_gone_with_our_words_unread(void **state)
{
	imsg_compose(&right, 1, 0, 0, -1, NULL, 0);
	assert_int_equal(imsgbuf_flush(&right), 0);
	imsgbuf_clear(&left);
	close(sv[0]);
	sv[0] = -1;
	assert_int_equal(imsgbuf_read(&right), 0);
	imsg_compose(&right, 1, 0, 0, -1, NULL, 0);
	assert_int_equal(imsgbuf_write(&right), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(imsgbuf_flush(&right), -1);
}

static void
nothing_to_read_is_no_error(void **state)
{
	assert_int_equal(imsgbuf_read(&right), 1);
	expect_none();
	assert_int_equal(imsgbuf_write(&right), 0);
	assert_int_equal(imsgbuf_flush(&right), 0);
}

static void
full_socket_keeps_the_rest(void **state)
{
	char		 body[1000] = { 0 };
	struct imsg	 imsg;
	uint32_t	 queued, n = 0;
	size_t		 len = IMSG_HEADER_SIZE + sizeof(body);
	int		 i;

	for (i = 0; i < 2000; i++)
		imsg_compose(&left, i, 0, 0, -1, body, sizeof(body));
	assert_int_equal(imsgbuf_queuelen(&left), 2000);
	assert_int_equal(imsgbuf_queued_bytes(&left), 2000 * len);
	assert_int_equal(imsgbuf_write(&left), 0);
	queued = imsgbuf_queuelen(&left);
	assert_true(queued > 0 && queued < 2000);
	assert_true(imsgbuf_queued_bytes(&left) <= queued * len);
	assert_true(imsgbuf_queued_bytes(&left) > (queued - 1) * len);
	assert_int_equal(imsgbuf_write(&left), 0);
	assert_int_equal(imsgbuf_queuelen(&left), queued);
	while (n < 2000) {
		assert_int_equal(imsgbuf_read(&right), 1);
		while (imsgbuf_get(&right, &imsg) == 1)
			assert_int_equal(imsg_get_type(&imsg), n++);
		assert_int_equal(imsgbuf_write(&left), 0);
	}
	assert_int_equal(imsgbuf_queuelen(&left), 0);
	assert_int_equal(imsgbuf_queued_bytes(&left), 0);
}

/* At the limit messages go on and the first descriptor too; then EMFILE. */
static void
descriptor_limit_loses_nothing(void **state)
{
	struct rlimit	 rl, low;
	struct imsg	 imsg;
	int		 fds[256], n = 0, i, fd;

	for (i = 0; i < 3; i++)
		imsg_compose(&left, i, 0, 0, i > 0 ? mkfd(i) : -1, NULL, 0);
	assert_int_equal(imsgbuf_flush(&left), 0);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	low = rl;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while ((fd = dup(2)) != -1)
		fds[n++] = fd;

	assert_int_equal(imsgbuf_read(&right), 1);
	expect(0, NULL, 0);
	if (right.nrfd == 0)
		assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(fdid(imsg.fd), 1);	/* took the spare */
	for (i = 0; i < 3; i++) {
		errno = 0;
		assert_int_equal(imsgbuf_read(&right), -1);
		assert_int_equal(errno, EMFILE);
		expect_none();
	}
	close(fds[--n]);
	assert_int_equal(imsgbuf_read(&right), 1);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_int_equal(fdid(imsg.fd), 2);
	imsg_free(&imsg);
	while (n > 0)
		close(fds[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static void
payload_is_wiped_after_use(void **state)
{
	struct imsg	 imsg;
	unsigned char	*p;

	imsg_compose(&left, 1, 0, 0, -1, "secret", 6);
	imsg_compose(&left, 2, 0, 0, -1, "x", 1);
	imsgbuf_flush(&left);
	assert_int_equal(imsgbuf_read(&right), 1);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	p = ibuf_data(&imsg.body);
	assert_memory_equal(p, "secret", 6);
	assert_int_equal(imsgbuf_get(&right, &imsg), 1);
	assert_memory_equal(p, "\0\0\0\0\0\0", 6);
}

static void
ibuf_numbers(void **state)
{
	struct ibuf	*b;
	uint8_t		 v8;
	uint16_t	 v16;
	uint32_t	 v32;
	uint64_t	 v64;

	assert_non_null(b = ibuf_dynamic(1, 100));
	assert_int_equal(ibuf_add_n8(b, 0x12), 0);
	assert_int_equal(ibuf_add_n16(b, 0x1234), 0);
	assert_int_equal(ibuf_add_n32(b, 0x12345678), 0);
	assert_int_equal(ibuf_add_n64(b, 0x123456789abcdef0ULL), 0);
	assert_memory_equal(ibuf_data(b), "\x12\x12\x34\x12\x34\x56\x78"
	    "\x12\x34\x56\x78\x9a\xbc\xde\xf0", 15);
	assert_int_equal(ibuf_add_h8(b, 0xff), 0);
	assert_int_equal(ibuf_add_h16(b, 0xfffe), 0);
	assert_int_equal(ibuf_add_h32(b, 0xfffffffd), 0);
	assert_int_equal(ibuf_add_h64(b, UINT64_MAX), 0);
	assert_int_equal(ibuf_size(b), 30);

	assert_int_equal(ibuf_add_n8(b, 0x100), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ibuf_add_n16(b, 0x10000), -1);
	assert_int_equal(ibuf_add_h32(b, 1ULL << 32), -1);
	assert_int_equal(ibuf_set_n16(b, 0, 0x10000), -1);
	assert_int_equal(ibuf_set_n16(b, 29, 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_set_n8(b, 0, 0x77), 0);
	assert_int_equal(ibuf_set_h64(b, 22, 5), 0);

	assert_int_equal(ibuf_get_n8(b, &v8), 0);
	assert_int_equal(v8, 0x77);
	assert_int_equal(ibuf_get_n16(b, &v16), 0);
	assert_int_equal(v16, 0x1234);
	assert_int_equal(ibuf_get_n32(b, &v32), 0);
	assert_int_equal(v32, 0x12345678);
	assert_int_equal(ibuf_get_n64(b, &v64), 0);
	assert_true(v64 == 0x123456789abcdef0ULL);
	assert_int_equal(ibuf_get_h8(b, &v8), 0);
	assert_int_equal(v8, 0xff);
	assert_int_equal(ibuf_get_h16(b, &v16), 0);
	assert_int_equal(v16, 0xfffe);
	assert_int_equal(ibuf_get_h32(b, &v32), 0);
	assert_int_equal(v32, 0xfffffffd);
	assert_int_equal(ibuf_get_h64(b, &v64), 0);
	assert_true(v64 == 5);
	assert_int_equal(ibuf_get_n8(b, &v8), -1);
	assert_int_equal(errno, EBADMSG);
	ibuf_free(b);
}

static void
ibuf_bounds(void **state)
{
	struct ibuf	*b, view, sub;
	char		*s, out[4];

	assert_null(ibuf_dynamic(2, 1));
	assert_non_null(b = ibuf_open(0));
	assert_non_null(ibuf_reserve(b, 0));
	assert_int_equal(ibuf_add(b, "x", 1), -1);
	ibuf_free(b);
	ibuf_free(NULL);

	assert_non_null(b = ibuf_open(8));
	assert_int_equal(ibuf_left(b), 8);
	assert_int_equal(ibuf_add(b, "abc", 3), 0);
	assert_int_equal(ibuf_add_zero(b, 5), 0);
	assert_int_equal(ibuf_left(b), 0);
	assert_int_equal(ibuf_add(b, "x", 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_add_zero(b, SIZE_MAX), -1);
	assert_null(ibuf_reserve(b, 1));
	assert_null(ibuf_seek(b, 9, 0));
	assert_null(ibuf_seek(b, 1, SIZE_MAX));
	assert_non_null(ibuf_seek(b, 8, 0));
	assert_int_equal(ibuf_set(b, 3, "de", 2), 0);
	assert_memory_equal(ibuf_data(b), "abcde\0\0\0", 8);
	assert_int_equal(ibuf_skip(b, 9), -1);
	assert_int_equal(ibuf_skip(b, 2), 0);
	assert_int_equal(ibuf_get(b, out, 7), -1);
	assert_null(ibuf_get_string(b, 4));	/* has a NUL */
	assert_null(ibuf_get_string(b, 7));
	assert_non_null(s = ibuf_get_string(b, 3));
	assert_string_equal(s, "cde");
	free(s);
	ibuf_rewind(b);
	assert_int_equal(ibuf_size(b), 8);
	assert_int_equal(ibuf_truncate(b, 4), 0);
	assert_int_equal(ibuf_truncate(b, 6), 0);
	assert_memory_equal(ibuf_data(b), "abcd\0\0", 6);
	assert_int_equal(ibuf_truncate(b, 9), -1);

	ibuf_from_buffer(&view, "0123456789", 10);
	assert_int_equal(ibuf_add(&view, "x", 1), -1);
	assert_int_equal(ibuf_set(&view, 0, "x", 1), -1);
	assert_int_equal(ibuf_get_ibuf(&view, 11, &sub), -1);
	assert_int_equal(ibuf_get_ibuf(&view, 4, &sub), 0);
	assert_int_equal(ibuf_size(&sub), 4);
	assert_int_equal(ibuf_size(&view), 6);
	assert_int_equal(ibuf_truncate(&sub, 3), 0);
	assert_int_equal(ibuf_add(&sub, "x", 1), -1);
	assert_int_equal(ibuf_add_ibuf(b, &sub), -1);
	assert_int_equal(ibuf_truncate(b, 5), 0);
	assert_int_equal(ibuf_add_ibuf(b, &sub), 0);
	assert_memory_equal(ibuf_data(b), "abcd\0" "012", 8);
	ibuf_free(b);
}

static void
ibuf_string_fields(void **state)
{
	struct ibuf	*b;
	char		 s[8];

	assert_non_null(b = ibuf_open(16));
	assert_int_equal(ibuf_add_strbuf(b, "12345678", 8), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(ibuf_add_strbuf(b, "1234567", 8), 0);
	assert_int_equal(ibuf_add(b, "abcdefgh", 8), 0);
	assert_int_equal(ibuf_get_strbuf(b, s, 0), -1);
	assert_int_equal(ibuf_get_strbuf(b, s, 8), 0);
	assert_string_equal(s, "1234567");
	assert_int_equal(ibuf_get_strbuf(b, s, 8), -1);
	assert_int_equal(errno, EOVERFLOW);
	assert_string_equal(s, "abcdefg");
	ibuf_free(b);
}

static void
ibuf_owns_its_descriptor(void **state)
{
	struct ibuf	*b;
	int		 before = fdcount(), fd;

	assert_non_null(b = ibuf_open(1));
	assert_false(ibuf_fd_avail(b));
	ibuf_fd_set(b, mkfd(1));
	ibuf_fd_set(b, mkfd(2));
	assert_true(ibuf_fd_avail(b));
	assert_int_equal(fdid(fd = ibuf_fd_get(b)), 2);
	close(fd);
	assert_int_equal(ibuf_fd_get(b), -1);
	ibuf_fd_set(b, mkfd(3));
	ibuf_free(b);
	assert_int_equal(fdcount(), before);

	/* One that imsg_compose_ibuf() cannot send is closed. */
	assert_non_null(b = ibuf_dynamic(MAX_IMSGSIZE, MAX_IMSGSIZE));
	assert_int_equal(ibuf_add_zero(b, MAX_IMSGSIZE), 0);
	ibuf_fd_set(b, mkfd(4));
	assert_int_equal(imsg_compose_ibuf(&left, 1, 0, 0, b), -1);
	assert_int_equal(fdcount(), before);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(round_trip),
		CASE(every_way_to_compose),
		CASE(many_messages_in_order),
		CASE(descriptors_pair_in_a_batch),
		CASE(descriptors_wait_for_their_messages),
		CASE(split_at_every_byte),
		CASE(oversize_is_refused),
		CASE(maximum_can_be_set),
		CASE(undersize_is_refused),
		CASE(length_zero_is_refused),
		CASE(descriptor_missing_is_refused),
		CASE(descriptor_late_is_refused),
		CASE(descriptor_unannounced_is_refused),
		CASE(descriptor_unannounced_midway_is_refused),
		CASE(surplus_descriptors_are_closed),
		CASE(truncated_descriptors_are_closed),
		CASE(descriptors_trickled_are_refused),
		CASE(descriptors_not_allowed_are_refused),
		CASE(clear_closes_what_waits),
		CASE(eof_in_a_message),
		CASE(peer_gone_with_our_words_unread),
		CASE(nothing_to_read_is_no_error),
		CASE(full_socket_keeps_the_rest),
		CASE(descriptor_limit_loses_nothing),
		CASE(payload_is_wiped_after_use),
		CASE(ibuf_numbers),
		CASE(ibuf_bounds),
		CASE(ibuf_string_fields),
		CASE(ibuf_owns_its_descriptor),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
