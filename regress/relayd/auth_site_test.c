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

/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

/*
 * Auth: which node and service a host name leads to.
 */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"

#define CLIENT	42

static struct store_node	 pi;

static void
node(struct store_node *n, const char *name)
{
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, name, sizeof(n->name));
	strlcpy(n->user_id, fake_user.id, sizeof(n->user_id));
	strlcpy(n->token, fake_row.id, sizeof(n->token));
	n->created_at = fake_wall;
	assert_int_equal(store_node_add(auth_store, n), STORE_OK);
}

static int
setup(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	node(&pi, "pi");
	auth_site_conf("relay.example.org");
	fake_forget();
	return (0);
}

/* What host leads to. */
static const struct site *
ask(const char *host, uint32_t passthrough)
{
	static struct site	 s;
	struct site_ask		 a;

	memset(&a, 0, sizeof(a));
	strlcpy(a.host, host, sizeof(a.host));
	a.passthrough = passthrough;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_site_ask, PROC_ROUTER, 0,
	    IMSG_SITE_ASK, 5, &a, sizeof(a)), 0);
	memcpy(&s, fake_one(PROC_ROUTER, IMSG_SITE, sizeof(s)), sizeof(s));
	assert_int_equal(fake_sent[0].id, 5);
	assert_string_equal(s.host, host);
	assert_int_equal(s.passthrough, passthrough);
	assert_true(s.session == 0);
	return (&s);
}

static void
leads_to(const char *host, const char *name, const char *service,
    uint32_t access)
{
	const struct site	*s = ask(host, 0);

	if (s->code != 0 || s->access != access ||
	    strcmp(s->node, name) != 0 || strcmp(s->service, service) != 0)
		fail_msg("%s: code %u, node %s, service %s, access %u", host,
		    s->code, s->node, s->service, s->access);
	assert_string_equal(s->email, fake_user.email);
	assert_string_equal(s->user_id, fake_user.id);
	assert_string_equal(s->node_id, pi.id);
}

static void
leads_nowhere(const char *host)
{
	const struct site	*s = ask(host, 0);

	if (s->code != MUX_CODE_NO_NODE || s->node[0] != '\0' ||
	    s->email[0] != '\0')
		fail_msg("%s: code %u, node %s", host, s->code, s->node);
}

static void
domain(const char *name, const char *service, int passthrough)
{
	struct store_domain	 d;

	memset(&d, 0, sizeof(d));
	strlcpy(d.name, name, sizeof(d.name));
	strlcpy(d.site.node_id, pi.id, sizeof(d.site.node_id));
	strlcpy(d.site.service, service, sizeof(d.site.service));
	d.passthrough = passthrough;
	assert_int_equal(store_domain_add(auth_store, &d), STORE_OK);
}

static void
ask_set(uint32_t type, const char *name, const char *service,
    uint32_t access)
{
	struct ctl_site	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.node, name, sizeof(c.node));
	strlcpy(c.service, service, sizeof(c.service));
	c.access = access;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_site, PROC_ROUTER, 0, type,
	    CLIENT, &c, sizeof(c)), 0);
}

static void
ask_domain(uint32_t type, const char *name, const char *to,
    const char *service)
{
	struct ctl_domain	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.name, name, sizeof(c.name));
	strlcpy(c.node, to, sizeof(c.node));
	strlcpy(c.service, service, sizeof(c.service));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_domain, PROC_ROUTER, 0,
	    type, CLIENT, &c, sizeof(c)), 0);
}

/* It is not answered before router has ended what there was. */
static void
revoked(const char *part)
{
	const struct revoke	*r;
	const struct ctl_end	*answer;
	struct ctl_end		 end;
	uint32_t		 id;

	/* Beside what it was, for the record. */
	assert_int_equal(fake_nsent, 1 + fake_count(CTL_DOMAIN));
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_SITE);
	assert_string_equal(r->id, pi.id);
	id = fake_sent[fake_nsent - 1].id;
	memset(&end, 0, sizeof(end));
	end.streams = 3;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_revoked, PROC_ROUTER, 0,
	    IMSG_REVOKED, id, &end, sizeof(end)), 0);
	answer = fake_one(PROC_ROUTER, CTL_OK, sizeof(*answer));
	assert_int_equal(answer->streams, 3);
	if (strstr(answer->text, part) == NULL)
		fail_msg("%s, not %s", answer->text, part);
}

/* ---- names ---- */

static void
node_and_service_are_in_the_name(void **state)
{
	leads_to("pi.relay.example.org", "pi", "", SITE_PRIVATE);
	leads_to("grafana--pi.relay.example.org", "pi", "grafana",
	    SITE_PRIVATE);
	leads_to("a-b--pi.relay.example.org", "pi", "a-b", SITE_PRIVATE);
}

static void
what_is_no_name_of_a_node(void **state)
{
	static const char *const	 hosts[] = {
		"relay.example.org", "nas.relay.example.org",
		"x.pi.relay.example.org", "pi.pi.relay.example.org",
		"--pi.relay.example.org", "a--.relay.example.org",
		"a---pi.relay.example.org", "-a--pi.relay.example.org",
		"a--b--pi.relay.example.org", "pirelay.example.org",
		"pi.example.org", "pi", "pi.", ".relay.example.org",
		"pi.relay.example.org.evil.example", "pi..relay.example.org",
		"PI.relay.example.org", "pi.localhost", "p%69.relay.example."
		"org", "pi.relay.example.org/", "' OR 1=1 --.relay.example."
		"org", "192.0.2.1", "[::1]", "xn--pi.relay.example.org",
	};
	char				 host[DOMAIN_LEN];
	size_t				 i;

	for (i = 0; i < nitems(hosts); i++)
		leads_nowhere(hosts[i]);
	memset(host, 'a', sizeof(host));
	memcpy(host + 64, "--pi.relay.example.org",
	    sizeof("--pi.relay.example.org"));
	leads_nowhere(host);
	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	leads_nowhere(host);
}

static void
without_a_domain_they_are_below_localhost(void **state)
{
	auth_site_conf("");
	leads_to("pi.localhost", "pi", "", SITE_PRIVATE);
	leads_nowhere("pi.relay.example.org");
	/* Router hears that all is different. */
	fake_forget();
	auth_site_conf("Relay.Example.ORG");
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 1);
	leads_to("pi.relay.example.org", "pi", "", SITE_PRIVATE);
	fake_forget();
	auth_site_conf("relay.example.org");
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 0);
}

static void
name_from_before_the_rule_has_no_site(void **state)
{
	fake_sql("UPDATE nodes SET name = 'a--pi'");
	leads_nowhere("a--pi.relay.example.org");
	fake_sql("UPDATE nodes SET name = 'pi_1'");
	leads_nowhere("pi_1.relay.example.org");
}

static void
disabled_owner_shows_nothing(void **state)
{
	domain("app.example.com", "", 0);
	leads_to("app.example.com", "pi", "", SITE_PRIVATE);
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	leads_nowhere("pi.relay.example.org");
	leads_nowhere("app.example.com");
}

static void
store_that_is_down_is_no_answer(void **state)
{
	fake_store_close();
	assert_int_equal(ask("pi.relay.example.org", 0)->code,
	    MUX_CODE_INTERNAL);
	assert_int_equal(ask("app.example.com", 1)->code, MUX_CODE_INTERNAL);
	assert_true(fake_trouble > 0);
	/* What can't be a site it need not be asked for. */
	leads_nowhere("relay.example.org");
}

/* ---- access ---- */

static void
service_is_as_its_node_but_for_its_own_word(void **state)
{
	assert_int_equal(store_service_set(auth_store, pi.id, "",
	    SITE_PUBLIC), STORE_OK);
	leads_to("pi.relay.example.org", "pi", "", SITE_PUBLIC);
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_PUBLIC);
	assert_int_equal(store_service_set(auth_store, pi.id, "x",
	    SITE_BASIC), STORE_OK);
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_BASIC);
	leads_to("y--pi.relay.example.org", "pi", "y", SITE_PUBLIC);
	assert_int_equal(store_service_set(auth_store, pi.id, "x",
	    SITE_PRIVATE), STORE_OK);
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_PRIVATE);
	assert_int_equal(store_service_remove(auth_store, pi.id, "x"),
	    STORE_OK);
	assert_int_equal(store_service_remove(auth_store, pi.id, "x"),
	    STORE_NONE);
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_PUBLIC);
}

static void
odd_access_of_others_is_private(void **state)
{
	assert_int_equal(store_service_set(auth_store, pi.id, "",
	    SITE_PUBLIC), STORE_OK);
	fake_sql("UPDATE services SET access = '?'");
	leads_to("pi.relay.example.org", "pi", "", SITE_PRIVATE);
	fake_sql("UPDATE services SET access = 'PUBLIC'");
	leads_to("pi.relay.example.org", "pi", "", SITE_PRIVATE);
	fake_sql("UPDATE services SET access = 'public and more of it'");
	leads_to("pi.relay.example.org", "pi", "", SITE_PRIVATE);
}

/* ---- own domains ---- */

static void
domain_leads_to_its_node(void **state)
{
	const struct site	*s;

	domain("app.example.com", "x", 0);
	leads_to("app.example.com", "pi", "x", SITE_PRIVATE);
	s = ask("app.example.com", 0);
	assert_int_equal(s->own_domain, 1);
	assert_int_equal(ask("pi.relay.example.org", 0)->own_domain, 0);
	leads_nowhere("www.app.example.com");
	leads_nowhere("example.com");
	/* Not past our own names, however it came into the store. */
	domain("x.relay.example.org", "", 0);
	leads_nowhere("x.relay.example.org");
}

static void
what_passes_through_is_asked_for_as_such(void **state)
{
	domain("tls.example.com", "tls", 1);
	domain("app.example.com", "", 0);
	leads_nowhere("tls.example.com");
	assert_int_equal(ask("tls.example.com", 1)->code, 0);
	assert_string_equal(ask("tls.example.com", 1)->service, "tls");
	assert_int_equal(ask("app.example.com", 1)->code, MUX_CODE_NO_NODE);
	assert_int_equal(ask("pi.relay.example.org", 1)->code,
	    MUX_CODE_NO_NODE);
}

static void
own_names_are_known(void **state)
{
	assert_true(auth_site_own("relay.example.org"));
	assert_true(auth_site_own("a.b.relay.example.org"));
	assert_true(auth_site_own("x.localhost"));
	assert_false(auth_site_own("example.org"));
	assert_int_equal(names_add(&auth_names, "app.example.com"), 0);
	/* A certificate that is there for an own domain. */
	assert_false(auth_site_own("app.example.com"));
	auth_site_conf("");
	assert_true(auth_site_own("app.example.com"));
	assert_false(auth_site_own("other.example.com"));
}

/* ---- what accessctl asks ---- */

static void
access_is_set_and_taken_back(void **state)
{
	char	 name[64];

	ask_set(CTL_SITE_SET, "PI", "", SITE_PUBLIC);
	revoked("it is at pi.relay.example.org");
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_PUBLIC);
	ask_set(CTL_SITE_SET, "pi", "X", SITE_BASIC);
	revoked("it is at x--pi.relay.example.org");
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_BASIC);
	ask_set(CTL_SITE_REMOVE, "pi", "x", 0);
	revoked("");
	leads_to("x--pi.relay.example.org", "pi", "x", SITE_PUBLIC);
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	ask_set(CTL_SITE_SET, "pi", name, SITE_PUBLIC);
	revoked("only a domain");
	fake_sql("UPDATE nodes SET name = 'a--b'");
	ask_set(CTL_SITE_SET, "a--b", "", SITE_PUBLIC);
	revoked("the node's name is none for a host");
}

static void
odd_settings_are_refused(void **state)
{
	struct ctl_site	 c;

	ask_set(CTL_SITE_SET, "pi", "", 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "private, public or basic");
	ask_set(CTL_SITE_SET, "pi", "", SITE_BASIC + 1);
	fake_refused(CLIENT, CTL_CODE_INVALID, "private, public or basic");
	ask_set(CTL_SITE_SET, "pi", "a--b", SITE_PUBLIC);
	fake_refused(CLIENT, CTL_CODE_INVALID, "a service name");
	ask_set(CTL_SITE_SET, "nope", "", SITE_PUBLIC);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node nope");
	ask_set(CTL_SITE_REMOVE, "pi", "x", 0);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "nothing is set");
	/* What a node is goes with it alone. */
	ask_set(CTL_SITE_SET, "pi", "", SITE_PUBLIC);
	revoked("");
	ask_set(CTL_SITE_REMOVE, "pi", "", 0);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "nothing is set");
	memset(&c, 'a', sizeof(c));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_site, PROC_ROUTER, 0,
	    CTL_SITE_SET, CLIENT, &c, sizeof(c)), 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	fake_store_close();
	ask_set(CTL_SITE_SET, "pi", "", SITE_PUBLIC);
	fake_refused(CLIENT, CTL_CODE_STORE, "");
}

static void
domains_are_added_and_removed(void **state)
{
	const struct sites_changed	*msg;
	const struct ctl_domain		*was;

	ask_domain(CTL_DOMAIN_ADD, "App.Example.COM.", "PI", "X");
	msg = fake_one(PROC_ROUTER, IMSG_SITES_CHANGED, sizeof(*msg));
	assert_string_equal(msg->node_id, pi.id);
	assert_int_equal(fake_count(CTL_OK), 1);
	leads_to("app.example.com", "pi", "x", SITE_PRIVATE);
	ask_domain(CTL_DOMAIN_ADD, "app.example.com", "pi", "");
	fake_refused(CLIENT, CTL_CODE_EXISTS, "leads to pi:x already");
	ask_domain(CTL_DOMAIN_REMOVE, "APP.example.com", "", "");
	was = fake_one(PROC_ROUTER, CTL_DOMAIN, sizeof(*was));
	assert_string_equal(was->name, "app.example.com");
	assert_string_equal(was->node, "pi");
	assert_string_equal(was->service, "x");
	revoked("");
	leads_nowhere("app.example.com");
	ask_domain(CTL_DOMAIN_REMOVE, "app.example.com", "", "");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no domain app.example.com");
}

static void
odd_domains_are_refused(void **state)
{
	static const char *const	 bad[] = {
		"", ".", "..", "app", "app..com", "-a.com", "a-.com",
		"a b.com", "*.example.com", "192.0.2.1", "a.1", "[::1]",
		"a_b.com", "app.example.com:80", "http://app.example.com",
		"app.example.com/", "\303\244.example.com",
	};
	static const char *const	 own[] = {
		"relay.example.org", "pi.relay.example.org",
		"a.b.relay.example.org", "x.localhost",
	};
	struct ctl_domain		 c;
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		ask_domain(CTL_DOMAIN_ADD, bad[i], "pi", "");
		fake_refused(CLIENT, CTL_CODE_INVALID,
		    "not the full name of a host");
	}
	for (i = 0; i < nitems(own); i++) {
		ask_domain(CTL_DOMAIN_ADD, own[i], "pi", "");
		fake_refused(CLIENT, CTL_CODE_INVALID, "of this relay");
	}
	ask_domain(CTL_DOMAIN_ADD, "app.example.com", "nope", "");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node nope");
	ask_domain(CTL_DOMAIN_ADD, "app.example.com", "pi", "-");
	fake_refused(CLIENT, CTL_CODE_INVALID, "a service name");
	memset(&c, 'a', sizeof(c));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_domain, PROC_ROUTER, 0,
	    CTL_DOMAIN_ADD, CLIENT, &c, sizeof(c)), 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
}

static void
names_of_services(void **state)
{
	char	 host[DOMAIN_LEN], long_name[64];

	auth_site_host("pi", "", host);
	assert_string_equal(host, "pi.relay.example.org");
	auth_site_host("pi", "x", host);
	assert_string_equal(host, "x--pi.relay.example.org");
	auth_site_host("a--pi", "", host);
	assert_string_equal(host, "");
	memset(long_name, 'a', sizeof(long_name));
	long_name[59] = '\0';
	auth_site_host("pi", long_name, host);
	assert_int_equal(strlen(host), 63 + sizeof(".relay.example.org") - 1);
	leads_to(host, "pi", long_name, SITE_PRIVATE);
	long_name[59] = 'a';
	long_name[60] = '\0';
	auth_site_host("pi", long_name, host);
	assert_string_equal(host, "");
}

static void
odd_questions_are_refused(void **state)
{
	struct site_ask	 a;

	memset(&a, 'a', sizeof(a));
	a.passthrough = 0;
	assert_int_equal(fake_recv(auth_recv_site_ask, PROC_ROUTER, 0,
	    IMSG_SITE_ASK, 5, &a, sizeof(a)), -1);
	memset(&a, 0, sizeof(a));
	a.passthrough = 2;
	assert_int_equal(fake_recv(auth_recv_site_ask, PROC_ROUTER, 0,
	    IMSG_SITE_ASK, 5, &a, sizeof(a)), -1);
}

static void
router_hears_of_changes_in_the_end(void **state)
{
	fake_send_fails = 1;
	auth_site_changed(pi.id);
	assert_int_equal(auth_site_tick(), 1);
	fake_send_fails = 0;
	assert_int_equal(auth_site_tick(), 0);
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 1);
	assert_int_equal(auth_site_tick(), 0);
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 1);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, fake_teardown)
	const struct CMUnitTest	 tests[] = {
		T(node_and_service_are_in_the_name),
		T(what_is_no_name_of_a_node),
		T(without_a_domain_they_are_below_localhost),
		T(name_from_before_the_rule_has_no_site),
		T(disabled_owner_shows_nothing),
		T(store_that_is_down_is_no_answer),
		T(service_is_as_its_node_but_for_its_own_word),
		T(odd_access_of_others_is_private),
		T(domain_leads_to_its_node),
		T(what_passes_through_is_asked_for_as_such),
		T(own_names_are_known),
		T(access_is_set_and_taken_back),
		T(odd_settings_are_refused),
		T(domains_are_added_and_removed),
		T(odd_domains_are_refused),
		T(names_of_services),
		T(odd_questions_are_refused),
		T(router_hears_of_changes_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
