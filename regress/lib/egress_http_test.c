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
 * link: lib/egress_http.c lib/egress.c lib/relay_url.c lib/http.c
 * link: lib/http_host.c lib/http_field.c lib/base64.c lib/addr.c lib/log.c
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

#include "egress_http.h"

static void
request(void **state)
{
	struct egress	 e;
	const char	*errstr;
	char		 buf[CONNECT_REQUEST_MAX];
	int		 n;

	assert_int_equal(egress_parse("http://p", &e, &errstr), 0);
	n = connect_request(&e, "relay.example.org", 443, "agentd/1", buf,
	    sizeof(buf));
	assert_string_equal(buf, "CONNECT relay.example.org:443 HTTP/1.1\r\n"
	    "Host: relay.example.org:443\r\nUser-Agent: agentd/1\r\n\r\n");
	assert_int_equal(n, strlen(buf));
	assert_int_equal(connect_request(&e, "relay.example.org", 443,
	    "agentd/1", buf, n), -1);
	assert_int_equal(connect_request(&e, "relay.example.org", 443,
	    "agentd/1", buf, n + 1), n);

	/* RFC 7617, 2 */
	assert_int_equal(egress_parse("http://Aladdin:open%20sesame@p", &e,
	    &errstr), 0);
	assert_true(connect_request(&e, "2001:db8::1", 8443, "a", buf,
	    sizeof(buf)) > 0);
	assert_string_equal(buf, "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"
	    "Host: [2001:db8::1]:8443\r\nUser-Agent: a\r\n"
	    "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

static void
longest_request(void **state)
{
	struct egress	 e;
	char		 buf[CONNECT_REQUEST_MAX], host[256];

	memset(&e, 0, sizeof(e));
	e.kind = EGRESS_HTTP;
	e.has_auth = 1;
	memset(e.user, 'u', sizeof(e.user) - 1);
	memset(e.password, 'p', sizeof(e.password) - 1);
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_true(connect_request(&e, host, 65535, "agentd/0.1.0", buf,
	    sizeof(buf)) > 0);
}

/* The same for every cut: all at once, and one byte more at a time. */
static enum connect_end
answer(const char *text, int has_auth, struct connect_answer *a)
{
	enum connect_end	 whole, end = CONNECT_MORE;
	struct connect_answer	 piece;
	size_t			 i, len = strlen(text);

	whole = connect_answer(text, len, has_auth, a);
	for (i = 0; i <= len && end == CONNECT_MORE; i++)
		end = connect_answer(text, i, has_auth, &piece);
	assert_int_equal(end, whole);
	if (whole == CONNECT_OK)
		assert_int_equal(piece.used, a->used);
	if (whole == CONNECT_FAILED)
		assert_string_equal(piece.why, a->why);
	return (whole);
}

static void
accepted(void **state)
{
	static const char *const	 good[] = {
		"HTTP/1.0 200 Connection established\r\n\r\n",
		"HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 299 Fine\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
		/* Without a meaning here. */
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		/* Lines as old proxies end them. */
		"HTTP/1.0 200 Connection established\n\n",
		"HTTP/1.1 200 OK\nServer: x\n\n",
		"HTTP/1.1 200 OK\r\nServer: x\n\r\n",
		"HTTP/1.1 200 OK\nServer: x\r\n\n",
		"HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n",
	};
	struct connect_answer	 a;
	char			 buf[256];
	size_t			 i;

	for (i = 0; i < nitems(good); i++) {
		assert_int_equal(answer(good[i], 0, &a), CONNECT_OK);
		assert_int_equal(a.used, strlen(good[i]));
		/* What follows is not part of it. */
		snprintf(buf, sizeof(buf), "%s\x16\x03", good[i]);
		assert_int_equal(connect_answer(buf, strlen(buf), 0, &a),
		    CONNECT_OK);
		assert_int_equal(a.used, strlen(good[i]));
	}
}

static void
refused(void **state)
{
	static const struct {
		const char	*text;
		int		 has_auth;
		enum dial_error	 error;
		const char	*why;	/* part of it */
	} bad[] = {
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic "
		    "realm=\"x\"\r\n\r\n", 0, DIAL_DENIED,
		    "wants a user and a password" },
		{ "HTTP/1.0 401 Unauthorized\r\n\r\n", 1, DIAL_DENIED,
		    "does not accept this user and password (401)" },
		{ "HTTP/1.1 407 x\r\n\r\n", 0, DIAL_DENIED,
		    "wants a user and a password" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: BASIC "
		    "realm=\"x\"\r\n\r\n", 1, DIAL_DENIED,
		    "does not accept this user and password" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n"
		    "Proxy-Authenticate: NTLM\r\n\r\n", 1, DIAL_DENIED,
		    "authentication by Negotiate, NTLM" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\n"
		    "Proxy-Authenticate: Basic\r\n\r\n", 1, DIAL_DENIED,
		    "does not accept this user and password" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate, Basic "
		    "realm=\"x\"\r\n\r\n", 0, DIAL_DENIED,
		    "wants a user and a password" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm=\"a, "
		    "Basic\\\", Basic\", algorithm = MD5, Basic=x, "
		    "SCRAM-SHA-256 a=b,,NTLM TlRMTVNTUAAC==\r\n\r\n", 0,
		    DIAL_DENIED, "by Digest, SCRAM-SHA-256, NTLM (" },
		{ "HTTP/1.1 407 x\r\nServer: s\r\nProxy-Authenticate: 1\r\n"
		    "Proxy-Authenticate: \r\nProxy-Authenticate: "
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n", 1,
		    DIAL_DENIED,
		    "authentication by aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\t,"
		    "\tNTLM\tTlRM\t, {Basic, ~, Digest,\r\n\r\n", 0,
		    DIAL_DENIED, "by Negotiate, NTLM, Digest (" },
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: \"\x1b[2J\"\r\n"
		    "\r\n", 0, DIAL_UNREACHABLE, "not an HTTP proxy" },
		{ "HTTP/1.1 403 Filtered\r\n\r\n", 0, DIAL_DENIED,
		    "does not allow" },
		{ "HTTP/1.0 500 Unable to connect\r\n\r\n", 0,
		    DIAL_UNREACHABLE, "can't reach the relay (500)" },
		{ "HTTP/1.1 508 x\r\n\r\n", 0, DIAL_UNREACHABLE,
		    "answers 508" },
		{ "HTTP/1.1 502 x\r\n\r\n", 0, DIAL_UNREACHABLE,
		    "can't reach the relay" },
		{ "HTTP/1.1 504 x\r\n\r\n", 0, DIAL_TIMEOUT,
		    "does not answer" },
		{ "HTTP/1.1 405 x\r\n\r\n", 0, DIAL_UNREACHABLE, "CONNECT" },
		{ "HTTP/1.1 302 x\r\nLocation: http://login/\r\n\r\n", 0,
		    DIAL_UNREACHABLE, "answers 302" },
		{ "HTTP/1.1 101 x\r\nUpgrade: x\r\n\r\n", 0,
		    DIAL_UNREACHABLE, "answers 101" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", 0, DIAL_UNREACHABLE,
		    "not an HTTP proxy" },
		{ "\x05\xff", 0, DIAL_UNREACHABLE, "not an HTTP proxy" },
		{ "HTTP/2.0 200 x\r\n\r\n", 0, DIAL_UNREACHABLE,
		    "not an HTTP proxy" },
		{ "HTTP/1.0 407 x\nProxy-Authenticate: NTLM\n\n", 0,
		    DIAL_DENIED, "authentication by NTLM" },
		{ "HTTP/1.1 200 OK\rServer: x\n\n", 0, DIAL_UNREACHABLE,
		    "not an HTTP proxy" },
		{ "\nHTTP/1.1 200 OK\n\n", 0, DIAL_UNREACHABLE,
		    "not an HTTP proxy" },
		{ "HTTP/1.1 200 OK\r\r\n\r\n", 0, DIAL_UNREACHABLE,
		    "not an HTTP proxy" },
		{ "HTTP/1.1 200 OK\nServer: x\n y\n\n", 0,
		    DIAL_UNREACHABLE, "not an HTTP proxy" },
	};
	struct connect_answer	 a;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++) {
		if (answer(bad[i].text, bad[i].has_auth, &a) !=
		    CONNECT_FAILED)
			fail_msg("%s", bad[i].text);
		assert_int_equal(a.error, bad[i].error);
		if (strstr(a.why, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].text, a.why);
		assert_null(strchr(a.why, '\x1b'));
	}
}

static void
bounded(void **state)
{
	struct connect_answer	 a;
	char			*buf;
	size_t			 n, len = 2 * CONNECT_HEAD_MAX;

	assert_non_null(buf = malloc(len));
	/* A head without an end. */
	n = snprintf(buf, len, "HTTP/1.1 200 OK\r\nX: ");
	memset(buf + n, 'x', len - n);
	assert_int_equal(connect_answer(buf, 4000, 0, &a), CONNECT_MORE);
	assert_int_equal(connect_answer(buf, CONNECT_HEAD_MAX + 1, 0, &a),
	    CONNECT_FAILED);
	/* As much as it may be, and a byte more; an LF counts as one. */
	n = snprintf(buf, len, "HTTP/1.1 200 OK\nX: x\nY: ");
	memset(buf + n, 'y', CONNECT_HEAD_MAX - n);
	memcpy(buf + CONNECT_HEAD_MAX - 2, "\n\n", 2);
	assert_int_equal(connect_answer(buf, CONNECT_HEAD_MAX, 0, &a),
	    CONNECT_OK);
	assert_int_equal(a.used, CONNECT_HEAD_MAX);
	assert_int_equal(connect_answer(buf, CONNECT_HEAD_MAX - 1, 0, &a),
	    CONNECT_MORE);
	memcpy(buf + CONNECT_HEAD_MAX - 2, "y\n\n", 3);
	assert_int_equal(connect_answer(buf, CONNECT_HEAD_MAX + 1, 0, &a),
	    CONNECT_FAILED);
	/* Interim answers without an end. */
	for (n = 0; n + 25 <= len; n += 25)
		memcpy(buf + n, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	assert_int_equal(connect_answer(buf, n, 0, &a), CONNECT_FAILED);
	free(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request),
		cmocka_unit_test(longest_request),
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
