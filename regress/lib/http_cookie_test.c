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

/* link: lib/http_cookie.c lib/http_form.c lib/http.c lib/http_field.c
 * lib/http_host.c */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http_cookie.h"
#include "http_form.h"

static struct http_head	 head;

/* A head with these fields Cookie, up to NULL. */
static void
cookies(const char *first, ...)
{
	const char	*s;
	va_list		 ap;

	memset(&head, 0, sizeof(head));
	head.fields[0].name = (struct http_str){ "X-Cookie", 8 };
	head.fields[0].value = (struct http_str){ "ours=no", 7 };
	head.nfields = 1;
	va_start(ap, first);
	for (s = first; s != NULL; s = va_arg(ap, const char *)) {
		head.fields[head.nfields].name =
		    (struct http_str){ "cookie", 6 };
		head.fields[head.nfields++].value =
		    (struct http_str){ s, strlen(s) };
	}
	va_end(ap);
}

static int
ours(const struct http_str *name)
{
	return (http_str_eq(name, "ours") || http_str_eq(name, "mine"));
}

static void
assert_strip(ssize_t n, const char *want)
{
	char	 buf[64];

	assert_int_equal(http_cookie_strip(&head, ours, buf, sizeof(buf)), n);
	if (n > 0) {
		assert_int_equal(n, strlen(want));
		assert_memory_equal(buf, want, n);
	}
}

static void
a_cookie_is_found_by_its_whole_name(void **state)
{
	struct http_str	 v;

	cookies("a=1; ours=x=y ;theirs=ours=3", "ours = z", NULL);
	assert_int_equal(http_cookie(&head, "ours", &v), 2);
	assert_int_equal(http_str_eq(&v, "x=y"), 1);
	assert_int_equal(http_cookie(&head, "our", &v), 0);
	assert_int_equal(http_cookie(&head, "Ours", &v), 0);
	cookies("a=1;\t ours\t= z\t ; b=2", NULL);
	assert_int_equal(http_cookie(&head, "ours", &v), 1);
	assert_int_equal(http_str_eq(&v, "z"), 1);
	cookies("ours", NULL);
	assert_int_equal(http_cookie(&head, "ours", &v), 0);
	cookies("", ";;", "=", NULL);
	assert_int_equal(http_cookie(&head, "ours", &v), 0);
}

static void
only_ours_are_stripped(void **state)
{
	cookies("a=1; b=\"2 3\"", NULL);
	assert_strip(-1, NULL);
	cookies("ours=1", NULL);
	assert_strip(0, NULL);
	cookies("ours=1;  ; a=1", NULL);
	assert_strip(3, "a=1");
	cookies("a=1; ours=x; b = 2;c;  d=", NULL);
	assert_strip(17, "a=1; b = 2;c;  d=");
}

static void
what_is_left_of_several_fields_is_one(void **state)
{
	cookies("ours=1; a=1", "mine=2", " b=2; ours=3;c=3", NULL);
	assert_strip(12, "a=1; b=2;c=3");
	cookies("ours=1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", NULL);
	assert_strip(-2, NULL);
}

static void
assert_set(const char *field, const char *name, const char *domain,
    int differ)
{
	struct http_str	 f = { field, strlen(field) }, n, d;

	assert_int_equal(http_cookie_set(&f, &n, &d), differ);
	if (!http_str_eq(&n, name) || !http_str_eq(&d, domain))
		fail_msg("%s: '%.*s' '%.*s'", field, (int)n.len, n.s,
		    (int)d.len, d.s);
}

static void
what_a_browser_makes_of_set_cookie(void **state)
{
	assert_set("a=b", "a", "", 0);
	assert_set(" a = b ; Path=/; domain= .Example.org ", "a",
	    "Example.org", 0);
	assert_set("a=b; Domain=x; DOMAIN=.X", "a", "X", 0);
	assert_set("a=b; Domain=x; Domain=y", "a", "y", 1);
	assert_set("a=b; Domain", "a", "", 0);
	assert_set("a=b; Domain=", "a", "", 0);
	assert_set("a=b; Domain=.", "a", "", 0);
	assert_set("a=b; Domain=x; Domain=xy", "a", "xy", 1);
	assert_set("a=b;\tDomain\t=\t.x\t;", "a", "x", 0);
	assert_set("a=b; xdomain=y; path=/;domain=z;", "a", "z", 0);
	/* Sent back as "ours=b". */
	assert_set("=ours=b", "ours", "", 0);
	assert_set("==ours=b; domain=x", "ours", "x", 0);
	assert_set("b", "", "", 0);
	assert_set("", "", "", 0);
	assert_set(";domain=x", "", "x", 0);
}

static void
assert_form(const char *form, const char *name, int ret, const char *want)
{
	char	 buf[16];

	assert_int_equal(http_form_get(form, strlen(form), name, buf,
	    sizeof(buf)), ret);
	if (ret >= 0)
		assert_string_equal(buf, want);
}

static void
forms_are_decoded_strictly(void **state)
{
	assert_form("a=1&b=2", "b", 1, "2");
	assert_form("a=1&b=2", "c", 0, "");
	assert_form("a=%41+%2b%C3%a9", "a", 1, "A +\xc3\xa9");
	assert_form("%61=1", "a", 1, "1");
	assert_form("a", "a", 1, "");
	assert_form("a=", "a", 1, "");
	assert_form("a==", "a", 1, "=");
	assert_form("&&=x&a=1&", "a", 1, "1");
	assert_form("a=1&a=1", "a", -1, NULL);
	assert_form("a=%0", "a", -1, NULL);
	assert_form("a=%", "a", -1, NULL);
	assert_form("a=%4g", "a", -1, NULL);
	assert_form("a=x%00y", "a", -1, NULL);
	assert_form("a=123456789012345", "a", 1, "123456789012345");
	assert_form("a=1234567890123456", "a", -1, NULL);
	assert_form("%zz=1&a=2", "a", 1, "2");
}

static void
text_is_escaped(void **state)
{
	char	 buf[32], small[4];

	assert_int_equal(http_form_escape("a b/&=\xff~", buf, sizeof(buf)),
	    0);
	assert_string_equal(buf, "a%20b%2F%26%3D%FF~");
	assert_int_equal(http_form_escape("abc", small, sizeof(small)), -1);
	assert_int_equal(http_html_escape("<a'\">&\n", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "&lt;a&#39;&quot;&gt;&amp; ");
	assert_int_equal(http_html_escape("<", small, sizeof(small)), -1);
	/* Where not even a NUL has room. */
	assert_int_equal(http_form_escape("", small, 0), -1);
	assert_int_equal(http_html_escape("", small, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
		cmocka_unit_test(only_ours_are_stripped),
		cmocka_unit_test(what_is_left_of_several_fields_is_one),
		cmocka_unit_test(what_a_browser_makes_of_set_cookie),
		cmocka_unit_test(forms_are_decoded_strictly),
		cmocka_unit_test(text_is_escaped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
