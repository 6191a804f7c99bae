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
 * What a backend is told of where a request came from.
 *
 * link: relayd/http_forward.c lib/forwarded.c lib/addr.c
 * link: lib/http_message.c lib/http.c lib/http_field.c lib/http_host.c
 */

#include "compat.h"

#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "http_forward.h"

#define SPOOFED "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n" \
		"X_Forwarded_For: 6.6.6.7\r\nX-Forwarded-Proto: gopher\r\n" \
		"X-Forwarded-Server: evil\r\nX-Forwarded: x\r\n" \
		"X-Real-IP: 6.6.6.6\r\nVia: 1.1 evil\r\n"

/* What the backend gets, behind the request line. */
static const char *
sent(const char *fields, const char *client, const char *proxy, int rfc7239,
    int tls, const char *host, uint16_t port)
{
	static struct http_head	 head;
	static char		 text[8192], out[16384];
	struct sockaddr_storage	 c, p;
	struct http_set		 set[HTTP_FORWARD_MAX];
	struct http_framing	 framing;
	struct http_rewrite	 rw;
	struct http_from	 from;
	ssize_t			 n;
	int			 status;

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n",
	    fields);
	assert_true(http_parse_request_in(text, strlen(text),
	    &http_request_limits, &head, &status) > 0);
	assert_int_equal(http_request_framing(&head, &framing, &status), 0);
	assert_int_equal(addr_parse(client, "1234", &c), 0);
	memset(&from, 0, sizeof(from));
	from.client = &c;
	if (proxy != NULL) {
		assert_int_equal(addr_parse(proxy, "1", &p), 0);
		from.proxy = &p;
	}
	from.rfc7239 = rfc7239;
	from.tls = tls;
	from.host = host;
	from.port = port;
	memset(&rw, 0, sizeof(rw));
	rw.framing = &framing;
	rw.set = set;
	rw.nset = http_forward(&head, &from, set);
	assert_true(rw.nset <= HTTP_FORWARD_MAX);
	n = http_request_write(&head, &rw, out, sizeof(out) - 1);
	assert_true(n > 0);
	out[n] = '\0';
	return (out + strlen("GET / HTTP/1.1\r\nHost: a\r\n"));
}

static void
nobody_is_believed(void **state)
{
	assert_string_equal(sent(SPOOFED, "192.0.2.1", NULL, 0, 1,
	    "pi.example.org", 0),
	    "X-Forwarded-For: 192.0.2.1\r\n"
	    "X-Forwarded-Proto: https\r\n"
	    "X-Forwarded-Host: pi.example.org\r\n"
	    "X-Forwarded-Port: 443\r\n"
	    "Forwarded: for=192.0.2.1;host=\"pi.example.org\";proto=https\r\n"
	    "X-Real-IP: 192.0.2.1\r\n\r\n");
	assert_string_equal(sent("", "2001:db8::1", NULL, 0, 0,
	    "pi.localhost", 8080),
	    "X-Forwarded-For: 2001:db8::1\r\n"
	    "X-Forwarded-Proto: http\r\n"
	    "X-Forwarded-Host: pi.localhost:8080\r\n"
	    "X-Forwarded-Port: 8080\r\n"
	    "Forwarded: for=\"[2001:db8::1]\";host=\"pi.localhost:8080\";"
	    "proto=http\r\n"
	    "X-Real-IP: 2001:db8::1\r\n\r\n");
}

static void
a_trusted_proxy_is_by_its_field(void **state)
{
	assert_string_equal(sent("X-Forwarded-For: 1.1.1.1\r\n"
	    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
	    "X-Forwarded-Host: www.example.org\r\n"
	    "X-Forwarded-Port: 8443\r\n"
	    "Forwarded: for=6.6.6.6\r\nVia: 1.1 front\r\n", "192.0.2.1",
	    "10.0.0.1", 0, 0, "pi.example.org", 0),
	    "X-Forwarded-For: 1.1.1.1, 192.0.2.1, 10.0.0.1\r\n"
	    "X-Forwarded-Proto: https\r\n"
	    "X-Forwarded-Host: www.example.org\r\n"
	    "X-Forwarded-Port: 8443\r\n"
	    "Forwarded: for=192.0.2.1;host=\"pi.example.org\";proto=https\r\n"
	    "X-Real-IP: 192.0.2.1\r\nVia: 1.1 front, 1.1 culvert\r\n\r\n");
	assert_string_equal(sent("Forwarded: for=192.0.2.1\r\n"
	    "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n",
	    "192.0.2.1", "10.0.0.1", 1, 0, "pi.example.org", 0),
	    "X-Forwarded-For: 192.0.2.1\r\n"
	    "X-Forwarded-Proto: http\r\n"
	    "X-Forwarded-Host: pi.example.org\r\n"
	    "X-Forwarded-Port: 80\r\n"
	    "Forwarded: for=192.0.2.1, for=10.0.0.1;host=\"pi.example.org\";"
	    "proto=http\r\n"
	    "X-Real-IP: 192.0.2.1\r\n\r\n");
	/* How its client came it says there as well. */
	assert_string_equal(sent("Forwarded: for=192.0.2.1;proto=https\r\n"
	    "X-Forwarded-Proto: http\r\n",
	    "192.0.2.1", "10.0.0.1", 1, 0, "pi.example.org", 0),
	    "X-Forwarded-For: 192.0.2.1\r\n"
	    "X-Forwarded-Proto: https\r\n"
	    "X-Forwarded-Host: pi.example.org\r\n"
	    "X-Forwarded-Port: 443\r\n"
	    "Forwarded: for=192.0.2.1;proto=https, for=10.0.0.1;"
	    "host=\"pi.example.org\";proto=http\r\n"
	    "X-Real-IP: 192.0.2.1\r\n\r\n");
	/* Its own word is the last one. */
	assert_non_null(strstr(sent("X-Forwarded-Proto: http\r\n"
	    "X-Forwarded-Proto: https\r\n", "192.0.2.1", "10.0.0.1", 0, 0,
	    "a", 0), "X-Forwarded-Proto: https\r\n"));
	/* Of two protocols there are only two. */
	assert_non_null(strstr(sent("X-Forwarded-Proto: gopher\r\n",
	    "192.0.2.1", "10.0.0.1", 0, 1, "a", 0),
	    "X-Forwarded-Proto: https\r\n"));
}

/* A list of proxies that is there is added to; none is begun. */
static void
via(void **state)
{
	assert_non_null(strstr(sent("via: 1.0 a, 1.1 b\r\nVIA: 1.1 c (x)\r\n",
	    "192.0.2.1", "10.0.0.1", 0, 0, "a", 0),
	    "\r\nVia: 1.0 a, 1.1 b, 1.1 c (x), 1.1 culvert\r\n"));
	assert_null(strcasestr(sent("X-Forwarded-For: 192.0.2.1\r\n",
	    "192.0.2.1", "10.0.0.1", 0, 0, "a", 0), "via:"));
	assert_null(strcasestr(sent("vIa: 1.1 evil\r\nVia:\r\n", "192.0.2.1",
	    NULL, 0, 0, "a", 0), "via:"));
}

/* A list without end is not passed on, nor is its client the proxy. */
static void
long_lists_begin_anew(void **state)
{
	char	 list[6000], via_list[6000];

	memset(list, 0, sizeof(list));
	strlcpy(list, "X-Forwarded-For: 192.0.2.111", sizeof(list));
	while (strlen(list) < 5000)
		strlcat(list, ", 192.0.2.111", sizeof(list));
	strlcat(list, "\r\n", sizeof(list));
	assert_non_null(strstr(sent(list, "192.0.2.1", "10.0.0.1", 0, 0, "a",
	    0), "X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\n"));
	assert_non_null(strstr(sent(list, "2001:db8::1", "10.0.0.1", 0, 0,
	    "a", 0), "X-Forwarded-For: 2001:db8::1, 10.0.0.1\r\n"));
	strlcpy(list, "Forwarded: for=192.0.2.111", sizeof(list));
	while (strlen(list) < 5000)
		strlcat(list, ", for=192.0.2.111", sizeof(list));
	strlcat(list, "\r\n", sizeof(list));
	assert_non_null(strstr(sent(list, "2001:db8::1", "10.0.0.1", 1, 0,
	    "a", 0), "\r\nForwarded: for=\"[2001:db8::1]\", for=10.0.0.1;"
	    "host=\"a\";proto=http\r\n"));
	memset(via_list, 'v', sizeof(via_list));
	memcpy(via_list, "Via: 1.1 ", 9);
	strlcpy(via_list + 5000, "\r\n", 3);
	assert_non_null(strstr(sent(via_list, "192.0.2.1", "10.0.0.1", 0, 0,
	    "a", 0), "\r\nVia: 1.1 culvert\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_believed),
		cmocka_unit_test(a_trusted_proxy_is_by_its_field),
		cmocka_unit_test(via),
		cmocka_unit_test(long_lists_begin_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
