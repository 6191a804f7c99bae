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

#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <imsg.h>

#include "router_fake.h"

/*
 * For tests of the control socket: clients of it, and steps of the processes
 * behind it.  The router is real, the others are played (router_fake.h).
 */

#define L	PROC_LISTENER
#define A	PROC_AUTH
#define MS	10		/* that the event loop gets at a time */

/* For all cases: a socket in a folder of its own; and for each. */
int	 control_begin(void **);
int	 control_finish(void **);
int	 control_setup(void **);
int	 control_teardown(void **);
#define CONTROL_CASE(f) \
	cmocka_unit_test_setup_teardown(f, control_setup, control_teardown)

void	 dial(struct imsgbuf *);
void	 hang_up(struct imsgbuf *);
void	 say(struct imsgbuf *, uint32_t type, const void *, size_t);
/* The same with a struct ctl_name. */
void	 say_name(struct imsgbuf *, uint32_t type, const char *);
/* The next answer: 1, 0 if there is none yet, or -1 at the end. */
int	 hear(struct imsgbuf *, uint32_t *type, void *, size_t);
/* It must be this; or that the connection is over. */
void	 expect_end(struct imsgbuf *, uint32_t type, uint32_t code);
void	 expect_hang_up(struct imsgbuf *);

/* Node pi, and a client of it with so many streams. */
void	 busy(int);
/* The listener is asked for figures, and tells some. */
void	 listener_answers(void);
/* Auth has answered this client. */
void	 auth_ends(uint32_t id, uint32_t type, uint32_t code);
/* The next line of an administrator's in the audit log. */
void	 expect_admin(const char *);

#endif /* CONTROL_CLIENT_H */
