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


#ifndef AUTH_FAKE_H
#define AUTH_FAKE_H

#include <stddef.h>
#include <stdint.h>

#include "auth.h"

/*
 * What stands in for auth.c and proc.c in the tests of auth's handlers:
 * clocks that the test sets, peers that keep what they are sent, and a store
 * in a folder of its own with one user and token.
 */

#define FAKE_SENT_MAX	4096

struct fake_sent {
	int		 kind;
	int		 instance;
	uint32_t	 type;
	uint32_t	 id;
	size_t		 len;
	uint8_t		*data;
	int		 fd;		/* -1: none; closed by fake_forget */
};

extern struct fake_sent	 fake_sent[FAKE_SENT_MAX];
extern size_t		 fake_nsent;
extern int64_t		 fake_wall;		/* s */
extern int64_t		 fake_wall_ms;		/* on top of it */
extern uint64_t		 fake_mono;		/* ms */
extern int		 fake_router_up;
extern size_t		 fake_queued;		/* bytes, to router */
extern int		 fake_send_fails;
extern int		 fake_soon;		/* was asked for */
extern int		 fake_trouble;		/* times */

extern struct nonce_key		 fake_beacon_key;
extern struct token		 fake_token;	/* its secret */
extern struct store_user	 fake_user;	/* me@example.org */
extern struct store_token	 fake_row;	/* scopes node and connect */

/* For cmocka: a fresh store and everything else at its start. */
int		 fake_setup(void **);
int		 fake_teardown(void **);
#define FAKE_CASE(f) \
	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)
/* Deliver a message as if from this process; what the handler returned. */
int		 fake_recv(int (*)(struct proc_peer *, struct imsg *),
		    int kind, int instance, uint32_t type, uint32_t id,
		    const void *, size_t);
void		 fake_forget(void);
/* Until something that waits has had its turn. */
void		 fake_run(void);
/* The only message of this type sent since, to be of this length. */
const void	*fake_one(int kind, uint32_t type, size_t len);
/* An administrator's request was refused, and nothing else happened. */
void		 fake_refused(uint32_t client, uint32_t code, const char *part);
size_t		 fake_count(uint32_t type);
/* Another token of a user; its secret is t's. */
void		 fake_token_add(struct token *, const struct store_user *,
		    uint32_t scopes, const char *nodes);
/* Break the store for good, or mend it. */
void		 fake_store_close(void);
void		 fake_store_open(void);
/* Run SQL on the store's file from outside. */
void		 fake_sql(const char *);
/* The first column of the first row, as text. */
const char	*fake_sql_get(const char *);

#endif /* AUTH_FAKE_H */
