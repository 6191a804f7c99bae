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

#ifndef WEB_VISITS_H
#define WEB_VISITS_H

#include <stdint.h>

#include "auth_fake.h"

/*
 * For tests of auth: people with a browser, as a listener asks about them.
 * Secrets, here, are numbers: 32 bytes of that value each.
 */

extern struct store_node	 pi, pa;	/* fake_user's */
extern struct store_user	 you;		/* somebody else */
extern char			 web_hash[CTL_HASH_LEN]; /* of "secret": the
						   password of both */

/* For cmocka, as fake_setup, which it calls: with those. */
int		 web_setup(void **);

/* That one of 192.0.2.0/24. */
void		 address(struct sockaddr_storage *, unsigned int);
/* A question of this kind, with its secrets and a host; asked. */
void		 question(struct web_ask *, uint32_t, int secret, int make,
		    int way, const char *host);
void		 deliver(const struct web_ask *, int listener);
/* The one answer has this status, and this in its text. */
const struct web_answer *answer(uint32_t status, const char *part);
/* All of that. */
void		 ask(uint32_t, int secret, int make, int way,
		    const char *host, int listener, uint32_t status,
		    const char *part);
/* Log in with the form, from such an address; for the secret to be made. */
const struct web_answer *log_in(const char *email, const char *password,
		    int make, unsigned int from, uint32_t status);
/* What a log-in at the http door by the secret of a session comes to: 0 with
   the session, or a status. */
uint32_t	 visit(int secret, const char *host, struct session *);

#endif /* WEB_VISITS_H */
