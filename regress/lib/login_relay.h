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

#ifndef LOGIN_RELAY_H
#define LOGIN_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "evtls.h"
#include "link_client.h"
#include "token.h"

/*
 * For tests of logging in: one link_client, over a socket pair to a relay
 * that is the test.
 */

#define NONCE		"bm9uY2Utb2YtdGhlLXJlbGF5"
#define CHALLENGE	"HTTP/1.1 401 Unauthorized\r\n" \
			"WWW-Authenticate: Bearer\r\n" \
			"WWW-Authenticate: Culvert nonce=\"" NONCE "\"\r\n" \
			"Content-Length: 25\r\n\r\n" \
			"{\"error\":\"please log in\"}"
/* ACCEPT stands for what answers the key. */
#define WELCOME		"HTTP/1.1 101 Switching Protocols\r\n" \
			"Upgrade: websocket\r\nConnection: Upgrade\r\n" \
			"Sec-WebSocket-Accept: ACCEPT\r\n" \
			"Sec-WebSocket-Protocol: culvert.1\r\n\r\n"

enum signing { SIGN_AT_ONCE, SIGN_LATER, SIGN_NOT, SIGN_FREE };

struct login_try {
	struct event_base	*base;
	struct link_client	*lc;
	struct link		*link;
	struct token		 token;
	enum signing		 signing;
	int			 fd;		/* the relay's end */
	char			 in[8192];
	size_t			 inlen;
	char			 first[4096];	/* request, kept */
	/* results */
	int			 signs, done, fails, up, down;
	enum link_fail		 fail;
	int			 retry;
	char			 text[512];
	uint8_t			 sig[TOKEN_SIG_LEN];
	struct token_challenge	 challenge;
};

extern struct login_try	 t;

/* Begin as the node porch, with 5 s; in the second there may be no memory for
   it; as somebody else, in so many ms. */
void	 begin(void);
void	 begin_or_not(void);
void	 begin_tls(const char *path, const char *node, struct evtls_client *,
	    unsigned int);
/* End all of it: its memory is free. */
void	 end(void);

/* Turns of the event loop; until *what is not 0, or 2 s are over. */
void	 passes(int);
void	 wait_for(const int *what);

/* The next request's head, in t.in; the second: empty if there is none. */
void	 request(void);
void	 request_or_not(void);
/* The value of one of its fields. */
void	 field(const char *name, char *, size_t);
/* Send an answer, with ACCEPT filled in, in pieces of so many bytes. */
void	 answer(const char *, size_t, size_t piece);
void	 say(const char *);
/* The relay's first frame, as it comes right behind the 101; its length. */
size_t	 hello_frame(uint8_t *);

#endif /* LOGIN_RELAY_H */
