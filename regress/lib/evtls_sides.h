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

#ifndef EVTLS_SIDES_H
#define EVTLS_SIDES_H

#include <stddef.h>
#include <stdint.h>

#include "evtls.h"
#include "tls_util.h"

/*
 * For tests of evtls: a client and a server connection in one event base,
 * over a socket pair or loopback TCP.  Each side sends a known sequence of
 * bytes in chunks of random size and checks the other's.
 */

#define DAY	86400L

enum where {
	NOWHERE, IN_READY, IN_INPUT, IN_OUTPUT, BEHIND_OUTPUT, IN_CLOSED
};

struct side {
	struct evtls	*c;
	struct event	*timer;
	/* what to do */
	size_t		 send;		/* bytes to send in all */
	size_t		 chunk;		/* at a time at most; 0: one byte */
	int		 nibble;	/* take random parts of the input */
	int		 pauses;	/* pause now and then */
	int		 hold;		/* pause at the first input */
	int		 close_after;	/* close when all is sent */
	size_t		 keep;		/* leave this much until more came */
	enum where	 free_in;
	/* what was */
	int		 ready, closed, inputs;
	size_t		 sent, got;
	size_t		 most;		/* evtls_buffered at its highest */
	int		 wrong;
	enum evtls_why	 why;
	char		 text[200];
};

extern struct event_base	*sides_base;
extern struct side		 cl, sv;
extern struct tls_util_cert	*ca, *ec, *ec384, *rsa, *expired, *future;
extern struct tls_util_cert	*other_ca, *ip;

/* What a side does by itself, for ops that differ in part. */
extern const struct evtls_ops	 side_ops;
void	 side_ready(struct evtls *, void *);
size_t	 side_output(struct evtls *, void *, uint8_t *, size_t);
void	 side_closed(struct evtls *, void *, enum evtls_why, const char *);
/* Of the sequence: the one that is sent so far from its beginning. */
uint8_t	 side_byte(size_t);
/* See how much it buffers. */
void	 side_note(struct side *);
void	 side_free(struct side *);
/* Free it if it is to be freed here: whether it was. */
int	 side_free_in(struct side *, enum where);

/* Of all cases, and of each one. */
int	 sides_begin(void **);
int	 sides_end(void **);
int	 sides_setup(void **);
int	 sides_teardown(void **);
#define SIDES_CASE(f) \
	cmocka_unit_test_setup_teardown(f, sides_setup, sides_teardown)
/* Once more within one case. */
void	 sides_again(void **);

/* Until something happens; and some ms in which nothing must. */
void	 sides_pass(void);
void	 sides_idle(long);
void	 sides_until_ready(void);
void	 sides_until_closed(struct side *);

/* Sockets that don't block: a pair, and one over TCP. */
void	 sides_pair(int [2]);
void	 sides_tcp(int [2]);
/* With up to three certificates; which it trusts, or NULL, and a pin. */
struct evtls_server *sides_server(struct tls_util_cert *,
	    struct tls_util_cert *, struct tls_util_cert *);
struct evtls_client *sides_client(const struct tls_util_cert *,
	    const uint8_t *);
/*
 * sides_connect: connect the sides for this host, over TCP or not; their
 * server and client (NULL: plain) are let go at once.  sides_standard: the
 * usual ones for a certificate.  sides_refused: the handshake must fail, for
 * the client with this text.
 */
void	 sides_connect(struct evtls_server *, struct evtls_client *,
	    const char *, int);
void	 sides_standard(struct tls_util_cert *, int);
void	 sides_refused(struct evtls_server *, struct evtls_client *,
	    const char *, const char *);

#endif /* EVTLS_SIDES_H */
