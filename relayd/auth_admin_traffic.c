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
 * What an administrator asks about limits of bandwidth and traffic.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "month.h"

static int	admin_subject(const struct auth_request *, uint32_t,
		    const char *, char *, size_t);
static int	admin_limit(const struct auth_request *, uint32_t,
		    const struct ctl_limit *);
static int	admin_traffic_one(const struct auth_request *, uint32_t,
		    const struct ctl_traffic *, const char *);

/* The id behind a name.  0, or -1 when there is none and that was answered. */
static int
admin_subject(const struct auth_request *req, uint32_t what, const char *name,
    char *id, size_t size)
{
	struct store_user	 u;
	struct store_node	 n;
	enum store_result	 r;

	if (what == METER_USER) {
		r = store_user_find(auth_store, name, &u);
		if (r == STORE_OK)
			strlcpy(id, u.id, size);
	} else {
		r = store_node_find(auth_store, name, &n);
		if (r == STORE_OK)
			strlcpy(id, n.id, size);
	}
	if (r == STORE_OK)
		return (0);
	if (r == STORE_NONE)
		(void)auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no %s %s: accessctl %s list shows them",
		    what == METER_USER ? "user" : "node", name,
		    what == METER_USER ? "user" : "node");
	else
		(void)auth_admin_store(req);
	return (-1);
}

static int
admin_limit(const struct auth_request *req, uint32_t what,
    const struct ctl_limit *c)
{
	struct store_limit	 l;
	char			 id[USER_ID_LEN + 4];

	if (c->rate_set > CTL_LIMIT_DEFAULT ||
	    c->quota_set > CTL_LIMIT_DEFAULT)
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "the request is garbled: is accessctl of another "
		    "version?"));
	if (admin_subject(req, what, c->name, id, sizeof(id)) == -1)
		return (0);
	if (store_limit_find(auth_store, what, id, &l) != STORE_OK)
		return (auth_admin_store(req));
	if (c->rate_set != CTL_LIMIT_KEEP) {
		l.has_rate = c->rate_set == CTL_LIMIT_SET;
		l.rate = c->rate;
	}
	if (c->quota_set != CTL_LIMIT_KEEP) {
		l.has_month = c->quota_set == CTL_LIMIT_SET;
		l.month = c->quota;
	}
	if (store_limit_set(auth_store, what, id, &l) != STORE_OK)
		return (auth_admin_store(req));
	/* Router has it before the administrator hears of it. */
	auth_limit_changed(what, id);
	return (auth_admin_ok(req, "%s", ""));
}

int
auth_recv_ctl_limit(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_limit	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "", c.name };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (-1);
	name_lower(c.name);
	if (imsg_get_type(imsg) == CTL_USER_LIMIT) {
		req.what = "user limit";
		return (admin_limit(&req, METER_USER, &c));
	}
	req.what = "node limit";
	return (admin_limit(&req, METER_NODE, &c));
}

/* ---- traffic ---- */

/* Quotas are of the month that it is; of others only bytes are known. */
void
auth_traffic_record(uint32_t month, const struct store_traffic *t,
    struct ctl_traffic *c)
{
	static const char *const names[] = METER_NAMES;
	struct store_limit	 l;
	uint64_t		 rate;

	memset(c, 0, sizeof(*c));
	month_text(month, c->month);
	strlcpy(c->what, names[t->what], sizeof(c->what));
	strlcpy(c->name, t->name[0] != '\0' ? t->name : t->id,
	    sizeof(c->name));
	c->in = t->in;
	c->out = t->out;
	c->rest = UINT64_MAX;
	if (month != month_of(auth_wall()) ||
	    store_limit_find(auth_store, t->what, t->id, &l) != STORE_OK)
		return;
	auth_limit_effective(t->what, &l, &rate, &c->quota);
	if (c->quota != 0)
		c->rest = c->quota > t->in + t->out ?
		    c->quota - t->in - t->out : 0;
}

static int
admin_traffic_one(const struct auth_request *req, uint32_t month,
    const struct ctl_traffic *c, const char *id)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct store_traffic	 t;
	struct ctl_traffic	 rec;
	struct ctl_end		 end;

	memset(&t, 0, sizeof(t));
	t.what = strcmp(c->what, "user") == 0 ? METER_USER : METER_NODE;
	strlcpy(t.id, id, sizeof(t.id));
	strlcpy(t.name, c->name, sizeof(t.name));
	if (auth_traffic_of(month, t.what, id, &t.in, &t.out) != STORE_OK)
		return (auth_admin_store(req));
	auth_traffic_record(month, &t, &rec);
	(void)proc_send(router, CTL_TRAFFIC, req->client, -1, &rec,
	    sizeof(rec));
	memset(&end, 0, sizeof(end));
	(void)proc_send(router, CTL_OK, req->client, -1, &end, sizeof(end));
	return (0);
}

int
auth_recv_ctl_traffic(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_traffic	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "traffic",
				    c.name };
	char			 id[USER_ID_LEN + 4];
	uint32_t		 month = month_of(auth_wall());

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.month, '\0', sizeof(c.month)) == NULL ||
	    memchr(c.what, '\0', sizeof(c.what)) == NULL ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (-1);
	name_lower(c.name);
	if (c.month[0] != '\0' && month_parse(c.month, &month) == -1)
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "%s is no month: like 2026-11", c.month));
	if (c.what[0] != '\0') {
		if (admin_subject(&req, strcmp(c.what, "user") == 0 ?
		    METER_USER : METER_NODE, c.name, id, sizeof(id)) == -1)
			return (0);
		return (admin_traffic_one(&req, month, &c, id));
	}
	/* The list is read from the store. */
	auth_traffic_stop();
	if (auth_list_traffic(req.client, month) == -1)
		return (auth_admin_error(&req, CTL_CODE_INTERNAL,
		    "too many requests at once: try again"));
	return (0);
}
