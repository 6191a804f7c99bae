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


#ifndef AUTH_H
#define AUTH_H

#include <stdint.h>

#include "auth_names.h"
#include "auth_store.h"
#include "auth_throttle.h"
#include "msg.h"
#include "msg_audit.h"
#include "msg_link.h"
#include "msg_login.h"
#include "relayd.h"
#include "settings.h"

/*
 * The auth process: who may log in, what rests on whom, the store and the
 * audit log.
 *
 * Functions with recv in their names are handlers of messages, as struct
 * proc_rule has them; the table in auth.c says of which.
 */

#define AUTH_CLOCK_SLACK	60	/* s that a token outlives its end */
#define AUTH_REVOKE_MS		2000	/* for router to say "ended" */
#define AUTH_SESSIONS_MAX	200000	/* of all listeners */

struct imsg;
struct nodes_ask;

/* ---- auth.c ---- */

extern struct store	*auth_store;
extern struct throttle	*auth_throttle;
extern struct names	 auth_names;	/* that this relay goes by */
extern struct relayd_bandwidth auth_bandwidth;	/* as configured */
extern int		 auth_prefork;	/* listeners, likewise */

/* s and ms since 1970; ms of a clock that only goes forward. */
int64_t	 auth_wall(void);
int64_t	 auth_wall_ms(void);
uint64_t auth_mono(void);
/* Has a token ended that says so?  0 never does. */
int	 auth_expired(int64_t);
/* Call the ticks below soon. */
void	 auth_soon(void);
/* The store has failed: say so, once a minute.  what: "log-in refused" */
void	 auth_trouble(const char *what);

/* ---- auth_session.c: log-ins that hold, in memory ---- */

/* Give it an id and remember it; 0, or -1 at the limit. */
int	 auth_session_new(struct session *);
/* NULL if there is none. */
const struct session *auth_session_find(uint64_t);
/* It has ended; one that there is not is left alone. */
void	 auth_session_forget(uint64_t);
/* What all of them take, bytes, and how many they are. */
size_t	 auth_session_memory(size_t *);
/* Is one in the store still good for anything? */
int	 auth_session_stands(const struct store_session *);
/* Is there one of this node with this token? */
int	 auth_session_of(const char *node_id, const char *token_id);
/* Forget all that rest on this (enum revoke_what). */
void	 auth_session_drop(uint32_t what, const char *id);
/* Put on record again which nodes are connected. */
void	 auth_session_nodes_up(void);
/* A new router: who does not come back to it in time is forgotten. */
void	 auth_session_router_up(void);
/* Every few seconds: tokens that have ended, what was not yet verified. */
void	 auth_session_sweep(void);
int	 auth_recv_session_end(struct proc_peer *, struct imsg *);
int	 auth_recv_session_check(struct proc_peer *, struct imsg *);
int	 auth_recv_session_known(struct proc_peer *, struct imsg *);

/* The one with the next higher id, NULL after the last. */
const struct session *auth_session_next(uint64_t);
/* From the auth before us.  -1: it makes no sense, or there are too many. */
int	 auth_session_take(const struct session *);

/* ---- auth_handover.c: them, to the auth that comes after us ---- */

int	 auth_recv_give(struct proc_peer *, struct imsg *);
int	 auth_recv_take(struct proc_peer *, struct imsg *);

/* ---- auth_login.c ---- */

/* Before the sandbox: what is compared with where there is no token. */
int	 auth_login_init(void);
void	 auth_login_conf(const struct relayd_limits *);
int	 auth_recv_login(struct proc_peer *, struct imsg *);
/*
 * It holds, and has all but its id: put it on record and tell router.  0; or
 * -1 with what to tell the listener.
 */
int	 auth_login_done(struct session *, struct login_denied *);
/* Is this log-in one to be noted, or one of many alike? */
int	 auth_login_remember(const char *who, const struct sockaddr *from);

/* ---- auth_nonce.c: what a log-in by signature was signed for ---- */

#define AUTH_NONCES	65536	/* used ones that are kept, of a listener */
#define AUTH_NONCES_USER (AUTH_NONCES / 2)	/* ...and a user of it */

/* The key of beacons (nonce.h), which an upgrade leaves as it is. */
void	 auth_nonce_conf(const uint8_t[32]);
/* Listeners get the beacon: when they come, and each that follows. */
void	 auth_nonce_listener_up(struct proc_peer *);
void	 auth_nonce_tick(void);
/* 1 if it can't be older than log-ins may be, whoever made it; else 0. */
int	 auth_nonce_fresh(const char *);
/*
 * This user has logged in with it, at this listener.  0; 1 if somebody has
 * before; -1: this listener has too many, or the user too many of it.
 */
int	 auth_nonce_use(const char *, const char *user_id, int listener);
/* What used ones take, bytes, and how many that is. */
size_t	 auth_nonce_memory(size_t *);

/* ---- auth_visit.c ---- */

/*
 * auth_visit: may this user go to the site of this name, with a token for
 * these nodes ("": all)?  0, with the node in the session; or 403, 404 or 503
 * with a text for people.
 */
uint32_t auth_visit(const char *host, const char *user_id, const char *nodes,
	    struct session *, char *, size_t);

/* ---- auth_password.c ---- */

#define AUTH_PASSWORDS	32	/* of all listeners, that wait */

enum auth_password { PASSWORD_RIGHT, PASSWORD_WRONG, PASSWORD_LATER };

/* Likewise, where there is no user.  0 or -1. */
int	 auth_password_init(void);
/*
 * Is this the password of this user?  done is called later, once, with the
 * user if it is right (who may be disabled), or with the seconds to wait if
 * it could not be looked at.  Who guesses has to wait; and a hash takes long,
 * so that there are never many, nor one without time for others between, and
 * each listener has its part of them, and its turn.  0; or -1: not now, with
 * the status and the seconds to wait; done is not called then.
 */
int	 auth_password_check(int listener, const struct sockaddr_storage *,
	    const char *email, const char *password,
	    void (*done)(void *, enum auth_password, const struct store_user *,
	    uint32_t), void *, uint32_t *status, uint32_t *wait);
/* What waits, bytes, and how many that is. */
size_t	 auth_password_memory(size_t *);

/* ---- auth_admin_session.c ---- */

int	 auth_recv_ctl_session(struct proc_peer *, struct imsg *);
void	 auth_admin_session(const struct store_session *,
	    struct ctl_session *);

/* ---- auth_web.c ---- */

int	 auth_recv_login_password(struct proc_peer *, struct imsg *);
int	 auth_recv_web_ask(struct proc_peer *, struct imsg *);
/* Sessions in the store that have expired, tickets likewise. */
void	 auth_web_sweep(void);

/* ---- auth_pair.c: what pairing codes buy ---- */

/* How many there may be, and how long they last. */
void	 auth_pair_conf(const struct relayd_rpc *);
int	 auth_recv_pair_buy(struct proc_peer *, struct imsg *);
/* Router knows how many sessions there are; from now on, and at once. */
void	 auth_pair_tick(void);
void	 auth_pair_router_up(void);

/* ---- auth_node.c: what router asks about nodes ---- */

int	 auth_recv_node_ask(struct proc_peer *, struct imsg *);
int	 auth_recv_nodes_ask(struct proc_peer *, struct imsg *);
int	 auth_recv_node_state(struct proc_peer *, struct imsg *);

/* ---- auth_grant.c ---- */

/* May this user reach a node of somebody else's?  0 and by which grant, or
   enum mux_code. */
uint32_t auth_grant_may(const char *user_id, const struct store_node *,
	    struct grant *);
void	 auth_grant_record(const struct store_grant *, struct ctl_grant *);
/* What has expired ends.  In how many ms to call it again, -1: any time. */
int64_t	 auth_grant_tick(void);
/* Have it told what open streams rest on: one of us was started anew. */
void	 auth_grant_ask(void);
int	 auth_recv_grant_used(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_grant(struct proc_peer *, struct imsg *);

/* ---- auth_revoke.c ---- */

/* Whom an end concerns, for the audit log; NULL: nobody, or not known. */
struct auth_about {
	const char	*email;
	const char	*node;
	const char	*was;		/* its name before */
};

/*
 * End what rests on this (enum revoke_what): forget its sessions and tell
 * router why.  auth_revoke_answer: then tell this control client that it is
 * done, with this text, when router has said so or AUTH_REVOKE_MS are over.
 */
void	 auth_revoke(uint32_t what, const char *id, const char *why);
void	 auth_revoke_answer(uint32_t what, const char *id,
	    const struct auth_about *, const char *why, uint32_t client,
	    const char *text);
/*
 * End the streams that rest on a grant, but for those that what is left of it
 * still covers (NULL: nothing is); client: who is to be told, or NULL.  audit
 * is an enum audit_what, 0: what ends here is only noted if there was any.
 */
void	 auth_revoke_grant(const struct store_grant *, const struct grant *,
	    uint32_t audit, const char *why, const uint32_t *client);
int	 auth_recv_revoked(struct proc_peer *, struct imsg *);
/* 1 if it has to be called again soon. */
int	 auth_revoke_tick(void);

/* ---- auth_list.c: long answers, no faster than router takes them ---- */

enum auth_list {
	AUTH_LIST_USERS, AUTH_LIST_TOKENS, AUTH_LIST_NODES,
	AUTH_LIST_GRANTS,
	AUTH_LIST_TRAFFIC,
	AUTH_LIST_REACHABLE,	/* NODES_ENTRY ... NODES_END */
	AUTH_LIST_ALL,		/* the same, of all users */
	AUTH_LIST_PUBLISH,
	AUTH_LIST_SITES, AUTH_LIST_DOMAINS,
	AUTH_LIST_SESSIONS,
	AUTH_LIST_SYNC		/* PUBLICATION ... PUBLICATIONS */
};

/*
 * Start one for router: id is the control client's or the asker's; user_id
 * that of the owner, "" for all; nodes the names it may see, as in a token,
 * or for grants and sites the id of a node, "" for all.
 * 0, or -1 when too many are on their way.
 */
int	 auth_list_start(enum auth_list, uint32_t id, uint64_t session,
	    const char *user_id, const char *nodes);
/* The same for a question of a session, as far as it wants to know. */
int	 auth_list_nodes(enum auth_list, uint32_t id, const struct nodes_ask *,
	    const char *user_id, const char *nodes);
/* The same, of what was carried in a month. */
int	 auth_list_traffic(uint32_t id, uint32_t month);
int	 auth_list_tick(void);

/* ---- auth_admin.c, auth_admin_token.c: what accessctl asks ---- */

int	 auth_recv_ctl_user(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_name(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_token(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_rename(struct proc_peer *, struct imsg *);

/* One request: who asks and what, for the answer and the audit log. */
struct auth_request {
	uint32_t	 client;
	const char	*what;		/* "user disable" */
	const char	*subject;	/* an email, token id or node */
};

/* Answer it, for good or with an enum ctl_code; and the audit line. */
int	 auth_admin_ok(const struct auth_request *, const char *, ...)
	    __attribute__((__format__ (printf, 2, 3)));
int	 auth_admin_error(const struct auth_request *, uint32_t, const char *,
	    ...) __attribute__((__format__ (printf, 3, 4)));
/* The same for what the store has said, if it was neither OK nor NONE. */
int	 auth_admin_store(const struct auth_request *);
/*
 * The user with this email address, the node of this name; or both, where
 * "" asks for none and gives zeros.  0, or -1 when there is none or the store
 * can't say, and that was answered.
 */
int	 auth_admin_user_find(const struct auth_request *, const char *,
	    struct store_user *);
int	 auth_admin_node_find(const struct auth_request *, const char *,
	    struct store_node *);
int	 auth_admin_pair_find(const struct auth_request *, const char *email,
	    const char *node, struct store_user *, struct store_node *);
/* Done in the store; what rests on it is to end before the answer goes. */
int	 auth_admin_revoke(const struct auth_request *, uint32_t what,
	    const char *id, const struct auth_about *, const char *why,
	    const char *text);
int	 auth_admin_token_revoke(const struct auth_request *, const char *);
int	 auth_admin_node_show(const struct auth_request *, const char *);
int	 auth_admin_node_remove(const struct auth_request *, const char *);
int	 auth_recv_ctl_limit(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_traffic(struct proc_peer *, struct imsg *);
void	 auth_traffic_record(uint32_t month, const struct store_traffic *,
	    struct ctl_traffic *);
/* A record of a node, as far as auth knows it. */
void	 auth_admin_node(const struct store_node *, struct ctl_node *);

/* ---- auth_publish.c: published ports ---- */

void	 auth_publish_conf_begin(void);
int	 auth_recv_conf_publish(struct proc_peer *, struct imsg *);
void	 auth_publish_conf_end(void);
/* Tell router again of all that may be open: something has changed. */
void	 auth_publish_sync(void);
void	 auth_publish_router_up(void);
int	 auth_publish_tick(void);
/* That has been done, or failed and is to be done again. */
void	 auth_publish_synced(int);
/* May it be open now? */
int	 auth_publish_may(const struct store_publication *);
int	 auth_recv_publish_tried(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_publish(struct proc_peer *, struct imsg *);
int	 auth_admin_publish_remove(const struct auth_request *, const char *);
/* A record of one, as far as auth knows it. */
void	 auth_admin_publication(const struct store_publication *,
	    struct ctl_publish *);

/* ---- auth_site.c: what host names lead to ---- */

/* The configuration: below which domain nodes have their names. */
void	 auth_site_conf(const char *domain);
/* Of this node ("": of any) something else may be true now: tell router. */
void	 auth_site_changed(const char *node_id);
/* 1: to be called again soon. */
int	 auth_site_tick(void);
/* The host name of a node's service, or "" if there can't be one. */
void	 auth_site_host(const char *node, const char *service,
	    char[DOMAIN_LEN]);
/* Is this host name one of the relay's own, or below its domain? */
int	 auth_site_own(const char *host);
/* What it leads to; code says if it does, or why that is not known. */
void	 auth_site_find(const struct site_ask *, struct site *);
int	 auth_recv_site_ask(struct proc_peer *, struct imsg *);

/* ---- auth_admin_site.c ---- */

int	 auth_recv_ctl_site(struct proc_peer *, struct imsg *);
int	 auth_recv_ctl_domain(struct proc_peer *, struct imsg *);
/* Records of them. */
void	 auth_admin_site(const struct store_site *, struct ctl_site *);
void	 auth_admin_domain(const struct store_domain *, struct ctl_domain *);
/* The rest of what is shown of a node alone. */
void	 auth_admin_node_http(struct ctl_node *);

/* ---- auth_traffic.c: bytes that were carried, and may be ---- */

/* What counts, with the configuration behind it: rate and month. */
void	 auth_limit_effective(uint32_t what, const struct store_limit *,
	    uint64_t *, uint64_t *);
/* And what is used: rate, quota, used; 0 each if it is not known. */
void	 auth_limit_figures(uint32_t what, const char *id, uint64_t *,
	    uint64_t *, uint64_t *);
/* In a month: in and out. */
enum store_result auth_traffic_of(uint32_t month, uint32_t what,
	    const char *id, uint64_t *, uint64_t *);
/* Tell router, of one or of all. */
void	 auth_limit_changed(uint32_t what, const char *id);
void	 auth_limits_changed(void);
int	 auth_recv_meter_ask(struct proc_peer *, struct imsg *);
int	 auth_recv_traffic(struct proc_peer *, struct imsg *);
/* Write what is due, one batch of it, 1 if there is more; everything. */
int	 auth_traffic_tick(void);
void	 auth_traffic_stop(void);

/* ---- auth_audit.c: what is written behind, in batches ---- */

#define AUTH_AUDIT_QUEUE	4096	/* lines; then the oldest are lost */
#define AUTH_BATCH		500	/* changes in a transaction */
#define AUTH_AUDIT_DAYS		90	/* that lines are kept */

/* Copied; at is filled in if 0. */
void	 auth_audit(const struct audit_event *);
/* A denied log-in, of which a flood is not kept whole; 1 if it is. */
int	 auth_audit_denied(const struct audit_event *);
void	 auth_used(const char *token_id);
void	 auth_session_used(const char *id);	/* in the store */
/* since 0: it was connected before, and still is. */
void	 auth_node_state(const char *node_id, int up, int64_t since);
/* When that last was, if the store does not know yet; 0: it does. */
int64_t	 auth_node_seen(const char *node_id);
/* At most every second; 1: there is more than one batch, come again soon. */
int	 auth_audit_tick(void);
/* Write all there is: the end. */
void	 auth_audit_flush(void);
int	 auth_recv_audit(struct proc_peer *, struct imsg *);
/* What waits, bytes, and how many that is. */
size_t	 auth_audit_memory(size_t *);
/* Write now what can be written of what waits, to be read. */
void	 auth_audit_settle(void);

/* ---- auth_backup.c: copies of the store, for accessctl and each day ---- */

/* How many days are kept; 0: none is made. */
void	 auth_backup_keep(uint32_t);
/* In the folder of the store, as it is called now: remove what was left. */
void	 auth_backup_init(const char *folder);
int	 auth_backup_tick(void);
int	 auth_recv_copy(struct proc_peer *, struct imsg *);
int	 auth_recv_copy_cancel(struct proc_peer *, struct imsg *);

/* ---- auth_audit_list.c: what is read of it ---- */

#define AUTH_AUDIT_PAGE	256		/* lines looked at in one go */

int	 auth_recv_audit_ask(struct proc_peer *, struct imsg *);

#endif /* AUTH_H */
