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

/* What was asked at the control socket and changed something: on record. */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "control_req.h"
#include "log.h"
#include "router.h"

/* "pi, 1048576 bytes/s, default quota"; 0 is no limit, and not nothing. */
static void
control_limit(const struct ctl_limit *l, char *what, size_t size)
{
	char	 number[48];

	strlcpy(what, l->name, size);
	if (l->rate_set == CTL_LIMIT_SET && l->rate == 0)
		strlcat(what, ", no limit of bandwidth", size);
	else if (l->rate_set == CTL_LIMIT_SET) {
		snprintf(number, sizeof(number), ", %llu bytes/s",
		    (unsigned long long)l->rate);
		strlcat(what, number, size);
	} else if (l->rate_set == CTL_LIMIT_DEFAULT)
		strlcat(what, ", default bandwidth", size);
	if (l->quota_set == CTL_LIMIT_SET && l->quota == 0)
		strlcat(what, ", no limit a month", size);
	else if (l->quota_set == CTL_LIMIT_SET) {
		snprintf(number, sizeof(number), ", %llu bytes a month",
		    (unsigned long long)l->quota);
		strlcat(what, number, size);
	} else if (l->quota_set == CTL_LIMIT_DEFAULT)
		strlcat(what, ", default quota", size);
}

/* Whom a request is about: 1, if it is about somebody. */
static int
subject_user(const struct control *c, struct audit_event *a, char *what,
    size_t size)
{
	const union control_payload	*p = &c->payload;

	switch (c->req->type) {
	case CTL_USER_ADD:
	case CTL_USER_PASSWD:
		strlcpy(a->email, p->user.email, sizeof(a->email));
		strlcpy(what, p->user.email, size);
		break;
	case CTL_USER_ENABLE:
	case CTL_USER_DISABLE:
	case CTL_USER_DELETE:
		strlcpy(a->email, p->name.name, sizeof(a->email));
		strlcpy(what, p->name.name, size);
		break;
	case CTL_TOKEN_CREATE:
		strlcpy(a->email, p->token.email, sizeof(a->email));
		strlcpy(a->token_id, p->token.token_id, sizeof(a->token_id));
		snprintf(what, size, "%s of %s", p->token.token_id,
		    p->token.email);
		break;
	case CTL_TOKEN_REVOKE:
		strlcpy(a->token_id, p->name.name, sizeof(a->token_id));
		strlcpy(what, p->name.name, size);
		break;
	case CTL_SESSION_REVOKE:
		strlcpy(a->email, p->session.email, sizeof(a->email));
		strlcpy(a->node, p->session.node, sizeof(a->node));
		strlcpy(what, p->session.id[0] != '\0' ? p->session.id :
		    p->session.email[0] != '\0' ? p->session.email :
		    p->session.node, size);
		break;
	default:
		return (0);
	}
	return (1);
}

static void
subject_domain(const struct ctl_domain *d, const char *word,
    struct audit_event *a, char *what, size_t size)
{
	strlcpy(a->node, d->node, sizeof(a->node));
	snprintf(what, size, "%.100s %s %.40s%s%.40s", d->name, word, d->node,
	    d->service[0] == '\0' ? "" : ":", d->service);
}

/* Or about which node, and what leads to it. */
static int
subject_node(const struct control *c, struct audit_event *a, char *what,
    size_t size)
{
	static const char *const	 access[] = SITE_ACCESS_NAMES;
	const union control_payload	*p = &c->payload;

	switch (c->req->type) {
	case CTL_NODE_RENAME:
		strlcpy(a->node, p->rename.from, sizeof(a->node));
		snprintf(what, size, "%s to %s", p->rename.from,
		    p->rename.to);
		break;
	case CTL_NODE_REMOVE:
	case CTL_NODE_KICK:
		strlcpy(a->node, p->name.name, sizeof(a->node));
		strlcpy(what, p->name.name, size);
		break;
	case CTL_PAIR:
		strlcpy(a->node, p->pair.node, sizeof(a->node));
		strlcpy(what, p->pair.node, size);
		break;
	case CTL_GRANT_SET:
	case CTL_GRANT_REVOKE:
		strlcpy(a->email, p->grant.email, sizeof(a->email));
		strlcpy(a->node, p->grant.node, sizeof(a->node));
		snprintf(what, size, "of %s to %s", p->grant.email,
		    p->grant.node);
		break;
	case CTL_SITE_SET:
	case CTL_SITE_REMOVE:
		strlcpy(a->node, p->site.node, sizeof(a->node));
		snprintf(what, size, "%s%s%s", p->site.node,
		    p->site.service[0] == '\0' ? "" : ":", p->site.service);
		if (c->req->type == CTL_SITE_SET &&
		    p->site.access < nitems(access)) {
			strlcat(what, " http=", size);
			strlcat(what, access[p->site.access], size);
		}
		break;
	case CTL_DOMAIN_ADD:
		subject_domain(&p->domain, "to", a, what, size);
		if (p->domain.passthrough)
			strlcat(what, ", untouched", size);
		break;
	case CTL_DOMAIN_REMOVE:
		/* Auth knows where it led; if nowhere, only what was asked. */
		if (c->found)
			subject_domain(&p->domain, "from", a, what, size);
		else
			snprintf(what, size, "%.150s", p->domain.name);
		break;
	default:
		return (0);
	}
	return (1);
}

/* Auth knows whose port it is; of one that it refuses, only what was asked. */
static void
subject_port(const struct control *c, struct audit_event *a, char *what,
    size_t size)
{
	const struct ctl_publish	*p = &c->payload.publish;

	if (!c->found && c->req->type == CTL_PUBLISH_REMOVE) {
		strlcpy(what, c->payload.name.name, size);
		return;
	}
	if (c->found) {
		strlcpy(a->email, p->email, sizeof(a->email));
		strlcpy(a->node, p->node, sizeof(a->node));
	} else
		snprintf(a->node, sizeof(a->node), "%.*s",
		    (int)strcspn(p->target, ":"), p->target);
	snprintf(what, size, "%.95s to %.60s", p->spec, p->target);
}

/* Whom or what a request is about. */
static void
control_subject(const struct control *c, struct audit_event *a, char *what,
    size_t size)
{
	const union control_payload	*p = &c->payload;

	if (subject_user(c, a, what, size) || subject_node(c, a, what, size))
		return;
	switch (c->req->type) {
	case CTL_PUBLISH_ADD:
	case CTL_PUBLISH_REMOVE:
		subject_port(c, a, what, size);
		break;
	case CTL_BACKUP:
	case CTL_CHECK:
		strlcpy(what, "the store", size);
		break;
	case CTL_USER_LIMIT:
	case CTL_NODE_LIMIT:
		if (c->req->type == CTL_USER_LIMIT)
			strlcpy(a->email, p->limit.name, sizeof(a->email));
		else
			strlcpy(a->node, p->limit.name, sizeof(a->node));
		control_limit(&p->limit, what, size);
		break;
	case CTL_LOG:
		strlcpy(what, p->name.name, size);
		break;
	case CTL_UPGRADE:
		strlcpy(what, "relayd", size);
		break;
	case CTL_CONN_KILL:
		snprintf(what, size, "%llu", (unsigned long long)p->id.id);
		break;
	default:
		strlcpy(what, "configuration", size);
		break;
	}
}

void
control_record(const struct control *c, const struct ctl_end *end)
{
	struct audit_event	 a;
	char			 what[CTL_EMAIL_LEN + CTL_NAME_LEN + 8];
	const char		*result;

	/* Who left wants no copy any more. */
	if (c->req != NULL && c->wait == CONTROL_AUTH &&
	    end->code != CTL_CODE_OK &&
	    (c->req->type == CTL_BACKUP || c->req->type == CTL_CHECK))
		(void)proc_send(router_auth(), IMSG_COPY_CANCEL, c->id, -1,
		    &c->payload.name, sizeof(c->payload.name));
	if (c->req == NULL || c->req->name == NULL ||
	    (c->req->type == CTL_LOG && c->payload.name.name[0] == '\0'))
		return;
	audit_init(&a, AUDIT_ADMIN, NULL);
	control_subject(c, &a, what, sizeof(what));
	/* If it is done we are not there any more to say so. */
	result = c->req->type == CTL_UPGRADE && end->code == CTL_CODE_OK ?
	    "begun" : end->code == CTL_CODE_OK ? "done" :
	    end->text[0] != '\0' ? end->text : "failed";
	snprintf(a.addr, sizeof(a.addr), "uid %u", c->uid);
	snprintf(a.text, sizeof(a.text), "%s %s: ", c->req->name, what);
	strlcat(a.text, result, sizeof(a.text));
	audit_send(&a);
	log_info("control: uid %u: %s", c->uid, a.text);
}
