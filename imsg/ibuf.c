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
 * Byte buffers: filled at the end, read from the front, and either owning
 * their memory or a view on someone else's.
 */

#include "compat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

static int	ibuf_room(struct ibuf *, size_t);
static int	ibuf_too_wide(uint64_t, size_t);
static void	net_encode(unsigned char *, uint64_t, size_t);
static int	ibuf_add_net(struct ibuf *, uint64_t, size_t);
static int	ibuf_set_net(struct ibuf *, size_t, uint64_t, size_t);
static int	ibuf_get_net(struct ibuf *, uint64_t *, size_t);

struct ibuf *
ibuf_open(size_t len)
{
	return (ibuf_dynamic(len, len));
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf	*b;

	if (max < len) {
		errno = EINVAL;
		return (NULL);
	}
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (NULL);
	/* Never NULL, even for nothing: see ibuf_reserve() and ibuf_seek(). */
	if (len == 0)
		len = 1;
	if ((b->buf = calloc(1, len)) == NULL) {
		free(b);
		return (NULL);
	}
	b->size = len;
	b->max = max;
	b->fd = -1;
	return (b);
}

void
ibuf_free(struct ibuf *b)
{
	int	 save_errno = errno;

	if (b == NULL)
		return;
	if (b->view)
		abort();		/* it lies on someone's stack */
	ibuf_fd_set(b, -1);
	/* Messages carry passwords and tokens. */
	freezero(b->buf, b->size);
	free(b);
	errno = save_errno;
}

void
ibuf_from_buffer(struct ibuf *b, const void *data, size_t len)
{
	union {
		const void	*in;
		void		*out;
	}	 u = { .in = data == NULL ? "" : data };

	/* A view is full from the start, so nothing can be added to it. */
	memset(b, 0, sizeof(*b));
	b->buf = u.out;
	b->size = b->max = b->wpos = len;
	b->fd = -1;
	b->view = 1;
}

/* Make sure that len more bytes can be written. */
static int
ibuf_room(struct ibuf *b, size_t len)
{
	unsigned char	*nbuf;
	size_t		 need, nsize;

	if (len > ibuf_left(b)) {
		errno = ERANGE;
		return (-1);
	}
	need = b->wpos + len;
	if (need <= b->size)
		return (0);

	nsize = b->size < b->max / 2 ? b->size * 2 : b->max;
	if (nsize < need)
		nsize = need;
	/* Not realloc(3), which may leave a copy behind. */
	if ((nbuf = calloc(1, nsize)) == NULL)
		return (-1);
	memcpy(nbuf, b->buf, b->wpos);
	freezero(b->buf, b->size);
	b->buf = nbuf;
	b->size = nsize;
	return (0);
}

int
ibuf_add(struct ibuf *b, const void *data, size_t len)
{
	if (ibuf_room(b, len) == -1)
		return (-1);
	if (len > 0)
		memcpy(b->buf + b->wpos, data, len);
	b->wpos += len;
	return (0);
}

int
ibuf_add_ibuf(struct ibuf *b, const struct ibuf *from)
{
	return (ibuf_add(b, ibuf_data(from), ibuf_size(from)));
}

int
ibuf_add_zero(struct ibuf *b, size_t len)
{
	return (ibuf_reserve(b, len) == NULL ? -1 : 0);
}

void *
ibuf_reserve(struct ibuf *b, size_t len)
{
	unsigned char	*p;

	if (ibuf_room(b, len) == -1)
		return (NULL);
	p = b->buf + b->wpos;
	/* After ibuf_truncate() there may be old bytes here. */
	if (len > 0)
		memset(p, 0, len);
	b->wpos += len;
	return (p);
}

int
ibuf_add_strbuf(struct ibuf *b, const char *s, size_t len)
{
	char	*p;
	size_t	 n;

	if ((n = strlen(s)) >= len) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((p = ibuf_reserve(b, len)) == NULL)
		return (-1);
	memcpy(p, s, n);
	return (0);
}

static int
ibuf_too_wide(uint64_t v, size_t width)
{
	if (width < sizeof(v) && v >> (width * 8) != 0) {
		errno = EINVAL;
		return (1);
	}
	return (0);
}

static void
net_encode(unsigned char *p, uint64_t v, size_t width)
{
	while (width-- > 0) {
		p[width] = v & 0xff;
		v >>= 8;
	}
}

static int
ibuf_add_net(struct ibuf *b, uint64_t v, size_t width)
{
	unsigned char	 tmp[sizeof(v)];

	if (ibuf_too_wide(v, width))
		return (-1);
	net_encode(tmp, v, width);
	return (ibuf_add(b, tmp, width));
}

static int
ibuf_set_net(struct ibuf *b, size_t pos, uint64_t v, size_t width)
{
	unsigned char	 tmp[sizeof(v)];

	if (ibuf_too_wide(v, width))
		return (-1);
	net_encode(tmp, v, width);
	return (ibuf_set(b, pos, tmp, width));
}

static int
ibuf_get_net(struct ibuf *b, uint64_t *v, size_t width)
{
	unsigned char	 tmp[sizeof(*v)];
	size_t		 i;

	if (ibuf_get(b, tmp, width) == -1)
		return (-1);
	*v = 0;
	for (i = 0; i < width; i++)
		*v = *v << 8 | tmp[i];
	return (0);
}

int
ibuf_add_n8(struct ibuf *b, uint64_t v)
{
	return (ibuf_add_net(b, v, sizeof(uint8_t)));
}

int
ibuf_set_n8(struct ibuf *b, size_t pos, uint64_t v)
{
	return (ibuf_set_net(b, pos, v, sizeof(uint8_t)));
}

int
ibuf_get_n8(struct ibuf *b, uint8_t *v)
{
	uint64_t	 tmp;

	if (ibuf_get_net(b, &tmp, sizeof(*v)) == -1)
		return (-1);
	*v = tmp;
	return (0);
}

int
ibuf_add_h8(struct ibuf *b, uint64_t v)
{
	uint8_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_add(b, &h, sizeof(h)));
}

int
ibuf_set_h8(struct ibuf *b, size_t pos, uint64_t v)
{
	uint8_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_set(b, pos, &h, sizeof(h)));
}

int
ibuf_get_h8(struct ibuf *b, uint8_t *v)
{
	return (ibuf_get(b, v, sizeof(*v)));
}

int
ibuf_add_n16(struct ibuf *b, uint64_t v)
{
	return (ibuf_add_net(b, v, sizeof(uint16_t)));
}

int
ibuf_set_n16(struct ibuf *b, size_t pos, uint64_t v)
{
	return (ibuf_set_net(b, pos, v, sizeof(uint16_t)));
}

int
ibuf_get_n16(struct ibuf *b, uint16_t *v)
{
	uint64_t	 tmp;

	if (ibuf_get_net(b, &tmp, sizeof(*v)) == -1)
		return (-1);
	*v = tmp;
	return (0);
}

int
ibuf_add_h16(struct ibuf *b, uint64_t v)
{
	uint16_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_add(b, &h, sizeof(h)));
}

int
ibuf_set_h16(struct ibuf *b, size_t pos, uint64_t v)
{
	uint16_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_set(b, pos, &h, sizeof(h)));
}

int
ibuf_get_h16(struct ibuf *b, uint16_t *v)
{
	return (ibuf_get(b, v, sizeof(*v)));
}

int
ibuf_add_n32(struct ibuf *b, uint64_t v)
{
	return (ibuf_add_net(b, v, sizeof(uint32_t)));
}

int
ibuf_set_n32(struct ibuf *b, size_t pos, uint64_t v)
{
	return (ibuf_set_net(b, pos, v, sizeof(uint32_t)));
}

int
ibuf_get_n32(struct ibuf *b, uint32_t *v)
{
	uint64_t	 tmp;

	if (ibuf_get_net(b, &tmp, sizeof(*v)) == -1)
		return (-1);
	*v = tmp;
	return (0);
}

int
ibuf_add_h32(struct ibuf *b, uint64_t v)
{
	uint32_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_add(b, &h, sizeof(h)));
}

int
ibuf_set_h32(struct ibuf *b, size_t pos, uint64_t v)
{
	uint32_t	 h = v;

	if (ibuf_too_wide(v, sizeof(h)))
		return (-1);
	return (ibuf_set(b, pos, &h, sizeof(h)));
}

int
ibuf_get_h32(struct ibuf *b, uint32_t *v)
{
	return (ibuf_get(b, v, sizeof(*v)));
}

int
ibuf_add_n64(struct ibuf *b, uint64_t v)
{
	return (ibuf_add_net(b, v, sizeof(uint64_t)));
}

int
ibuf_set_n64(struct ibuf *b, size_t pos, uint64_t v)
{
	return (ibuf_set_net(b, pos, v, sizeof(uint64_t)));
}

int
ibuf_get_n64(struct ibuf *b, uint64_t *v)
{
	uint64_t	 tmp;

	if (ibuf_get_net(b, &tmp, sizeof(*v)) == -1)
		return (-1);
	*v = tmp;
	return (0);
}

int
ibuf_add_h64(struct ibuf *b, uint64_t v)
{
	return (ibuf_add(b, &v, sizeof(v)));
}

int
ibuf_set_h64(struct ibuf *b, size_t pos, uint64_t v)
{
	return (ibuf_set(b, pos, &v, sizeof(v)));
}

int
ibuf_get_h64(struct ibuf *b, uint64_t *v)
{
	return (ibuf_get(b, v, sizeof(*v)));
}

void *
ibuf_seek(struct ibuf *b, size_t pos, size_t len)
{
	size_t	 have = ibuf_size(b);

	if (pos > have || len > have - pos) {
		errno = ERANGE;
		return (NULL);
	}
	return (b->buf + b->rpos + pos);
}

int
ibuf_set(struct ibuf *b, size_t pos, const void *data, size_t len)
{
	unsigned char	*p;

	if (b->view) {
		errno = EINVAL;
		return (-1);
	}
	if ((p = ibuf_seek(b, pos, len)) == NULL)
		return (-1);
	if (len > 0)
		memcpy(p, data, len);
	return (0);
}

void *
ibuf_data(const struct ibuf *b)
{
	return (b->buf + b->rpos);
}

size_t
ibuf_size(const struct ibuf *b)
{
	return (b->wpos - b->rpos);
}

size_t
ibuf_left(const struct ibuf *b)
{
	return (b->max - b->wpos);
}

int
ibuf_truncate(struct ibuf *b, size_t len)
{
	if (len > ibuf_size(b))
		return (ibuf_add_zero(b, len - ibuf_size(b)));
	b->wpos = b->rpos + len;
	if (b->view)
		b->max = b->wpos;	/* still full */
	return (0);
}

void
ibuf_rewind(struct ibuf *b)
{
	b->rpos = 0;
}

int
ibuf_get(struct ibuf *b, void *data, size_t len)
{
	if (ibuf_size(b) < len) {
		errno = EBADMSG;
		return (-1);
	}
	if (len > 0)
		memcpy(data, ibuf_data(b), len);
	b->rpos += len;
	return (0);
}

int
ibuf_get_ibuf(struct ibuf *b, size_t len, struct ibuf *sub)
{
	if (ibuf_size(b) < len) {
		errno = EBADMSG;
		return (-1);
	}
	ibuf_from_buffer(sub, ibuf_data(b), len);
	b->rpos += len;
	return (0);
}

char *
ibuf_get_string(struct ibuf *b, size_t len)
{
	char	*s;

	if (ibuf_size(b) < len ||
	    (len > 0 && memchr(ibuf_data(b), '\0', len) != NULL)) {
		errno = EBADMSG;
		return (NULL);
	}
	if ((s = malloc(len + 1)) == NULL)
		return (NULL);
	ibuf_get(b, s, len);
	s[len] = '\0';
	return (s);
}

int
ibuf_get_strbuf(struct ibuf *b, char *s, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_get(b, s, len) == -1)
		return (-1);
	if (s[len - 1] != '\0') {
		s[len - 1] = '\0';
		errno = EOVERFLOW;
		return (-1);
	}
	return (0);
}

int
ibuf_skip(struct ibuf *b, size_t len)
{
	if (ibuf_size(b) < len) {
		errno = EBADMSG;
		return (-1);
	}
	b->rpos += len;
	return (0);
}

int
ibuf_fd_avail(const struct ibuf *b)
{
	return (b->fd != -1);
}

int
ibuf_fd_get(struct ibuf *b)
{
	int	 fd = b->fd;

	b->fd = -1;
	return (fd);
}

void
ibuf_fd_set(struct ibuf *b, int fd)
{
	if (b->fd != -1)
		close(b->fd);
	b->fd = fd;
}
