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
 * link: lib/egress.c lib/relay_url.c lib/http_host.c lib/http_field.c
 * link: lib/addr.c lib/log.c
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "egress.h"

static void
url_accepted(void **state)
{
	static const struct {
		const char	*text;
		uint32_t	 kind;
		const char	*host;
		uint16_t	 port;
		const char	*user, *password, *name;
	} good[] = {
		{ "proxy", EGRESS_HTTP, "proxy", 1080, NULL, NULL,
		    "http://proxy:1080" },
		{ "Proxy.Example.ORG:3128/", EGRESS_HTTP, "proxy.example.org",
		    3128, NULL, NULL, "http://proxy.example.org:3128" },
		{ "HTTP://[2001:DB8::1]:8080", EGRESS_HTTP, "2001:db8::1",
		    8080, NULL, NULL, "http://[2001:db8::1]:8080" },
		{ "socks5://127.0.0.1", EGRESS_SOCKS5, "127.0.0.1", 1080,
		    NULL, NULL, "socks5://127.0.0.1:1080" },
		{ "socks5h://p:9", EGRESS_SOCKS5H, "p", 9, NULL, NULL,
		    "socks5h://p:9" },
		{ "http://me:secret@p:1", EGRESS_HTTP, "p", 1, "me",
		    "secret", "http://p:1" },
		{ "me:secret@p:1", EGRESS_HTTP, "p", 1, "me", "secret",
		    "http://p:1" },
		{ "http://me@p", EGRESS_HTTP, "p", 1080, "me", "",
		    "http://p:1080" },
		{ "http://me:@p", EGRESS_HTTP, "p", 1080, "me", "",
		    "http://p:1080" },
		{ "http://m%65:%70%40%3a%2F%25:@p", EGRESS_HTTP, "p", 1080,
		    "me", "p@:/%:", "http://p:1080" },
		{ "http://me:p@ss@p", EGRESS_HTTP, "p", 1080, "me", "p@ss",
		    "http://p:1080" },
		{ "socks5://a%3Ab:c%0d@p", EGRESS_SOCKS5, "p", 1080, "a:b",
		    "c\r", "socks5://p:1080" },
		{ "http://DOM%5Cme:x@p", EGRESS_HTTP, "p", 1080, "DOM\\me",
		    "x", "http://p:1080" },
	};
	struct egress	 e;
	const char	*errstr;
	char		 name[EGRESS_NAME_MAX];
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		if (egress_parse(good[i].text, &e, &errstr) == -1)
			fail_msg("%s: %s", good[i].text, errstr);
		assert_int_equal(e.kind, good[i].kind);
		assert_string_equal(e.host, good[i].host);
		assert_int_equal(e.port, good[i].port);
		assert_int_equal(e.has_auth, good[i].user != NULL);
		assert_string_equal(e.user, good[i].user == NULL ? "" :
		    good[i].user);
		assert_string_equal(e.password, good[i].password == NULL ?
		    "" : good[i].password);
		egress_name(&e, name);
		assert_string_equal(name, good[i].name);
		assert_int_equal(egress_check(&e), 0);
		egress_redact(&e);
		assert_int_equal(e.has_auth, 0);
		assert_string_equal(e.user, "");
		assert_string_equal(e.password, "");
	}
}

static void
url_refused(void **state)
{
	static const char *const	 bad[] = {
		"", "http://", "http:///", "http://:3128", "http://p:0",
		"http://p:65536", "http://p:x", "http://p/path",
		"http://p?query", "http://p#x", "ftp://p", "https://p",
		"https://me:secret@p:443", "socks4://p", "socks4a://p",
		"socks://p", "wss://p", "http://@p", "http://:pw@p",
		"http://a%3ab:c@p", "http://a%@p", "http://a%4@p",
		"http://a%zz@p", "http://a%00b@p", "http://a:b%00@p",
		"http://a b@c d", "http://[::1", "socks5://p:1:2",
	};
	struct egress	 e;
	const char	*errstr;
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		errstr = NULL;
		if (egress_parse(bad[i], &e, &errstr) == 0)
			fail_msg("%s was accepted", bad[i]);
		assert_non_null(errstr);
		assert_null(strstr(errstr, "secret"));
		/* Nothing of it is left. */
		assert_int_equal(e.has_auth, 0);
		assert_string_equal(e.password, "");
	}
}

static void
url_words_at_their_limit(void **state)
{
	char		 url[1024], word[EGRESS_WORD_MAX + 1];
	struct egress	 e;
	const char	*errstr;

	memset(word, 'x', sizeof(word));
	word[EGRESS_WORD_MAX - 1] = '\0';
	snprintf(url, sizeof(url), "http://%s:%s@p", word, word);
	assert_int_equal(egress_parse(url, &e, &errstr), 0);
	assert_int_equal(strlen(e.user), 255);
	assert_int_equal(strlen(e.password), 255);
	snprintf(url, sizeof(url), "http://%sx:y@p", word);
	assert_int_equal(egress_parse(url, &e, &errstr), -1);
	snprintf(url, sizeof(url), "http://y:%sx@p", word);
	assert_int_equal(egress_parse(url, &e, &errstr), -1);
	/* An escape counts as one. */
	word[EGRESS_WORD_MAX - 2] = '\0';
	snprintf(url, sizeof(url), "http://y:%s%%41@p", word);
	assert_int_equal(egress_parse(url, &e, &errstr), 0);
	assert_int_equal(strlen(e.password), 255);
}

static void
messages_are_checked(void **state)
{
	struct egress	 e;
	const char	*errstr;

	memset(&e, 0, sizeof(e));
	assert_int_equal(egress_check(&e), 0);
	e.kind = EGRESS_HTTP;
	assert_int_equal(egress_check(&e), -1);
	assert_int_equal(egress_parse("http://a:b@p", &e, &errstr), 0);
	assert_int_equal(egress_check(&e), 0);
	e.port = 0;
	assert_int_equal(egress_check(&e), -1);
	e.port = 1;
	memset(e.password, 'x', sizeof(e.password));
	assert_int_equal(egress_check(&e), -1);
	e.password[0] = '\0';
	assert_int_equal(egress_check(&e), 0);
	e.has_auth = 2;
	assert_int_equal(egress_check(&e), -1);
	e.has_auth = 1;
	memset(e.user, 'x', sizeof(e.user));
	assert_int_equal(egress_check(&e), -1);
	e.user[0] = '\0';
	assert_int_equal(egress_check(&e), 0);
	e.kind = EGRESS_HELPER + 1;
	assert_int_equal(egress_check(&e), -1);
	e.kind = EGRESS_HELPER;
	assert_int_equal(egress_check(&e), 0);
	e.host[0] = '\0';
	assert_int_equal(egress_check(&e), -1);
	memset(e.host, 'x', sizeof(e.host));
	assert_int_equal(egress_check(&e), -1);
}

static void
no_proxy(void **state)
{
	static const struct {
		const char	*list, *host;
		int		 match;
	} cases[] = {
		{ "", "a.example.org", 0 },
		{ "*", "a.example.org", 1 },
		{ "*", "192.0.2.1", 1 },
		{ "*,b", "a", 0 },
		{ "example.org", "example.org", 1 },
		{ "example.org", "www.example.org", 1 },
		{ "example.org", "a.b.example.org", 1 },
		{ "example.org", "nonexample.org", 0 },
		{ "example.org", "example.org.net", 0 },
		{ "www.example.org", "example.org", 0 },
		{ ".example.org", "www.example.org", 1 },
		{ ".example.org", "example.org", 1 },
		{ "example.org.", "www.example.org", 1 },
		{ "Example.ORG", "www.example.org", 1 },
		{ "example.org", "www.example.org.", 1 },
		{ "a,example.org", "example.org", 1 },
		{ "a, b\t,  example.org ,c", "example.org", 1 },
		{ "a b example.org", "example.org", 1 },
		{ "a,,b", "b", 1 },
		{ ",", "b", 0 },
		{ ".", "b", 0 },
		{ "..", "b", 0 },
		{ "192.0.2.1", "192.0.2.1", 1 },
		{ "192.0.2.1", "192.0.2.10", 0 },
		{ "192.0.2.0/24", "192.0.2.10", 1 },
		{ "192.0.2.0/24", "192.0.3.10", 0 },
		{ "192.0.2.128/25", "192.0.2.127", 0 },
		{ "192.0.2.128/25", "192.0.2.128", 1 },
		{ "0.0.0.0/0", "192.0.2.1", 1 },
		{ "0.0.0.0/0", "2001:db8::1", 0 },
		{ "192.0.2.0/33", "192.0.2.10", 0 },
		{ "1111111111111111111111111111111111111111111111111111111111"
		    "1111111111111111111111111111111111111,192.0.2.10",
		    "192.0.2.10", 1 },
		{ "example.org", "", 0 },
		/* An address is no name, and a name no address. */
		{ "2.1", "192.0.2.1", 0 },
		{ "192.0.2.0/24", "192.0.2.example.org", 0 },
		{ "2001:db8::/32", "2001:db8:1::1", 1 },
		{ "2001:db8::/32", "2001:db9::1", 0 },
		{ "2001:db8::1", "2001:DB8:0::1", 1 },
		{ "::1", "::1", 1 },
		{ "localhost,127.0.0.0/8,::1", "127.9.9.9", 1 },
		{ "localhost,127.0.0.0/8,::1", "localhost", 1 },
		{ "localhost,127.0.0.0/8,::1", "::2", 0 },
		{ "*.example.org", "www.example.org", 1 },
		{ "*.example.org", "nonexample.org", 0 },
		{ "*.", "b", 0 },
		{ "*example.org", "www.example.org", 0 },
		/* With a port. */
		{ "example.org:443", "example.org", 1 },
		{ "example.org:443", "www.example.org", 1 },
		{ ".example.org:443", "www.example.org", 1 },
		{ "example.org:4430", "example.org", 0 },
		{ "example.org:44", "example.org", 0 },
		{ "example.org:", "example.org", 0 },
		{ "example.org:443x", "example.org", 0 },
		{ "example.org:000443", "example.org", 0 },
		{ "example.org:8443,example.org", "example.org", 1 },
		{ ":443", "example.org", 0 },
		{ ":", "example.org", 0 },
		{ "192.0.2.1:443", "192.0.2.1", 1 },
		{ "192.0.2.1:8443", "192.0.2.1", 0 },
		{ "192.0.2.0/24:443", "192.0.2.1", 1 },
		{ "[2001:db8::1]:443", "2001:db8::1", 1 },
		{ "[2001:db8::1]:8443", "2001:db8::1", 0 },
		{ "[2001:db8::1]", "2001:db8::1", 1 },
		{ "[2001:db8::/32]:443", "2001:db8::1", 1 },
		{ "2001:db8::1:443", "2001:db8::1", 0 },
		{ "[]:443", "2001:db8::1", 0 },
		{ "]:443", "2001:db8::1", 0 },
		{ "[:443", "2001:db8::1", 0 },
		{ "[2001:db8::1", "2001:db8::1", 0 },
	};
	size_t	 i;

	for (i = 0; i < nitems(cases); i++) {
		if (egress_bypass(cases[i].list, cases[i].host, 443) !=
		    cases[i].match)
			fail_msg("\"%s\" and %s", cases[i].list,
			    cases[i].host);
	}
}

static void
clear(void)
{
	static const char *const	 names[] = {
		"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
		"all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"
	};
	size_t				 i;

	for (i = 0; i < nitems(names); i++)
		unsetenv(names[i]);
}

/* The name of what is chosen for this relay, or the error. */
static const char *
choose(const char *proxy, const char *helper, const char *relay)
{
	static char		 name[512];
	struct egress_conf	 conf = { proxy, helper };
	struct relay_url	 url;
	struct egress		 e;
	const char		*errstr;

	assert_int_equal(relay_url_parse(relay, &url, &errstr), 0);
	if (egress_choose(&conf, &url, &e, name, sizeof(name)) == 0)
		egress_name(&e, name);
	return (name);
}

/* The first line of a log says through what a relay was not reached. */
static void
why_names_the_way(void **state)
{
	char	 buf[EGRESS_WHY_MAX];

	assert_string_equal(egress_why("", "timeout", buf), "timeout");
	assert_string_equal(egress_why("http://p:1", "timeout", buf),
	    "through http://p:1: timeout");
	assert_ptr_equal(egress_why("", "", buf), buf);
	assert_string_equal(buf, "");
}

static void
choice(void **state)
{
	char		 helper[EGRESS_NAME_MAX];
	const char	*wss = "wss://r.example.org";
	const char	*ws = "ws://r.example.org";

	clear();
	assert_string_equal(choose(NULL, NULL, wss), "");
	assert_string_equal(choose("http://c:1", NULL, wss), "http://c:1");
	assert_string_equal(choose(NULL, "/bin/x", wss), "helper /bin/x");
	assert_string_equal(choose(NULL, "bin/x", wss), "proxy helper: an "
	    "absolute path of at most 255 bytes");
	memset(helper, '/', sizeof(helper));
	helper[256] = '\0';
	assert_string_equal(choose(NULL, helper, wss), "proxy helper: an "
	    "absolute path of at most 255 bytes");

	setenv("ALL_PROXY", "socks5://all:1", 1);
	assert_string_equal(choose(NULL, NULL, wss), "socks5://all:1");
	assert_string_equal(choose(NULL, NULL, ws), "socks5://all:1");
	setenv("all_proxy", "socks5h://lower:1", 1);
	assert_string_equal(choose(NULL, NULL, wss), "socks5h://lower:1");
	setenv("HTTP_PROXY", "http://cgi:1", 1);
	assert_string_equal(choose(NULL, NULL, ws), "socks5h://lower:1");
	setenv("http_proxy", "http://plain:1", 1);
	assert_string_equal(choose(NULL, NULL, ws), "http://plain:1");
	assert_string_equal(choose(NULL, NULL, wss), "socks5h://lower:1");
	setenv("HTTPS_PROXY", "upper:1", 1);
	assert_string_equal(choose(NULL, NULL, wss), "http://upper:1");
	assert_string_equal(choose(NULL, NULL, ws), "http://plain:1");
	setenv("https_proxy", "", 1);
	assert_string_equal(choose(NULL, NULL, wss), "http://upper:1");
	setenv("https_proxy", "lower:1", 1);
	assert_string_equal(choose(NULL, NULL, wss), "http://lower:1");

	/* The configuration knows better. */
	assert_string_equal(choose("none", NULL, wss), "");
	assert_string_equal(choose("none", "/bin/x", wss), "");
	assert_string_equal(choose("http://c:1", NULL, wss), "http://c:1");
	assert_string_equal(choose(NULL, "/bin/x", wss), "helper /bin/x");

	setenv("NO_PROXY", "example.org", 1);
	assert_string_equal(choose(NULL, NULL, wss), "");
	assert_string_equal(choose("http://c:1", NULL, wss), "");
	assert_string_equal(choose(NULL, "/bin/x", wss), "");
	setenv("no_proxy", "example.net", 1);
	assert_string_equal(choose(NULL, NULL, wss), "http://lower:1");

	setenv("https_proxy", "https://me:secret@p", 1);
	assert_string_equal(choose(NULL, NULL, wss), "https_proxy: https:// "
	    "to a proxy is not spoken: use its http:// port (what flows is "
	    "encrypted up to the relay), or a helper");
	clear();
}

/* The last one: from here on the environment is not looked at. */
static void
environment_is_kept_without_its_secrets(void **state)
{
	const char	*wss = "wss://r.example.org";

	clear();
	setenv("https_proxy", "http://me:secret@p:1", 1);
	setenv("ALL_PROXY", "http://p:1", 1);
	setenv("NO_PROXY", "a.example.org", 1);
	egress_keep_environment();
	assert_null(getenv("https_proxy"));
	assert_string_equal(getenv("ALL_PROXY"), "http://p:1");
	clear();
	assert_string_equal(choose(NULL, NULL, wss), "http://p:1");
	assert_string_equal(choose(NULL, NULL, "wss://a.example.org"), "");
	egress_keep_environment();
	assert_string_equal(choose(NULL, NULL, wss), "http://p:1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_accepted),
		cmocka_unit_test(url_refused),
		cmocka_unit_test(url_words_at_their_limit),
		cmocka_unit_test(messages_are_checked),
		cmocka_unit_test(no_proxy),
		cmocka_unit_test(why_names_the_way),
		cmocka_unit_test(choice),
		cmocka_unit_test(environment_is_kept_without_its_secrets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
