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

#ifndef ROUTER_SITE_INTERNAL_H
#define ROUTER_SITE_INTERNAL_H

#include "msg_site.h"
#include "router.h"

/* Between router_site.c and router_site_wait.c. */

/* A site with a session at a listener.  The table owns it. */
struct router_site {
	RB_ENTRY(router_site)	 by_host;
	TAILQ_ENTRY(router_site) by_age;	/* last asked for: last */
	int			 listener;
	int			 look;		/* a question is not sent */
	struct site		 s;
	struct router_session	*rs;
};

/* A question for auth: a listener's, or whether a site is still so. */
struct site_wait {
	RB_ENTRY(site_wait)	 by_id;
	TAILQ_ENTRY(site_wait)	 by_age;
	TAILQ_ENTRY(site_wait)	 unsent;
	uint32_t		 id;
	int			 sent;
	int			 listener;
	int			 ours;
	uint32_t		 their_id;	/* the listener's */
	uint32_t		 job;		/* that waits for it, or 0 */
	uint64_t		 until_ms;
	struct site_ask		 ask;
};

/* router_site.c */
/* What a session is there for; or NULL. */
struct router_site *sites_find(int, const struct site_ask *);
/*
 * Ask whether the sites of this node ("": of any) are still so, on behalf of
 * a job or of none (0); how many questions that is.
 */
uint32_t	 sites_check(const char *node_id, uint32_t job);

/* router_site_wait.c */
/* A listener's question, by its id: it is answered in every case. */
void		 site_wait_ask(int, const struct site_ask *, uint32_t);
/* Is it still so?  For a job or for none (0). */
void		 site_wait_check(struct router_site *, uint32_t job);
/* What was asked by this id and has been sent; or NULL. */
struct site_wait *site_wait_find(uint32_t);
/* It is answered, or nobody wants to know any more.  Frees it. */
void		 site_wait_end(struct site_wait *);
/* As auth's pipe takes them.  1: there are more. */
int		 site_waits_send(void);
void		 site_waits_auth_down(void);
void		 site_waits_listener_down(int);
/* What all take, bytes. */
size_t		 site_waits_memory(void);

#endif /* ROUTER_SITE_INTERNAL_H */
