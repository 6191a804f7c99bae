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

#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"
#include "http_message.h"

/*
 * The gate of a site: who may come in, and what the backend is told of them.
 */

struct conn;
struct conf_begin;
struct imsg;
struct login_denied;
struct proc_peer;
struct session;
struct site;
struct stream_owner;
struct visitor;		/* who is logged in; refcounted */

enum gate {
	GATE_PASS,	/* in: *v is referenced for the caller, NULL at a
			   public site */
	GATE_WAIT,	/* auth was asked: door_http_go_on follows, and then
			   the same request comes again */
	GATE_ANSWERED	/* no: a response is on its way */
};

/* A request at a site: may it come in? */
enum gate	 gate_visit(struct conn *, const struct http_head *,
		    const struct site *, struct visitor **);
/* The connection is gone, or the request: forget what was asked for it. */
void		 gate_forget(struct conn *);

/*
 * visitor_of_session: who has this session, which router has on record for its
 * connection: for doors beside that of sites.  NULL without memory.
 */
struct visitor	*visitor_of_session(const struct session *);
struct visitor	*visitor_ref(struct visitor *);	/* takes NULL */
void		 visitor_unref(struct visitor *);	/* likewise */
/* Its own session, whose routed member is http_backend_routed. */
struct stream_owner *visitor_owner(struct visitor *);
/* The email address of its user, and the name; as long as it is there. */
const char	*visitor_email(const struct visitor *);
const char	*visitor_name(const struct visitor *);

/*
 * gate_fields: the fields of a request that the backend does not see (our
 * cookie, our bearer token), and those that tell it who visits; spoofed ones
 * are dropped for everybody.  Returns how many, at most GATE_FIELDS_MAX; the
 * values live until the next call.
 */
#define GATE_FIELDS_MAX	16
size_t		 gate_fields(const struct http_head *, const struct site *,
		    const struct visitor *, struct http_set[GATE_FIELDS_MAX]);
/*
 * gate_set_cookie_ok: whether this value of a Set-Cookie field of a backend
 * may reach the visitor: none with names of ours, nor for a domain above the
 * site's own host.
 */
int		 gate_set_cookie_ok(const struct site *,
		    const struct http_str *);
/*
 * gate_response: take out of a response's head what may not reach the visitor:
 * such cookies, and what Clear-Site-Data asks for beyond the site itself.  The
 * values live until the next call.
 */
void		 gate_response(const struct site *, struct http_head *);

/*
 * gate_target: what of a request's target may be written down: of paths that
 * are the gate's own, no query, which has secrets.
 */
void		 gate_target(const struct http_head *, struct http_str *);

/* ---- the listener's own ---- */

/* Is that, of a configuration, of the right shape?  Take it into use. */
int		 gate_conf_ok(const struct conf_begin *);
void		 gate_conf(const struct conf_begin *);
int		 web_recv_answer(struct proc_peer *, struct imsg *);
/* Whether this id, of a connection, is that of a visitor. */
int		 gate_has_id(uint32_t);
/* What became of its log-in: denied (0, or -1: it is no visitor's), or a
   session; if nobody waits for that any more it ends. */
int		 gate_denied(uint32_t, const struct login_denied *);
void		 gate_session(const struct session *);
/* Auth or router is gone: what was asked is not answered. */
void		 gate_auth_gone(void);
/* End the visitor with this id and session, with a reason; 0 with how many
   streams it had, or -1: there is none. */
int		 gate_kill(uint32_t, uint64_t, const char *, uint32_t *);
/* To a new router, as links_announce. */
int		 gate_announce(uint32_t *);
/* What visitors take, bytes; and how many they are. */
size_t		 gate_memory(size_t *);

/* The login page, on the relay's own host (door_login.c).  -1: not for it. */
struct http_framing;
int		 door_login_request(struct conn *, const struct http_head *,
		    const struct http_framing *);
/* The connection is gone, or answered: what it waited for is of no use. */
void		 door_login_forget(struct conn *);

#endif /* HTTP_GATE_H */
