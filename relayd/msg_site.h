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

#ifndef MSG_SITE_H
#define MSG_SITE_H

#include <stdint.h>

#include "ctl.h"
#include "relayd.h"

/* Messages: sites. */

/*
 * A site: what is shown of a node by HTTP under one host name, which is
 * <node>.<domain>, <service>--<node>.<domain>, or a domain of its owner's.
 * Without a `domain` in the configuration that is localhost.
 *
 * For public sites, and for what passes through, router makes a session for
 * the node's owner: it is ended, by LINK_KILL with id 0, when the name leads
 * there no more, and also when nothing has used it for long; then the
 * listener forgets the site, ends what rested on it, says LINK_KILLED, and
 * asks again when somebody comes.  A new router knows none of these sessions:
 * it is asked again about every site with streams, which then are told by
 * STREAM_UP under the new one.
 */
#define SITE_SERVICE_LEN	CTL_NAME_LEN	/* a label; "": default */
#define SITE_SEP		"--"		/* in no label */

struct site_ask {
	char			 host[DOMAIN_LEN];	/* lower case, no port,
							   no dot at the end */
	uint32_t		 passthrough;	/* TLS by its SNI: is it to go
						   to the node as it is? */
};

struct site {
	char			 host[DOMAIN_LEN];	/* as asked */
	uint32_t		 code;		/* 0, or enum mux_code: NO_NODE;
						   INTERNAL: not known now */
	uint32_t		 access;	/* enum site_access */
	uint32_t		 passthrough;
	uint32_t		 own_domain;	/* not below our own */
	uint64_t		 session;	/* of router's, for the node's
						   owner: to carry what needs
						   no visitor who is logged in
						   (public, passthrough); 0 from
						   auth, and for others */
	uint32_t		 online;	/* router's word... */
	int64_t			 last_seen;	/* ...and auth's; 0: never */
	char			 node[CTL_NAME_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 service[SITE_SERVICE_LEN];
	char			 user_id[USER_ID_LEN + 4];	/* the owner */
	char			 email[CTL_EMAIL_LEN];
};

/* What was not known to lead anywhere may do so now, whatever is said. */
struct passthrough {
	uint32_t		 any;		/* there may be such domains */
};

struct sites_changed {
	char			 node_id[USER_ID_LEN + 4];	/* "": any */
	uint32_t		 passthrough;	/* domains with that: there may
						   be some */
};

#endif /* MSG_SITE_H */
