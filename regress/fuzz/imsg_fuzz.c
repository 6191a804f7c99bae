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

/* link: regress/fuzz/imsg_drain.c imsg/imsg.c imsg/imsgbuf.c imsg/ibuf.c */
/* flags: -Wl,--wrap=recvmsg,--wrap=fcntl,--wrap=close */
/* max_len: 300 */

/*
 * A hostile peer: the input is cut into pieces, each sent with 0 to 3
 * descriptors, and read at once or later.  Each piece starts with a byte
 * that says how long it is (6 bits) and how many descriptors it has.
 * Descriptors are numbers here, which are closed once and only once.
 */

#include "compat.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "imsg.h"
#include "imsg_drain.h"

#define FD_FIRST	10000
#define FDS_MAX		256

static const uint8_t	*input;
static size_t		 input_len;
static size_t		 piece;		/* bytes of it that are left */
static int		 fds[FDS_MAX], nfds;	/* whether open; how many */

ssize_t	__wrap_recvmsg(int, struct msghdr *, int);
int	__wrap_fcntl(int, int, ...);
int	__wrap_close(int);
int	__real_close(int);

static int
fd_new(void)
{
	int	 i;

	for (i = 0; i < FDS_MAX && fds[i]; i++)
		;
	must(i < FDS_MAX);
	fds[i] = 1;
	nfds++;
	return (FD_FIRST + i);
}

int
__wrap_close(int fd)
{
	if (fd < FD_FIRST)
		return (__real_close(fd));
	must(fd < FD_FIRST + FDS_MAX && fds[fd - FD_FIRST]);
	fds[fd - FD_FIRST] = 0;
	nfds--;
	return (0);
}

/* Only imsgbuf's own: F_DUPFD_CLOEXEC. */
int
__wrap_fcntl(int fd, int cmd, ...)
{
	must(cmd == F_DUPFD_CLOEXEC);
	return (fd_new());
}

/* As the kernel does: what there is no room for is gone, which it says. */
static void
give_fds(struct msghdr *mh, size_t n)
{
	struct cmsghdr	*cm = CMSG_FIRSTHDR(mh);
	size_t		 i, room = 0;
	int		 fd;

	if (cm != NULL)
		room = (mh->msg_controllen - CMSG_LEN(0)) / sizeof(fd);
	if (n > room)
		mh->msg_flags |= MSG_CTRUNC;
	n = n < room ? n : room;
	mh->msg_controllen = n > 0 ? CMSG_SPACE(n * sizeof(fd)) : 0;
	if (n == 0)
		return;
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(n * sizeof(fd));
	for (i = 0; i < n; i++) {
		fd = fd_new();
		memcpy(CMSG_DATA(cm) + i * sizeof(fd), &fd, sizeof(fd));
	}
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *mh, int flags)
{
	size_t	 n = 0, len;

	mh->msg_flags = 0;
	if (piece == 0) {
		if (input_len <= 1)
			return (0);
		n = *input >> 6;
		piece = *input & 0x3f;
		input++, input_len--;
		if (piece > input_len)
			piece = input_len;
		if (piece == 0) {
			errno = EAGAIN;
			return (-1);
		}
	}
	give_fds(mh, n);
	len = piece < mh->msg_iov->iov_len ? piece : mh->msg_iov->iov_len;
	memcpy(mh->msg_iov->iov_base, input, len);
	input += len;
	input_len -= len;
	piece -= len;
	return ((ssize_t)len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imsgbuf	 b;
	size_t		 before;
	int		 lazy;

	if (size < 1)
		return (0);
	lazy = data[0] & 2;
	input = data + 1;
	input_len = size - 1;
	piece = 0;
	must(imsgbuf_init(&b, -1) == 0);
	if (data[0] & 1)
		imsgbuf_allow_fdpass(&b);
	while (input_len > 1) {
		before = input_len;
		if (imsgbuf_read(&b) == -1)
			break;
		/* Once its room for descriptors is full it reads no more. */
		if ((!lazy || input_len == before) && imsg_drain(&b) == -1)
			break;
	}
	while (imsgbuf_read(&b) == 1 && imsg_drain(&b) == 0)
		;
	imsgbuf_clear(&b);
	must(nfds == 0);
	return (0);
}
