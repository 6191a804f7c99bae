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
/* corpus: regress/fuzz/corpus/imsg */

/*
 * The inputs of imsg_fuzz.c, through real sockets: fewer, but with what the
 * kernel makes of them.
 */

#include "compat.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "imsg.h"
#include "imsg_drain.h"

static void
piece_send(int fd, const uint8_t *data, size_t len, size_t nfds)
{
	union {
		struct cmsghdr	 align;
		char		 buf[CMSG_SPACE(sizeof(int) * 3)];
	}		 control;
	struct msghdr	 mh;
	struct iovec	 iov;
	struct cmsghdr	*cm;
	uint8_t		 copy[64];
	size_t		 i;
	int		 pass = STDERR_FILENO;

	memset(&mh, 0, sizeof(mh));
	memset(&control, 0, sizeof(control));
	memcpy(copy, data, len);
	iov.iov_base = copy;
	iov.iov_len = len;
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
			memcpy(CMSG_DATA(cm) + i * sizeof(pass), &pass,
			    sizeof(pass));
	}
	(void)sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imsgbuf	 b;
	size_t		 len;
	int		 sv[2], first, fdpass, lazy;

	if (size < 1)
		return (0);
	fdpass = data[0] & 1;
	lazy = data[0] & 2;
	data++, size--;
	must((first = dup(STDERR_FILENO)) != -1);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == 0);
	must(imsgbuf_init(&b, sv[1]) == 0);
	if (fdpass)
		imsgbuf_allow_fdpass(&b);
	while (size > 1) {
		len = data[0] & 0x3f;
		if (len > size - 1)
			len = size - 1;
		if (len > 0)
			piece_send(sv[0], data + 1, len, data[0] >> 6);
		data += 1 + len;
		size -= 1 + len;
		if (imsgbuf_read(&b) == -1 || (!lazy && imsg_drain(&b) == -1))
			break;
	}
	close(sv[0]);
	while (imsgbuf_read(&b) == 1 && imsg_drain(&b) == 0)
		;
	imsgbuf_clear(&b);
	close(sv[1]);
	close(first);
	/* Nothing may be left open: the lowest free one is free again. */
	must(dup(STDERR_FILENO) == first && dup(STDERR_FILENO) == first + 1);
	close(first);
	close(first + 1);
	return (0);
}
