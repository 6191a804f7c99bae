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
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg_pair.h"

struct imsgbuf	 left, right;
int		 sv[2];

int
pair_setup(void **state)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1 || imsgbuf_init(&left, sv[0]) == -1 ||
	    imsgbuf_init(&right, sv[1]) == -1)
		return (-1);
	imsgbuf_allow_fdpass(&left);
	imsgbuf_allow_fdpass(&right);
	return (0);
}

int
pair_teardown(void **state)
{
	imsgbuf_clear(&left);
	imsgbuf_clear(&right);
	if (sv[0] != -1)
		close(sv[0]);
	close(sv[1]);
	return (0);
}

/* How many descriptors this process has. */
int
fdcount(void)
{
	int	 fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			n++;
	return (n);
}

/* A descriptor that can be told from others: a file of that size. */
int
mkfd(off_t id)
{
	char	 path[] = "/tmp/imsg_test.XXXXXXXXXX";
	int	 fd;

	assert_int_not_equal(fd = mkstemp(path), -1);
	unlink(path);
	assert_int_equal(ftruncate(fd, id), 0);
	return (fd);
}

off_t
fdid(int fd)
{
	struct stat	 st;

	assert_int_equal(fstat(fd, &st), 0);
	return (st.st_size);
}

/* Send raw bytes to the right, with nfds copies of fd. */
void
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

void
raw_hdr(uint32_t type, uint32_t len, int fd, size_t nfds)
{
	struct imsg_hdr	 hdr = { .type = type, .len = len };

	raw(&hdr, sizeof(hdr), fd, nfds);
}

void
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

void
expect_none(void)
{
	struct imsg	 imsg;

	assert_int_equal(imsgbuf_get(&right, &imsg), 0);
	imsg_free(&imsg);
}

void
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
