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

#ifndef IMSG_H
#define IMSG_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Messages between processes over a stream socketpair(2), with at most one
 * descriptor each: the interface of imsg_init(3), and the buffers under it.
 *
 * Unless said otherwise a function returns 0, or -1 with errno set, and a
 * failed one has changed nothing.
 *
 * Where this differs from what the manual of OpenBSD says:
 *  - a received message lies in the imsgbuf's own read buffer (no allocation
 *    per message) and dies with the next imsgbuf_get(), imsg_get(),
 *    imsgbuf_read() or imsgbuf_clear() on that imsgbuf;
 *  - imsgbuf_write() never blocks and does not fail for a full socket;
 *  - imsgbuf_flush() gives up on a peer that takes nothing for 10 seconds;
 *  - ibuf_get_string() refuses a NUL inside the string.
 */

/*
 * Buffers.  An ibuf from ibuf_open() or ibuf_dynamic() owns its memory and
 * is the caller's until ibuf_free(), imsg_close() or imsg_compose_ibuf()
 * takes it.  One from ibuf_from_buffer(), ibuf_get_ibuf() or imsg_get_ibuf()
 * is a read-only view on the caller's stack: it is valid as long as the
 * memory it looks at, and must not be freed.
 *
 * Fields are private to imsg/.
 */
struct ibuf {
	TAILQ_ENTRY(ibuf)	 entry;		/* the write queue */
	unsigned char		*buf;
	size_t			 size;		/* bytes allocated */
	size_t			 max;		/* bytes it may grow to */
	size_t			 wpos;		/* end of the data */
	size_t			 rpos;		/* start of what is unread */
	int			 fd;		/* owned; -1 none */
	int			 view;		/* memory is someone else's */
};

/* A buffer of exactly len bytes, or of len that grows to max; or NULL. */
struct ibuf	*ibuf_open(size_t);
struct ibuf	*ibuf_dynamic(size_t, size_t);
/* Wipes the memory, closes a descriptor still inside; takes NULL. */
void		 ibuf_free(struct ibuf *);
/* Make a read-only view of len bytes. */
void		 ibuf_from_buffer(struct ibuf *, const void *, size_t);

/*
 * Append; ERANGE when the buffer would outgrow its maximum, EINVAL when the
 * value does not fit the width.  n: network byte order, h: host's.
 * ibuf_add_strbuf writes the string padded with NULs to exactly len bytes,
 * ENAMETOOLONG if it does not fit with its NUL.
 */
int		 ibuf_add(struct ibuf *, const void *, size_t);
int		 ibuf_add_ibuf(struct ibuf *, const struct ibuf *);
int		 ibuf_add_zero(struct ibuf *, size_t);
int		 ibuf_add_strbuf(struct ibuf *, const char *, size_t);
int		 ibuf_add_n8(struct ibuf *, uint64_t);
int		 ibuf_add_n16(struct ibuf *, uint64_t);
int		 ibuf_add_n32(struct ibuf *, uint64_t);
int		 ibuf_add_n64(struct ibuf *, uint64_t);
int		 ibuf_add_h8(struct ibuf *, uint64_t);
int		 ibuf_add_h16(struct ibuf *, uint64_t);
int		 ibuf_add_h32(struct ibuf *, uint64_t);
int		 ibuf_add_h64(struct ibuf *, uint64_t);
/* Append len zero bytes and return where they are until the next add. */
void		*ibuf_reserve(struct ibuf *, size_t);

/*
 * Look at or overwrite len bytes at an offset from the first unread one;
 * ERANGE beyond the data.
 */
void		*ibuf_seek(struct ibuf *, size_t, size_t);
int		 ibuf_set(struct ibuf *, size_t, const void *, size_t);
int		 ibuf_set_n8(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_n16(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_n32(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_n64(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_h8(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_h16(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_h32(struct ibuf *, size_t, uint64_t);
int		 ibuf_set_h64(struct ibuf *, size_t, uint64_t);

/* The unread data, its size, and how many bytes may still be added. */
void		*ibuf_data(const struct ibuf *);
size_t		 ibuf_size(const struct ibuf *);
size_t		 ibuf_left(const struct ibuf *);
/* Cut, or extend with zeroes, the unread data to len bytes. */
int		 ibuf_truncate(struct ibuf *, size_t);
/* Read again from the start. */
void		 ibuf_rewind(struct ibuf *);

/*
 * Consume from the front; EBADMSG when fewer bytes are left.
 * ibuf_get_ibuf makes a view of the next len bytes.  ibuf_get_string returns
 * the next len bytes as a string to be freed, NULL and EBADMSG if one of
 * them is NUL.  ibuf_get_strbuf reads a field of exactly len bytes written
 * by ibuf_add_strbuf, EOVERFLOW (and cut) if no NUL ends it.
 */
int		 ibuf_get(struct ibuf *, void *, size_t);
int		 ibuf_get_ibuf(struct ibuf *, size_t, struct ibuf *);
int		 ibuf_get_n8(struct ibuf *, uint8_t *);
int		 ibuf_get_n16(struct ibuf *, uint16_t *);
int		 ibuf_get_n32(struct ibuf *, uint32_t *);
int		 ibuf_get_n64(struct ibuf *, uint64_t *);
int		 ibuf_get_h8(struct ibuf *, uint8_t *);
int		 ibuf_get_h16(struct ibuf *, uint16_t *);
int		 ibuf_get_h32(struct ibuf *, uint32_t *);
int		 ibuf_get_h64(struct ibuf *, uint64_t *);
char		*ibuf_get_string(struct ibuf *, size_t);
int		 ibuf_get_strbuf(struct ibuf *, char *, size_t);
int		 ibuf_skip(struct ibuf *, size_t);

/*
 * The descriptor that travels with the buffer: avail says whether there is
 * one, get hands it over (-1 if none), set gives it to the buffer, closing
 * one already there (-1 just closes).
 */
int		 ibuf_fd_avail(const struct ibuf *);
int		 ibuf_fd_get(struct ibuf *);
void		 ibuf_fd_set(struct ibuf *, int);

/*
 * Messages.
 */
#define MAX_IMSGSIZE		16384		/* with the header, default */
#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
#define IMSG_READ_SIZE		65536		/* the read buffer */
#define IMSG_FD_MAX		16		/* received, not yet claimed */
#define IMSG_FD_MARK		0x80000000U	/* in hdr.len on the wire */

/* As on the wire, host byte order: both ends are one machine. */
struct imsg_hdr {
	uint32_t	 type;
	uint32_t	 len;		/* with the header; top bit: an fd */
	uint32_t	 peerid;
	uint32_t	 pid;
};

/*
 * A received message.  The struct is the caller's; the payload belongs to
 * the imsgbuf and is valid until the next imsgbuf_get(), imsg_get(),
 * imsgbuf_read() or imsgbuf_clear() on it, and is wiped then.  It lies at any
 * address: copy it into a struct, never point one at it.  A descriptor belongs
 * to the message until imsg_get_fd() takes it or imsg_free() closes it.  Use
 * the functions below; in hdr.len the descriptor bit is off.
 */
struct imsg {
	struct imsg_hdr	 hdr;
	struct ibuf	 body;
	int		 fd;
};

TAILQ_HEAD(ibufq, ibuf);

/* One end of a channel.  fd may be read by anyone, the rest is private. */
struct imsgbuf {
	int		 fd;			/* the caller's to close */
	uint32_t	 pid;
	uint32_t	 maxsize;		/* with the header */
	int		 fdpass;
	int		 spare;			/* room for one that comes */
	int		 error;			/* errno that ended reading */

	struct ibufq	 wq;			/* owns its messages */
	uint32_t	 wmsgs;
	size_t		 wbytes;

	unsigned char	*rbuf;			/* IMSG_READ_SIZE bytes */
	size_t		 rpos;			/* first byte not handed out */
	size_t		 rend;
	size_t		 rlast;			/* start of what was */
	int		 rfd[IMSG_FD_MAX];	/* in order of arrival */
	size_t		 nrfd;
};

/*
 * Start a channel on a connected stream socket.  The descriptor's mode
 * decides whether imsgbuf_read() blocks.  Allocates the read buffer.
 */
int	 imsgbuf_init(struct imsgbuf *, int);
/*
 * Accept descriptors here.  Until called, one that arrives is an error;
 * sending takes no permission.  Holds a duplicate of fd, and makes a new one
 * after each read (F_DUPFD_CLOEXEC), to have room for what comes.
 */
void	 imsgbuf_allow_fdpass(struct imsgbuf *);
/*
 * The largest payload sent or taken, in bytes without the header; ERANGE
 * when a message of that size would not fit IMSG_READ_SIZE.
 */
int	 imsgbuf_set_maxsize(struct imsgbuf *, uint32_t);
/*
 * Drop what is queued and what was received, with every descriptor in
 * either, and the read buffer.  Call it before you close fd, which it leaves
 * open; may be called twice.
 */
void	 imsgbuf_clear(struct imsgbuf *);

/*
 * One recvmsg(2).  1: go on with imsgbuf_get() until it returns 0 (perhaps
 * nothing was there to read); 0: the peer closed, or died without reading
 * all we sent, and a message it cut short is never seen; -1: errno.
 * EMFILE: this process is at its limit and the last descriptor that came took
 * the spare one; nothing was read, the channel is whole, try again when some
 * are closed (and not at once).  EBADMSG: descriptors that no message may
 * have; they are closed and the channel is finished.
 */
int	 imsgbuf_read(struct imsgbuf *);
/*
 * The next whole message.  1 and 0 for none; -1 with EBADMSG (length below
 * the header's, descriptor missing or not announced) or ERANGE (length over
 * the maximum): the channel is finished.  imsg_get() is the same but returns
 * the length with the header instead of 1.
 */
int	 imsgbuf_get(struct imsgbuf *, struct imsg *);
ssize_t	 imsg_get(struct imsgbuf *, struct imsg *);

/*
 * Send what the socket takes now; never blocks.  0 also when some of it
 * stays queued: see imsgbuf_queuelen() and wait for the socket.
 */
int	 imsgbuf_write(struct imsgbuf *);
/*
 * Send everything, waiting for the peer: for start-up and last words.
 * ETIMEDOUT when the peer takes nothing for 10 seconds.
 */
int	 imsgbuf_flush(struct imsgbuf *);
/* Messages, and bytes with headers, that are still to be sent. */
uint32_t imsgbuf_queuelen(const struct imsgbuf *);
size_t	 imsgbuf_queued_bytes(const struct imsgbuf *);
/* Bytes that were read and not yet handed out. */
size_t	 imsgbuf_unread(const struct imsgbuf *);

/*
 * Queue a message: type, peer id, pid (0: this process), descriptor (or -1),
 * payload.  1, or -1 with ERANGE for too large a payload.  On success the
 * descriptor is taken, and closed once sent; on failure it is still the
 * caller's.
 */
int	 imsg_compose(struct imsgbuf *, uint32_t, uint32_t, pid_t, int,
	    const void *, size_t);
int	 imsg_composev(struct imsgbuf *, uint32_t, uint32_t, pid_t, int,
	    const struct iovec *, int);
/* The same from a buffer, which is taken (and its descriptor) even on -1. */
int	 imsg_compose_ibuf(struct imsgbuf *, uint32_t, uint32_t, pid_t,
	    struct ibuf *);
/*
 * Piecemeal: create (datalen is a hint; NULL on failure), fill with imsg_add
 * or ibuf_add*, queue with imsg_close.  imsg_add returns the length added,
 * or -1 after freeing the message.
 */
struct ibuf *imsg_create(struct imsgbuf *, uint32_t, uint32_t, pid_t, size_t);
int	 imsg_add(struct ibuf *, const void *, size_t);
void	 imsg_close(struct imsgbuf *, struct ibuf *);
/* Queue a copy of a received message, without its descriptor.  1 or -1. */
int	 imsg_forward(struct imsgbuf *, struct imsg *);

/*
 * The payload: copied whole, EBADMSG unless it has exactly len bytes (EINVAL
 * for 0); or as a view to take apart with ibuf_get*, EBADMSG when there is
 * none.
 */
int	 imsg_get_data(struct imsg *, void *, size_t);
int	 imsg_get_ibuf(struct imsg *, struct ibuf *);
/* Its length without the header, and what the peer wrote into the header. */
size_t	 imsg_get_len(const struct imsg *);
uint32_t imsg_get_type(const struct imsg *);
uint32_t imsg_get_id(const struct imsg *);
pid_t	 imsg_get_pid(const struct imsg *);	/* claimed, not proven */
/* The descriptor, now the caller's, or -1. */
int	 imsg_get_fd(struct imsg *);
/* Done with it: closes a descriptor nobody took. */
void	 imsg_free(struct imsg *);

#endif /* IMSG_H */
