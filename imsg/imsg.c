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

/* Messages: making them, and looking into them. */

#include "compat.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

int
imsg_compose(struct imsgbuf *b, uint32_t type, uint32_t id, pid_t pid, int fd,
    const void *data, size_t len)
{
	struct iovec	 iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = len;
	return (imsg_composev(b, type, id, pid, fd, &iov, 1));
}

int
imsg_composev(struct imsgbuf *b, uint32_t type, uint32_t id, pid_t pid, int fd,
    const struct iovec *iov, int niov)
{
	struct ibuf	*msg;
	size_t		 len = 0;
	int		 i;

	for (i = 0; i < niov; i++) {
		if (iov[i].iov_len > IMSG_READ_SIZE) {
			errno = ERANGE;
			return (-1);
		}
		len += iov[i].iov_len;
	}
	if ((msg = imsg_create(b, type, id, pid, len)) == NULL)
		return (-1);
	for (i = 0; i < niov; i++)
		if (imsg_add(msg, iov[i].iov_base, iov[i].iov_len) == -1)
			return (-1);
	ibuf_fd_set(msg, fd);
	imsg_close(b, msg);
	return (1);
}

int
imsg_compose_ibuf(struct imsgbuf *b, uint32_t type, uint32_t id, pid_t pid,
    struct ibuf *body)
{
	int	 n;

	n = imsg_compose(b, type, id, pid, body->fd, ibuf_data(body),
	    ibuf_size(body));
	if (n == 1)
		ibuf_fd_get(body);	/* it is the message's now */
	ibuf_free(body);
	return (n);
}

struct ibuf *
imsg_create(struct imsgbuf *b, uint32_t type, uint32_t id, pid_t pid,
    size_t len)
{
	struct imsg_hdr	 hdr;
	struct ibuf	*msg;

	if (len > b->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (NULL);
	}
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.peerid = id;
	hdr.pid = pid == 0 ? b->pid : (uint32_t)pid;
	msg = ibuf_dynamic(len + IMSG_HEADER_SIZE, b->maxsize);
	if (msg == NULL)
		return (NULL);
	ibuf_add(msg, &hdr, sizeof(hdr));	/* there is room */
	return (msg);
}

int
imsg_add(struct ibuf *msg, const void *data, size_t len)
{
	if (ibuf_add(msg, data, len) == -1) {
		ibuf_free(msg);
		return (-1);
	}
	return (len);
}

void
imsg_close(struct imsgbuf *b, struct ibuf *msg)
{
	uint32_t	 len = ibuf_size(msg);

	if (ibuf_fd_avail(msg))
		len |= IMSG_FD_MARK;
	ibuf_set_h32(msg, offsetof(struct imsg_hdr, len), len);
	TAILQ_INSERT_TAIL(&b->wq, msg, entry);
	b->wmsgs++;
	b->wbytes += ibuf_size(msg);
}

int
imsg_forward(struct imsgbuf *b, struct imsg *imsg)
{
	return (imsg_compose(b, imsg->hdr.type, imsg->hdr.peerid,
	    imsg->hdr.pid, -1, ibuf_data(&imsg->body),
	    ibuf_size(&imsg->body)));
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_size(&imsg->body) != len) {
		errno = EBADMSG;
		return (-1);
	}
	memcpy(data, ibuf_data(&imsg->body), len);
	return (0);
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *view)
{
	if (ibuf_size(&imsg->body) == 0) {
		errno = EBADMSG;
		return (-1);
	}
	ibuf_from_buffer(view, ibuf_data(&imsg->body),
	    ibuf_size(&imsg->body));
	return (0);
}

size_t
imsg_get_len(const struct imsg *imsg)
{
	return (ibuf_size(&imsg->body));
}

uint32_t
imsg_get_type(const struct imsg *imsg)
{
	return (imsg->hdr.type);
}

uint32_t
imsg_get_id(const struct imsg *imsg)
{
	return (imsg->hdr.peerid);
}

pid_t
imsg_get_pid(const struct imsg *imsg)
{
	return (imsg->hdr.pid);
}

int
imsg_get_fd(struct imsg *imsg)
{
	int	 fd = imsg->fd;

	imsg->fd = -1;
	return (fd);
}

void
imsg_free(struct imsg *imsg)
{
	int	 save_errno = errno;

	if (imsg->fd != -1)
		close(imsg->fd);
	imsg->fd = -1;
	ibuf_from_buffer(&imsg->body, NULL, 0);
	errno = save_errno;
}
