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
 * What an administrator asks about users, and how requests are answered.
 * They come from accessctl through router: what is wrong with one is the
 * administrator's mistake, and answered.
 */

#include "compat.h"

#include <imsg.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "log.h"

static int	admin_garbled(uint32_t);
static int	admin_user_add(const struct auth_request *, struct ctl_user *);
static int	admin_user_passwd(const struct auth_request *,
		    const struct ctl_user *);
static int	admin_user_enable(const struct auth_request *, const char *,
		    int);
static int	admin_user_delete(const struct auth_request *, const char *);
static int	admin_list(const struct auth_request *, enum auth_list,
		    const char *);

/* ---- answers ---- */

int
auth_admin_ok(const struct auth_request *req, const char *fmt, ...)
{
	struct ctl_end	 end;
	va_list		 ap;

	memset(&end, 0, sizeof(end));
	end.code = CTL_CODE_OK;
	va_start(ap, fmt);
	(void)vsnprintf(end.text, sizeof(end.text), fmt, ap);
	va_end(ap);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_OK, req->client, -1,
	    &end, sizeof(end));
	return (0);
}

int
auth_admin_error(const struct auth_request *req, uint32_t code,
    const char *fmt, ...)
{
	struct ctl_end	 end;
	va_list		 ap;

	memset(&end, 0, sizeof(end));
	end.code = code;
	va_start(ap, fmt);
	(void)vsnprintf(end.text, sizeof(end.text), fmt, ap);
	va_end(ap);
	log_debug("admin: %s %s: %s", req->what, req->subject, end.text);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_ERROR, req->client, -1,
	    &end, sizeof(end));
	return (0);
}

int
auth_admin_store(const struct auth_request *req)
{
	auth_trouble("an administrator's request failed");
	return (auth_admin_error(req, CTL_CODE_STORE, "%s",
	    store_error(auth_store)));
}

int
auth_admin_user_find(const struct auth_request *req, const char *email,
    struct store_user *u)
{
	switch (store_user_find(auth_store, email, u)) {
	case STORE_OK:
		return (0);
	case STORE_NONE:
		(void)auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no user %s: accessctl user list shows them", email);
		return (-1);
	default:
		(void)auth_admin_store(req);
		return (-1);
	}
}

int
auth_admin_node_find(const struct auth_request *req, const char *name,
    struct store_node *n)
{
	switch (store_node_find(auth_store, name, n)) {
	case STORE_OK:
		return (0);
	case STORE_NONE:
		(void)auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no node %s: accessctl node list shows them", name);
		return (-1);
	default:
		(void)auth_admin_store(req);
		return (-1);
	}
}

int
auth_admin_pair_find(const struct auth_request *req, const char *email,
    const char *node, struct store_user *u, struct store_node *n)
{
	memset(u, 0, sizeof(*u));
	memset(n, 0, sizeof(*n));
	if (email[0] != '\0' && auth_admin_user_find(req, email, u) == -1)
		return (-1);
	return (node[0] == '\0' ? 0 : auth_admin_node_find(req, node, n));
}

int
auth_admin_revoke(const struct auth_request *req, uint32_t what,
    const char *id, const struct auth_about *about, const char *why,
    const char *text)
{
	auth_revoke_answer(what, id, about, why, req->client, text);
	return (0);
}

/* A string without its end comes from no accessctl of ours. */
static int
admin_garbled(uint32_t client)
{
	const struct auth_request	 req = { client, "?", "" };

	return (auth_admin_error(&req, CTL_CODE_INVALID,
	    "the request is garbled: is accessctl of another version?"));
}

/* ---- users ---- */

static int
admin_user_add(const struct auth_request *req, struct ctl_user *c)
{
	struct store_user	 u;

	if (!name_email_ok(c->email))
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "%s is no email address", c->email));
	if (c->username[0] == '\0')
		(void)snprintf(c->username, sizeof(c->username), "%.*s",
		    (int)strcspn(c->email, "@"), c->email);
	if (!name_text_ok(c->username))
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "the username has characters that can't be shown"));
	if (c->hash[0] != '\0' && !name_hash_ok(c->hash))
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "the password is no crypt(3) hash"));
	memset(&u, 0, sizeof(u));
	store_uuid(u.id);
	strlcpy(u.email, c->email, sizeof(u.email));
	strlcpy(u.username, c->username, sizeof(u.username));
	u.admin = c->admin != 0;
	u.enabled = 1;
	u.created_at = auth_wall();
	switch (store_user_add(auth_store, &u,
	    c->hash[0] == '\0' ? NULL : c->hash)) {
	case STORE_OK:
		return (auth_admin_ok(req, "%s", ""));
	case STORE_EXISTS:
		return (auth_admin_error(req, CTL_CODE_EXISTS,
		    "there is a user %s already", c->email));
	default:
		return (auth_admin_store(req));
	}
}

static int
admin_user_passwd(const struct auth_request *req, const struct ctl_user *c)
{
	struct store_user	 u;
	const struct auth_about	 about = { .email = u.email };
	int			 n;

	if (c->hash[0] != '\0' && !name_hash_ok(c->hash))
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "the password is no crypt(3) hash"));
	if (auth_admin_user_find(req, c->email, &u) == -1)
		return (0);
	/* Who came in by the old one is out before there is a new one. */
	if (store_session_remove_of(auth_store, u.id, NULL, SESSION_WEB,
	    &n) != STORE_OK || store_user_password(auth_store, u.id,
	    c->hash[0] == '\0' ? NULL : c->hash) != STORE_OK)
		return (auth_admin_store(req));
	return (auth_admin_revoke(req, REVOKE_PASSWORD, u.id,
	    &about, "the password was changed", ""));
}

static int
admin_user_enable(const struct auth_request *req, const char *email, int on)
{
	struct store_user	 u;
	const struct auth_about	 about = { .email = u.email };

	if (auth_admin_user_find(req, email, &u) == -1)
		return (0);
	if (store_user_enable(auth_store, u.id, on) != STORE_OK)
		return (auth_admin_store(req));
	if (on) {
		auth_publish_sync();
		auth_site_changed("");
		return (auth_admin_ok(req, "%s", ""));
	}
	return (auth_admin_revoke(req, REVOKE_USER, u.id, &about,
	    "user is disabled", ""));
}

static int
admin_user_delete(const struct auth_request *req, const char *email)
{
	struct store_user	 u;
	const struct auth_about	 about = { .email = u.email };

	if (auth_admin_user_find(req, email, &u) == -1)
		return (0);
	if (store_user_delete(auth_store, u.id) != STORE_OK)
		return (auth_admin_store(req));
	(void)store_limits_tidy(auth_store);
	return (auth_admin_revoke(req, REVOKE_USER, u.id, &about,
	    "user was deleted", ""));
}

int
auth_recv_ctl_user(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_user		 c;
	struct auth_request	 req = { imsg_get_id(imsg), "", c.email };
	int			 ret;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.email, '\0', sizeof(c.email)) == NULL ||
	    memchr(c.username, '\0', sizeof(c.username)) == NULL ||
	    memchr(c.hash, '\0', sizeof(c.hash)) == NULL)
		return (admin_garbled(req.client));
	name_lower(c.email);
	if (imsg_get_type(imsg) == CTL_USER_ADD) {
		req.what = "user add";
		ret = admin_user_add(&req, &c);
	} else {
		req.what = "user passwd";
		ret = admin_user_passwd(&req, &c);
	}
	explicit_bzero(&c, sizeof(c));
	return (ret);
}

/* ---- requests that are a name ---- */

static int
admin_list(const struct auth_request *req, enum auth_list kind,
    const char *email)
{
	struct store_user	 u = { .id = "" };

	if (email[0] != '\0' && auth_admin_user_find(req, email, &u) == -1)
		return (0);
	if (auth_list_start(kind, req->client, 0, u.id, "") == -1)
		return (auth_admin_error(req, CTL_CODE_INTERNAL,
		    "too many requests at once: try again"));
	return (0);
}

int
auth_recv_ctl_name(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_name		 c;
	struct auth_request	 req = { imsg_get_id(imsg), "", c.name };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (admin_garbled(req.client));
	name_lower(c.name);
	switch (imsg_get_type(imsg)) {
	case CTL_USER_LIST:
		req.what = "user list";
		return (admin_list(&req, AUTH_LIST_USERS, ""));
	case CTL_USER_ENABLE:
		req.what = "user enable";
		return (admin_user_enable(&req, c.name, 1));
	case CTL_USER_DISABLE:
		req.what = "user disable";
		return (admin_user_enable(&req, c.name, 0));
	case CTL_USER_DELETE:
		req.what = "user delete";
		return (admin_user_delete(&req, c.name));
	case CTL_TOKEN_LIST:
		req.what = "token list";
		return (admin_list(&req, AUTH_LIST_TOKENS, c.name));
	case CTL_TOKEN_REVOKE:
		req.what = "token revoke";
		return (auth_admin_token_revoke(&req, c.name));
	case CTL_NODE_LIST:
		req.what = "node list";
		return (admin_list(&req, AUTH_LIST_NODES, ""));
	case CTL_NODE_SHOW:
		req.what = "node show";
		return (auth_admin_node_show(&req, c.name));
	case CTL_NODE_REMOVE:
		req.what = "node remove";
		return (auth_admin_node_remove(&req, c.name));
	case CTL_DOMAIN_LIST:
		req.what = "domain list";
		return (admin_list(&req, AUTH_LIST_DOMAINS, ""));
	case CTL_PUBLISH_LIST:
		req.what = "publish list";
		return (admin_list(&req, AUTH_LIST_PUBLISH, ""));
	case CTL_PUBLISH_REMOVE:
		req.what = "publish remove";
		return (auth_admin_publish_remove(&req, c.name));
	default:
		return (-1);
	}
}
