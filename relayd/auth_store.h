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


#ifndef AUTH_STORE_H
#define AUTH_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "msg_link.h"
#include "msg_publish.h"
#include "msg_site.h"
#include "relayd.h"

/*
 * Where users, tokens, nodes and the audit log are kept.  The interface
 * knows nothing of the engine behind it.
 *
 * A call that changes something returns STORE_OK only once the change
 * survives a loss of power; inside store_begin() and store_commit() that is
 * store_commit()'s promise.  Nothing is ever half done.  Times are seconds
 * since 1970, 0 for "never".  Strings are NUL-terminated; emails are looked
 * up as given, in lower case by the caller.
 */

enum store_result {
	STORE_OK,
	STORE_NONE,		/* no such row */
	STORE_EXISTS,		/* the name is taken */
	STORE_NOWRITE,		/* it can't be written now: full, ... */
	STORE_DOWN		/* it can't be used at all now */
};

struct audit_event;
struct store;

struct store_user {
	char		 id[USER_ID_LEN + 4];
	char		 email[CTL_EMAIL_LEN];
	char		 username[CTL_NAME_LEN];
	int		 admin;
	int		 enabled;
	int		 has_password;
	uint32_t	 tokens, nodes;		/* that it has */
	int64_t		 created_at;
};

struct store_token {
	char		 id[USER_ID_LEN + 4];
	char		 token_id[TOKEN_ID_LEN + 4];
	uint8_t		 public[TOKEN_PUBLIC_LEN];
	int		 has_public;		/* 0: of another make */
	char		 user_id[USER_ID_LEN + 4];
	char		 email[CTL_EMAIL_LEN];	/* of the user */
	char		 username[CTL_NAME_LEN];
	int		 user_enabled;
	int		 user_admin;
	char		 name[CTL_NAME_LEN];
	uint32_t	 scopes;
	char		 nodes[CTL_TEXT_LEN];	/* comma-separated, or all */
	int64_t		 created_at;
	int64_t		 expires_at;
	int64_t		 last_used_at;
};

struct store_publication {
	int64_t			 row;		/* they come in this order */
	struct publication	 p;		/* with what its node and user
						   are called now */
	int			 user_enabled;
	int64_t			 created_at;
};

/* What a node shows by HTTP, under one name. */
struct store_site {
	char		 node_id[USER_ID_LEN + 4];
	char		 node[CTL_NAME_LEN];
	char		 user_id[USER_ID_LEN + 4];	/* the owner */
	char		 email[CTL_EMAIL_LEN];
	int		 user_enabled;
	int64_t		 last_seen_at;
	uint32_t	 access;		/* enum site_access */
	char		 service[SITE_SERVICE_LEN];	/* "": the default */
};

/* A host name of its owner's that leads there. */
struct store_domain {
	char			 name[DOMAIN_LEN];
	struct store_site	 site;
	int			 passthrough;
	int64_t			 created_at;
};

struct store_node {
	char		 id[USER_ID_LEN + 4];
	char		 name[CTL_NAME_LEN];
	char		 user_id[USER_ID_LEN + 4];
	char		 email[CTL_EMAIL_LEN];	/* of the user */
	char		 token[USER_ID_LEN + 4];	/* store_token.id */
	char		 token_id[TOKEN_ID_LEN + 4];
	int64_t		 created_at;
	int64_t		 last_seen_at;
};

/* A right to somebody else's node. */
struct store_grant {
	struct grant	 grant;
	char		 user_id[USER_ID_LEN + 4];	/* who has it */
	char		 email[CTL_EMAIL_LEN];
	int		 user_enabled;
	char		 node_id[USER_ID_LEN + 4];
	char		 node[CTL_NAME_LEN];
	char		 owner[CTL_EMAIL_LEN];		/* of the node */
	int		 owner_enabled;
	char		 granted_by[CTL_EMAIL_LEN];	/* "": the host */
	int64_t		 created_at;
};

/* A node that a user may reach, as its own or by a grant. */
struct store_reach {
	char		 node[CTL_NAME_LEN];
	char		 node_id[USER_ID_LEN + 4];
	char		 owner[CTL_EMAIL_LEN];
	int64_t		 last_seen_at;
	struct grant	 grant;			/* id "": its own */
};

/*
 * store_new: a store in this file, which need not exist.  shown is its name
 * for people.  Opens nothing; NULL without memory.
 */
struct store	*store_new(const char *file, const char *shown);
void		 store_free(struct store *);
/*
 * store_open: open it if it is not, check it whole, make or upgrade its
 * tables.  Blocks as long as that takes.  STORE_OK or STORE_DOWN.
 */
enum store_result store_open(struct store *);
int		 store_is_open(const struct store *);
/* Whether store_open failed as another process has it open. */
int		 store_in_use(const struct store *);
/* Why the last call failed, for people: "disk full: ...".  Never NULL. */
const char	*store_error(const struct store *);

/* A fresh random UUID (RFC 9562, version 4). */
void		 store_uuid(char[USER_ID_LEN + 1]);

/*
 * Several changes at once.  After any of them failed with STORE_NOWRITE or
 * STORE_DOWN, call store_rollback.
 */
enum store_result store_begin(struct store *);
enum store_result store_commit(struct store *);
void		 store_rollback(struct store *);

/* ---- users ---- */

enum store_result store_user_find(struct store *, const char *email,
		    struct store_user *);
/* Adds u (id and created_at too); hash: crypt(3), or NULL. */
enum store_result store_user_add(struct store *, const struct store_user *u,
		    const char *hash);
enum store_result store_user_password(struct store *, const char *id,
		    const char *hash);
/* Its crypt(3) hash, a secret; "" if there is none. */
enum store_result store_user_hash(struct store *, const char *id,
		    char hash[CTL_HASH_LEN]);
/*
 * That of some user, always the same one for the same number as long as there
 * are the same users; STORE_NONE: nobody has a password.
 */
enum store_result store_user_hash_any(struct store *, uint64_t,
		    char hash[CTL_HASH_LEN]);
enum store_result store_user_enable(struct store *, const char *id, int);
/* With all its tokens and nodes. */
enum store_result store_user_delete(struct store *, const char *id);
/*
 * The pages of a list: up to n of those whose key (email, token id, name) is
 * greater than after, in order; *n becomes how many.
 */
enum store_result store_user_page(struct store *, const char *after,
		    struct store_user *, size_t *n);

/* ---- tokens ---- */

enum store_result store_token_find(struct store *, const char *token_id,
		    struct store_token *);
enum store_result store_token_add(struct store *, const struct store_token *);
/* It is gone, for all but the nodes that came with it. */
enum store_result store_token_revoke(struct store *, const char *token_id,
		    int64_t now);
/* user_id: NULL for all. */
enum store_result store_token_page(struct store *, const char *user_id,
		    const char *after, struct store_token *, size_t *n);
enum store_result store_token_used(struct store *, const char *token_id,
		    int64_t at);
/* Is the name one of the comma-separated, or the list empty? */
int		 store_nodes_allow(const char *list, const char *name);

/* ---- nodes ---- */

enum store_result store_node_find(struct store *, const char *name,
		    struct store_node *);
enum store_result store_node_add(struct store *, const struct store_node *);
/* How many a user has; no more than max are counted. */
enum store_result store_node_count(struct store *, const char *user_id,
		    uint32_t max, uint32_t *);
/* Comes with another token (store_token.id) from now on. */
enum store_result store_node_token(struct store *, const char *id,
		    const char *token);
enum store_result store_node_rename(struct store *, const char *id,
		    const char *name);
enum store_result store_node_remove(struct store *, const char *id);
enum store_result store_node_page(struct store *, const char *user_id,
		    const char *after, struct store_node *, size_t *n);
/* Its link is up or down since then; 0: since when is not known. */
enum store_result store_node_state(struct store *, const char *id, int up,
		    int64_t since);
/* Nothing is connected: relayd has just started. */
enum store_result store_nodes_down(struct store *);

/* ---- grants ---- */

/* A row that can't be read, which gives nothing, is STORE_NONE. */
enum store_result store_grant_find(struct store *, const char *user_id,
		    const char *node_id, struct store_grant *);
enum store_result store_grant_find_id(struct store *, const char *id,
		    struct store_grant *);
/*
 * The grant of this user (user_id) to this node (node_id).  If there is one
 * already it keeps its id, whatever this says, and becomes like this.
 */
enum store_result store_grant_set(struct store *, const struct store_grant *);
enum store_result store_grant_remove(struct store *, const char *user_id,
		    const char *node_id);
/*
 * Those behind that of this user and node, by email and name; user_id and
 * node_id: NULL for all.
 */
enum store_result store_grant_page(struct store *, const char *user_id,
		    const char *node_id, const char *after_email,
		    const char *after_node, struct store_grant *, size_t *n);
/* Those that end after the first and not after the second of these times. */
enum store_result store_grant_ended(struct store *, int64_t after,
		    int64_t until, const char *after_id, struct store_grant *,
		    size_t *n);
/* When the next one ends after this; STORE_NONE: none does. */
enum store_result store_grant_next(struct store *, int64_t after,
		    int64_t *at);
/* What a user may reach now. */
enum store_result store_reach_page(struct store *, const char *user_id,
		    int64_t now, const char *after, struct store_reach *,
		    size_t *n);

/* ---- sessions of browsers and of paired programs ---- */

#define SESSION_HASH_LEN	32	/* SHA-256 of the secret */

/*
 * Who logged in once and shows a secret since.  A web session is that of a
 * browser: without a host that of the relay's own pages; with one a child of
 * such, good for this site alone.  An rpc session was bought with a pairing
 * code, for one node.
 */
struct store_session {
	char		 id[USER_ID_LEN + 4];
	uint32_t	 kind;			/* enum session_kind */
	uint8_t		 hash[SESSION_HASH_LEN];
	char		 user_id[USER_ID_LEN + 4];
	char		 email[CTL_EMAIL_LEN];	/* of the user */
	char		 username[CTL_NAME_LEN];
	int		 user_enabled;
	int		 user_admin;
	char		 node_id[USER_ID_LEN + 4];	/* "": any */
	char		 node[CTL_NAME_LEN];	/* what it is called now */
	char		 parent[USER_ID_LEN + 4];	/* "": none */
	char		 host[DOMAIN_LEN];	/* "": any */
	char		 addr[CTL_ADDR_LEN];	/* of the log-in */
	char		 software[CTL_TEXT_LEN];	/* it said; hostile */
	int64_t		 created_at;
	int64_t		 expires_at;		/* never 0 */
	int64_t		 last_used_at;
};

/* STORE_EXISTS: this secret is taken; STORE_NONE: no such user, node or
   parent. */
enum store_result store_session_add(struct store *,
		    const struct store_session *);
/*
 * By the hash of its secret, or its id.  One that has expired is found as
 * well; a row that can't be read is STORE_NONE.
 */
enum store_result store_session_find(struct store *,
		    const uint8_t[SESSION_HASH_LEN], struct store_session *);
enum store_result store_session_find_id(struct store *, const char *id,
		    struct store_session *);
enum store_result store_session_used(struct store *, const char *id,
		    int64_t at);
/* It and its children. */
enum store_result store_session_remove(struct store *, const char *id);
/* Of this user and node, of this kind; NULL or 0: all.  *n: how many. */
enum store_result store_session_remove_of(struct store *, const char *user_id,
		    const char *node_id, uint32_t kind, int *n);
/*
 * Those behind this one (NULL: from the first), by email, time and id; of
 * this user and node, of this kind; NULL or 0: all.
 */
enum store_result store_session_page(struct store *, const char *user_id,
		    const char *node_id, uint32_t kind,
		    const struct store_session *after,
		    struct store_session *, size_t *n);
/*
 * Of a user's sessions of this kind with this parent ("": without) the newest
 * of those that are not among the keep newest.  STORE_NONE: there is none.
 */
enum store_result store_session_surplus(struct store *, const char *user_id,
		    uint32_t kind, const char *parent, uint32_t keep,
		    struct store_session *);
/* How many of this kind have not expired at this time. */
enum store_result store_session_count(struct store *, uint32_t kind,
		    int64_t now, uint64_t *);
/* Delete at most max that have expired at this time; *n becomes how many. */
enum store_result store_session_trim(struct store *, int64_t now, int max,
		    int *n);

/* ---- published ports ---- */

enum store_result store_publication_add(struct store *,
		    const struct store_publication *);
enum store_result store_publication_find(struct store *, const char *id,
		    struct store_publication *);
enum store_result store_publication_remove(struct store *, const char *id);
/* Those whose row is greater than after. */
enum store_result store_publication_page(struct store *, int64_t after,
		    struct store_publication *, size_t *n);

/* ---- sites ---- */

/* What this node shows under a service's name, known or not. */
enum store_result store_site_find(struct store *, const char *node,
		    const char *service, struct store_site *);
/* Who may see a service, "" for all those that have no word of their own. */
enum store_result store_service_set(struct store *, const char *node_id,
		    const char *name, uint32_t access);
enum store_result store_service_remove(struct store *, const char *node_id,
		    const char *name);
/* Those with a name, behind that of this node; node_id: NULL for all. */
enum store_result store_service_page(struct store *, const char *node_id,
		    const char *after_node, const char *after_name,
		    struct store_site *, size_t *n);
/* A row that can't be read, which leads nowhere, is STORE_NONE. */
enum store_result store_domain_find(struct store *, const char *name,
		    struct store_domain *);
/* Of its site the node's id and the service. */
enum store_result store_domain_add(struct store *,
		    const struct store_domain *);
enum store_result store_domain_remove(struct store *, const char *name);
/* 0: there is none whose TLS is passed through; 1: there may be. */
int		  store_domain_passthrough(struct store *);
enum store_result store_domain_page(struct store *, const char *after,
		    struct store_domain *, size_t *n);

/* ---- bandwidth and traffic ---- */

/* what: enum meter_what, here and below. */
struct store_limit {
	char		 name[CTL_EMAIL_LEN];	/* of it, for people */
	int		 has_rate, has_month;	/* else the configuration's */
	uint64_t	 rate;			/* bytes/s each way; 0: any */
	uint64_t	 month;			/* bytes; 0: any */
};

struct store_traffic {
	uint32_t	 what;
	char		 id[USER_ID_LEN + 4];
	char		 name[CTL_EMAIL_LEN];	/* empty: it is gone */
	uint64_t	 in, out;
};

/* STORE_NONE: there is no such user, node or port. */
enum store_result store_limit_find(struct store *, uint32_t what,
		    const char *id, struct store_limit *);
enum store_result store_limit_set(struct store *, uint32_t what,
		    const char *id, const struct store_limit *);
/* Forget those of users and nodes that are gone. */
enum store_result store_limits_tidy(struct store *);
/* So many bytes more, in this month (202611). */
enum store_result store_traffic_add(struct store *, uint32_t month,
		    uint32_t what, const char *id, uint64_t in, uint64_t out);
/* Never STORE_NONE: nothing is nothing. */
enum store_result store_traffic_find(struct store *, uint32_t month,
		    uint32_t what, const char *id, uint64_t *in,
		    uint64_t *out);
/* By what and id; after: the last of the page before, or zeroed. */
enum store_result store_traffic_page(struct store *, uint32_t month,
		    const struct store_traffic *after,
		    struct store_traffic *, size_t *n);

/* ---- audit log ---- */

enum store_result store_audit_add(struct store *, const struct audit_event *);
/* Up to n lines with a greater id, in their order; *n becomes how many. */
enum store_result store_audit_page(struct store *, uint64_t after,
		    struct ctl_audit *, size_t *n);
/* The id of the first line at or after then; STORE_NONE: there is none. */
enum store_result store_audit_since(struct store *, int64_t since,
		    uint64_t *id);
/* The greatest id, 0 without lines. */
enum store_result store_audit_last(struct store *, uint64_t *id);
/* Delete at most max lines from before then; *n becomes how many. */
enum store_result store_audit_trim(struct store *, int64_t before, int max,
		    int *n);

/* What the engine has allocated, bytes. */
uint64_t	 store_memory(const struct store *);

/* ---- copies ---- */

/*
 * One copy of the store at a time, made while it is in use.
 * store_copy_start: into this file, in place of what there is.
 * store_copy_step: so many pages more.  STORE_OK: go on; STORE_NONE: the
 * copy is whole, one file of its own, and on the disk; anything else:
 * store_copy_error() says why, and there is no file.
 * store_copy_cancel: remove what there is of it, from an earlier process as
 * well.
 */
enum store_result store_copy_start(struct store *, const char *file);
enum store_result store_copy_step(struct store *, int pages,
		    uint64_t *done, uint64_t *total);
void		 store_copy_cancel(struct store *, const char *file);
const char	*store_copy_error(const struct store *);
/*
 * Look at a copy: whole if it has at most so many bytes, else only at what
 * says who may log in.  STORE_OK; STORE_DOWN: it is damaged.  Blocks.
 */
enum store_result store_copy_check(struct store *, const char *file,
		    int64_t whole);

#endif /* AUTH_STORE_H */
