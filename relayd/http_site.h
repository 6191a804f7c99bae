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

#ifndef HTTP_SITE_H
#define HTTP_SITE_H

#include <sys/queue.h>

#include <stdint.h>

#include "msg_site.h"

/*
 * What a host name leads to: the listener's memory of what auth and router
 * have said of sites.  Answers are kept for a minute, that there is no such
 * site, too, and go when SITES_CHANGED says so or router is a new one.  A
 * site that is in use is asked about again then: if it is not what it was,
 * whoever uses it has to end.
 */

struct conf_begin;
struct imsg;
struct proc_peer;
struct stream_owner;

/* Whose a host is, as far as the name alone tells. */
enum site_host {
	SITE_HOST_OWN,		/* the relay's own doors */
	SITE_HOST_SITE,		/* below our domain, or below localhost */
	SITE_HOST_PERHAPS,	/* a site if auth knows it, else our own */
	SITE_HOST_OTHER		/* a site if auth knows it, else nobody's */
};

enum site_find {
	SITE_FOUND,
	SITE_NONE,		/* there is no such site */
	SITE_WAIT,		/* router has been asked */
	SITE_BUSY		/* too much is asked already, or nobody can
				   tell now */
};

/* Somebody waits for an answer; zeroed, part of what waits. */
struct site_wait {
	TAILQ_ENTRY(site_wait)	 entry;
	struct site_entry	*on;		/* NULL: does not wait */
	/* There is one: take note, to look again soon. */
	void			 (*go)(struct site_wait *);
};

/* Something rests on a site; zeroed, part of what does. */
struct site_use {
	LIST_ENTRY(site_use)	 entry;
	struct site_entry	*on;		/* NULL: does not */
	/* The site is not what it was: end.  It is released already. */
	void			 (*end)(struct site_use *, const char *);
};

/* Of a host in the form of http_authority. */
enum site_host	 site_host(const char *);
/*
 * site_find: what there is under a host name (passthrough: for TLS that is to
 * go to the node as it is).  The site is valid until the caller returns to
 * its event loop; site_use makes that longer.
 */
enum site_find	 site_find(const char *, int, struct site_wait *,
		    const struct site **);
/* It waits no more; it may not have. */
void		 site_unwait(struct site_wait *);
/* What rests on it, and what ends that; until then, or site_release. */
void		 site_use(const struct site *, struct site_use *,
		    void (*)(struct site_use *, const char *));
void		 site_release(struct site_use *);
/* The site that is used, NULL: none. */
const struct site *site_used(const struct site_use *);
/* Whether its node is online may have changed: ask, while it is used. */
void		 site_refresh(const struct site_use *);
/*
 * Whose streams carry what needs no visitor who is logged in: router's
 * session of this site.  It may be about to get another, and has none until
 * site_ready; http_backends_renew is called then.
 */
struct stream_owner *site_owner(const struct site_use *);
int		 site_ready(const struct site_use *);

/* The listener's own: the configuration, messages, a new router. */
void		 site_conf_begin(void);
void		 site_conf_end(const struct conf_begin *);
/* A new router: all that is known of sites may be wrong. */
void		 site_router_up(void);
/* End the streams of this session; 0 with their number, or -1: no site's. */
int		 site_kill(uint64_t, const char *, uint32_t *);
/* How many are remembered, and what that takes. */
size_t		 site_memory(uint64_t *);
int		 site_recv_conf_name(struct proc_peer *, struct imsg *);
int		 site_recv(struct proc_peer *, struct imsg *);
int		 site_recv_doubt(struct proc_peer *, struct imsg *);

#endif /* HTTP_SITE_H */
