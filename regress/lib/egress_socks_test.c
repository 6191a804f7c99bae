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
 * link: lib/egress_socks.c lib/egress.c lib/relay_url.c lib/http_host.c
 * link: lib/http_field.c lib/addr.c lib/log.c
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

#include "addr.h"
#include "egress_socks.h"

static struct egress	 egress;
static struct socks	 socks;

static void
start(const char *url, const char *host, const char *addr)
{
	struct sockaddr_storage	 ss;
	const char		*errstr;

	assert_int_equal(egress_parse(url, &egress, &errstr), 0);
	if (addr != NULL)
		assert_int_equal(addr_parse(addr, NULL, &ss), 0);
	assert_int_equal(socks_init(&socks, &egress, host, addr == NULL ?
	    NULL : (struct sockaddr *)&ss, 443), 0);
}

/* It says exactly this now. */
static void
says(const char *bytes, size_t len)
{
	const uint8_t	*out;
	size_t		 n;

	out = socks_output(&socks, &n);
	assert_int_equal(n, len);
	assert_memory_equal(out, bytes, len);
	/* In two pieces. */
	socks_sent(&socks, 1);
	out = socks_output(&socks, &n);
	assert_int_equal(n, len - 1);
	assert_memory_equal(out, bytes + 1, n);
	socks_sent(&socks, n);
	socks_output(&socks, &n);
	assert_int_equal(n, 0);
}
#define SAYS(bytes)	says((bytes), sizeof(bytes) - 1)

/* It hears this, byte by byte, and never wants more than there is. */
static enum socks_end
hears(const char *bytes, size_t len)
{
	enum socks_end	 end = SOCKS_MORE;
	size_t		 i;

	for (i = 0; i < len; i++) {
		assert_int_equal(end, SOCKS_MORE);
		assert_in_range(socks_want(&socks), 1, 257);
		end = socks_input(&socks, (const uint8_t *)bytes + i, 1);
	}
	return (end);
}
#define HEARS(bytes)	hears((bytes), sizeof(bytes) - 1)

static void
by_name(void **state)
{
	start("socks5h://p", "relay.example.org", NULL);
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\3\21relay.example.org\1\273");
	assert_int_equal(HEARS("\5\0\0\1\1\2\3\4\5\6"), SOCKS_OK);
	assert_int_equal(socks_want(&socks), 0);
}

static void
by_address(void **state)
{
	start("socks5://p", "relay.example.org", "192.0.2.1");
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\1\300\0\2\1\1\273");
	assert_int_equal(HEARS("\5\0\0\4" "0123456789abcdef" "\5\6"),
	    SOCKS_OK);

	start("socks5://p", "relay.example.org", "2001:db8::1");
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\1\273");
	assert_int_equal(HEARS("\5\0\0\3\3abc\5\6"), SOCKS_OK);

	/* A host that is one is never sent as a name. */
	start("socks5h://p", "192.0.2.1", NULL);
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\1\300\0\2\1\1\273");
	/* A bound name may be empty. */
	assert_int_equal(HEARS("\5\0\0\3\0\5\6"), SOCKS_OK);
}

static void
with_password(void **state)
{
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	assert_int_equal(HEARS("\5\2"), SOCKS_MORE);
	SAYS("\1\2me\6secret");
	assert_int_equal(HEARS("\1\0"), SOCKS_MORE);
	SAYS("\5\1\0\3\1r\1\273");
	assert_int_equal(HEARS("\5\0\0\1\1\2\3\4\5\6"), SOCKS_OK);

	/* It may do without. */
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\3\1r\1\273");
}

static void
longest(void **state)
{
	char	 host[256];
	size_t	 n;

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	start("socks5h://me:secret@p", host, NULL);
	memset(egress.user, 'u', sizeof(egress.user) - 1);
	memset(egress.password, 'p', sizeof(egress.password) - 1);
	SAYS("\5\2\0\2");
	assert_int_equal(HEARS("\5\2"), SOCKS_MORE);
	socks_output(&socks, &n);
	assert_int_equal(n, 1 + 1 + 255 + 1 + 255);
	socks_sent(&socks, n);
	assert_int_equal(HEARS("\1\0"), SOCKS_MORE);
	socks_output(&socks, &n);
	assert_int_equal(n, 4 + 1 + 255 + 2);
}

static void
fails(const char *bytes, size_t len, enum dial_error error, const char *why)
{
	assert_int_equal(hears(bytes, len), SOCKS_FAILED);
	assert_int_equal(socks.error, error);
	if (strstr(socks.why, why) == NULL)
		fail_msg("%s: %s", why, socks.why);
	assert_null(strstr(socks.why, "secret"));
	assert_int_equal(socks_want(&socks), 0);
}
#define FAILS(bytes, error, why) fails((bytes), sizeof(bytes) - 1, error, why)

static void
greeting_refused(void **state)
{
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	FAILS("\5\377", DIAL_DENIED, "wants a user and a password");
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	FAILS("\5\377", DIAL_DENIED, "helper");
	/* What was not offered. */
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	FAILS("\5\2", DIAL_UNREACHABLE, "not offered");
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	FAILS("\5\1", DIAL_UNREACHABLE, "not offered");
	/* Something else altogether. */
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	FAILS("HT", DIAL_UNREACHABLE, "not a SOCKS5 proxy");
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	FAILS("\0\132", DIAL_UNREACHABLE, "not a SOCKS5 proxy");
}

static void
password_refused(void **state)
{
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	assert_int_equal(HEARS("\5\2"), SOCKS_MORE);
	SAYS("\1\2me\6secret");
	FAILS("\1\1", DIAL_DENIED, "does not accept this user");
	start("socks5h://me:secret@p", "r", NULL);
	SAYS("\5\2\0\2");
	assert_int_equal(HEARS("\5\2"), SOCKS_MORE);
	SAYS("\1\2me\6secret");
	FAILS("\0\0", DIAL_UNREACHABLE, "malformed");
}

static void
request_refused(void **state)
{
	static const struct {
		enum dial_error	 error;
		const char	*why;
	} codes[] = {
		{ DIAL_UNREACHABLE, "failed (1)" },
		{ DIAL_DENIED, "rules do not allow" },
		{ DIAL_UNREACHABLE, "network (3)" },
		{ DIAL_UNREACHABLE, "can't reach the relay (4)" },
		{ DIAL_REFUSED, "refuses it (5)" },
		{ DIAL_TIMEOUT, "does not answer it (6)" },
		{ DIAL_UNREACHABLE, "CONNECT (7)" },
		{ DIAL_UNREACHABLE, "does not resolve names (8): write "
		    "socks5://" },
		{ DIAL_UNREACHABLE, "failed (9)" },
	};
	char		 reply[2] = { 5 };
	size_t		 i;

	for (i = 0; i < nitems(codes); i++) {
		start("socks5h://p", "r", NULL);
		SAYS("\5\1\0");
		assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
		SAYS("\5\1\0\3\1r\1\273");
		/* Two bytes are enough. */
		reply[1] = i + 1;
		fails(reply, sizeof(reply), codes[i].error, codes[i].why);
	}
	start("socks5://p", "r", "2001:db8::1");
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	socks_sent(&socks, SOCKS_OUT_MAX);
	FAILS("\5\10", DIAL_UNREACHABLE, "does not do IPv6 (8): socks5h");
}

static void
malformed(void **state)
{
	static const char *const	 bad[] = {
		"\4\0", "\5\0\1\1", "\5\0\0\2", "\5\0\0\377"
	};
	static const size_t		 lens[] = { 2, 4, 4, 4 };
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		start("socks5h://p", "r", NULL);
		SAYS("\5\1\0");
		assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
		SAYS("\5\1\0\3\1r\1\273");
		fails(bad[i], lens[i], DIAL_UNREACHABLE, "malformed");
	}
}

static void
out_of_turn(void **state)
{
	/* An answer before the question has left. */
	start("socks5h://p", "r", NULL);
	FAILS("\5", DIAL_UNREACHABLE, "out of turn");
	/* Two answers to one question. */
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	assert_int_equal(socks_input(&socks, (const uint8_t *)"\5\0\5\0",
	    4), SOCKS_FAILED);
	/* And bytes behind the end. */
	start("socks5h://p", "r", NULL);
	SAYS("\5\1\0");
	assert_int_equal(HEARS("\5\0"), SOCKS_MORE);
	SAYS("\5\1\0\3\1r\1\273");
	assert_int_equal(socks_input(&socks, (const uint8_t *)
	    "\5\0\0\1\1\2\3\4\5\6x", 11), SOCKS_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_address),
		cmocka_unit_test(with_password),
		cmocka_unit_test(longest),
		cmocka_unit_test(greeting_refused),
		cmocka_unit_test(password_refused),
		cmocka_unit_test(request_refused),
		cmocka_unit_test(malformed),
		cmocka_unit_test(out_of_turn),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
