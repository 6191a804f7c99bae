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


/*
 * The log-ins that hold.  A listener that was broken into cannot make one
 * up: it has to be here before a new router takes a link for it.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"

#define SESSION_CONFIRM_MS	60000	/* for links to come back to a router */

struct entry {
	RB_ENTRY(entry)	 node;
	struct session	 s;
	uint32_t	 router;	/* the one that knows it */
	int		 verify;	/* the store could not be asked */
};

RB_HEAD(entry_tree, entry);

static int		 entry_cmp(const struct entry *, const struct entry *);
static struct entry	*entry_find(uint64_t);
static struct entry	*entry_add(const struct session *);
static void		 entry_free(struct entry *);
static int		 session_strings_ok(const struct session *);
static int		 session_verify(struct entry *);
static enum store_result verify_token(const struct session *);
static enum store_result verify_held(const struct session *);
static enum store_result verify_user(const struct session *);
static enum store_result verify_node(const struct session *);
static int		 session_rests_on(const struct session *, uint32_t,
			    const char *);

static struct entry_tree	 sessions = RB_INITIALIZER(&sessions);
static size_t			 nsessions, nof[PROC_INSTANCES_MAX];
static uint32_t			 router = 1;	/* which one it is */
static uint64_t			 router_since;	/* ms */

RB_GENERATE_STATIC(entry_tree, entry, node, entry_cmp)

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	return (a->s.session < b->s.session ? -1 :
	    a->s.session > b->s.session);
}

static struct entry *
entry_find(uint64_t id)
{
	struct entry	 want;

	want.s.session = id;
	return (RB_FIND(entry_tree, &sessions, &want));
}

static struct entry *
entry_add(const struct session *s)
{
	struct entry	*e;

	if (nsessions >= AUTH_SESSIONS_MAX ||
	    (e = calloc(1, sizeof(*e))) == NULL)
		return (NULL);
	e->s = *s;
	e->router = router;
	RB_INSERT(entry_tree, &sessions, e);
	nsessions++;
	nof[s->listener]++;
	return (e);
}

static void
entry_free(struct entry *e)
{
	RB_REMOVE(entry_tree, &sessions, e);
	nsessions--;
	nof[e->s.listener]--;
	free(e);
}

int
auth_session_new(struct session *s)
{
	/* One that was broken into leaves the others theirs. */
	if (nof[s->listener] >= (size_t)AUTH_SESSIONS_MAX / auth_prefork)
		return (-1);
	do {
		arc4random_buf(&s->session, sizeof(s->session));
	} while (s->session == 0 || entry_find(s->session) != NULL);
	return (entry_add(s) == NULL ? -1 : 0);
}

const struct session *
auth_session_find(uint64_t id)
{
	struct entry	*e;

	return ((e = entry_find(id)) == NULL ? NULL : &e->s);
}

const struct session *
auth_session_next(uint64_t id)
{
	struct entry	 want, *e;

	if (id == UINT64_MAX)
		return (NULL);
	want.s.session = id + 1;
	e = RB_NFIND(entry_tree, &sessions, &want);
	return (e == NULL ? NULL : &e->s);
}

int
auth_session_take(const struct session *s)
{
	if (!session_strings_ok(s))
		return (-1);
	if (entry_find(s->session) != NULL)
		return (0);
	return (entry_add(s) == NULL ? -1 : 0);
}

void
auth_session_forget(uint64_t id)
{
	struct entry	*e;

	if ((e = entry_find(id)) != NULL)
		entry_free(e);
}

int
auth_session_of(const char *node_id, const char *token_id)
{
	struct entry	*e;

	RB_FOREACH(e, entry_tree, &sessions) {
		if (e->s.door == DOOR_NODE &&
		    strcmp(e->s.node_id, node_id) == 0 &&
		    strcmp(e->s.token_id, token_id) == 0)
			return (1);
	}
	return (0);
}

static int
session_rests_on(const struct session *s, uint32_t what, const char *id)
{
	switch (what) {
	case REVOKE_USER:
		return (strcmp(s->user_id, id) == 0);
	case REVOKE_TOKEN:
		return (strcmp(s->token_id, id) == 0);
	case REVOKE_NODE:
		return (s->door != DOOR_ACCESS &&
		    strcmp(s->node_id, id) == 0);
	case REVOKE_SESSION:
		return (strcmp(s->held, id) == 0 ||
		    strcmp(s->parent, id) == 0);
	case REVOKE_PASSWORD:
		return (s->door == DOOR_HTTP && s->token_id[0] == '\0' &&
		    strcmp(s->user_id, id) == 0);
	case REVOKE_USER_SESSIONS:
		return ((s->door == DOOR_HTTP || s->door == DOOR_RPC) &&
		    s->token_id[0] == '\0' && strcmp(s->user_id, id) == 0);
	case REVOKE_NODE_SESSIONS:
		return (s->held[0] != '\0' && strcmp(s->node_id, id) == 0);
	default:
		return (0);
	}
}

void
auth_session_drop(uint32_t what, const char *id)
{
	struct entry	*e, *tmp;

	RB_FOREACH_SAFE(e, entry_tree, &sessions, tmp) {
		if (session_rests_on(&e->s, what, id))
			entry_free(e);
	}
}

void
auth_session_nodes_up(void)
{
	struct entry	*e;

	RB_FOREACH(e, entry_tree, &sessions) {
		if (e->s.door == DOOR_NODE)
			auth_node_state(e->s.node_id, 1, 0);
	}
}

void
auth_session_router_up(void)
{
	router++;
	router_since = auth_mono();
}

int
auth_session_stands(const struct store_session *e)
{
	return (e->user_enabled && auth_wall() < e->expires_at);
}

/*
 * Does the store still stand behind it?  1, or 0 when it does not: the
 * caller's entry is gone then, and what else rested on the same.
 */
static int
session_verify(struct entry *e)
{
	struct session		 s = e->s;
	enum store_result	 r;

	e->verify = 0;
	if (s.held[0] != '\0')
		r = verify_held(&s);
	else if (s.token_id[0] != '\0')
		r = verify_token(&s);
	else
		r = verify_user(&s);
	if (r == STORE_OK && s.node_id[0] != '\0')
		r = verify_node(&s);
	if (r == STORE_NONE)
		return (0);
	if (r != STORE_OK) {
		/* It was good when we last could ask: streams go on. */
		auth_trouble("sessions are not verified");
		e->verify = 1;
	}
	return (1);
}

/* STORE_NONE: no more, and that has been told. */
static enum store_result
verify_token(const struct session *s)
{
	struct store_token	 t;
	enum store_result	 r;

	r = store_token_find(auth_store, s->token_id, &t);
	if (r == STORE_NONE || (r == STORE_OK && (auth_expired(t.expires_at) ||
	    strcmp(t.user_id, s->user_id) != 0))) {
		auth_revoke(REVOKE_TOKEN, s->token_id,
		    "token was revoked or has expired");
		return (STORE_NONE);
	}
	if (r == STORE_OK && !t.user_enabled) {
		auth_revoke(REVOKE_USER, s->user_id, "user is disabled");
		return (STORE_NONE);
	}
	return (r);
}

static enum store_result
verify_held(const struct session *s)
{
	struct store_session	 e;
	enum store_result	 r;

	r = store_session_find_id(auth_store, s->held, &e);
	if (r == STORE_NONE || (r == STORE_OK && (!auth_session_stands(&e) ||
	    strcmp(e.user_id, s->user_id) != 0))) {
		auth_revoke(REVOKE_SESSION, s->held,
		    "session was revoked or has expired");
		return (STORE_NONE);
	}
	return (r);
}

/* It came in by the user's password. */
static enum store_result
verify_user(const struct session *s)
{
	struct store_user	 u;
	enum store_result	 r;

	r = store_user_find(auth_store, s->email, &u);
	if (r == STORE_NONE || (r == STORE_OK &&
	    (!u.enabled || strcmp(u.id, s->user_id) != 0))) {
		auth_revoke(REVOKE_USER, s->user_id, "user is disabled");
		return (STORE_NONE);
	}
	return (r);
}

static enum store_result
verify_node(const struct session *s)
{
	struct store_node	 n;
	enum store_result	 r;

	r = store_node_find(auth_store, s->node, &n);
	if (r == STORE_NONE || (r == STORE_OK &&
	    (strcmp(n.id, s->node_id) != 0 || (s->door == DOOR_NODE &&
	    strcmp(n.user_id, s->user_id) != 0)))) {
		auth_revoke(REVOKE_NODE, s->node_id,
		    "node was removed or renamed");
		return (STORE_NONE);
	}
	return (r);
}

void
auth_session_sweep(void)
{
	struct session	 s;
	struct entry	*e, *next;
	int		 late = auth_mono() - router_since > SESSION_CONFIRM_MS;

	for (e = RB_MIN(entry_tree, &sessions); e != NULL; e = next) {
		s = e->s;
		if (e->router != router && late)
			entry_free(e);
		else if (s.held[0] != '\0' && s.expires_at <= auth_wall())
			auth_revoke(REVOKE_SESSION, s.held,
			    "session has expired");
		else if (s.held[0] == '\0' && auth_expired(s.expires_at))
			auth_revoke(REVOKE_TOKEN, s.token_id,
			    "token has expired");
		else if (e->verify && store_is_open(auth_store))
			(void)session_verify(e);
		/* It may be gone, and more with it. */
		e = RB_NFIND(entry_tree, &sessions,
		    &(struct entry){ .s.session = s.session });
		next = e != NULL && e->s.session == s.session ?
		    RB_NEXT(entry_tree, &sessions, e) : e;
	}
}

static int
session_strings_ok(const struct session *s)
{
	return (memchr(s->user_id, '\0', sizeof(s->user_id)) != NULL &&
	    memchr(s->email, '\0', sizeof(s->email)) != NULL &&
	    memchr(s->username, '\0', sizeof(s->username)) != NULL &&
	    memchr(s->token_id, '\0', sizeof(s->token_id)) != NULL &&
	    memchr(s->held, '\0', sizeof(s->held)) != NULL &&
	    memchr(s->parent, '\0', sizeof(s->parent)) != NULL &&
	    memchr(s->node_id, '\0', sizeof(s->node_id)) != NULL &&
	    memchr(s->node, '\0', sizeof(s->node)) != NULL &&
	    memchr(s->addr, '\0', sizeof(s->addr)) != NULL &&
	    DOOR_LOGS_IN(s->door) && s->listener >= 0 &&
	    s->listener < PROC_INSTANCES_MAX && s->session != 0);
}

int
auth_recv_session_end(struct proc_peer *peer, struct imsg *imsg)
{
	const struct session	*s;
	struct session_id	 req;

	if (imsg_get_data(imsg, &req, sizeof(req)) == -1)
		return (-1);
	if ((s = auth_session_find(req.session)) != NULL && s->held[0] != '\0')
		auth_session_used(s->held);
	auth_session_forget(req.session);
	return (0);
}

/* What a listener told a new router; the answer is what we know ourselves. */
int
auth_recv_session_check(struct proc_peer *peer, struct imsg *imsg)
{
	struct session	 s;
	struct entry	*e;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1)
		return (-1);
	e = entry_find(s.session);
	if (e == NULL || !session_strings_ok(&s) ||
	    e->s.listener != s.listener || e->s.conn != s.conn ||
	    e->s.door != s.door || strcmp(e->s.user_id, s.user_id) != 0 ||
	    strcmp(e->s.token_id, s.token_id) != 0 ||
	    strcmp(e->s.held, s.held) != 0 ||
	    strcmp(e->s.node_id, s.node_id) != 0) {
		log_debug("session of listener %d is not known", s.listener);
		(void)proc_send(peer, IMSG_SESSION_GONE, imsg_get_id(imsg), -1,
		    &s, sizeof(s));
		return (0);
	}
	e->router = router;
	(void)proc_send(peer, IMSG_SESSION, imsg_get_id(imsg), -1, &e->s,
	    sizeof(e->s));
	return (0);
}

/* We are new, router is not. */
int
auth_recv_session_known(struct proc_peer *peer, struct imsg *imsg)
{
	struct session	 s;
	struct entry	*e;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 ||
	    !session_strings_ok(&s))
		return (-1);
	if (entry_find(s.session) != NULL)
		return (0);
	if ((e = entry_add(&s)) == NULL) {
		auth_revoke(s.held[0] != '\0' ? REVOKE_SESSION :
		    s.token_id[0] != '\0' ? REVOKE_TOKEN : REVOKE_PASSWORD,
		    s.held[0] != '\0' ? s.held : s.token_id[0] != '\0' ?
		    s.token_id : s.user_id, "too many sessions");
		return (0);
	}
	if (session_verify(e) && s.door == DOOR_NODE)
		auth_node_state(s.node_id, 1, 0);
	return (0);
}

size_t
auth_session_memory(size_t *n)
{
	*n = nsessions;
	return (nsessions * sizeof(struct entry));
}
