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
 * Where a path leads, in whatever way it is read.
 *
 * link: lib/http_path.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_path.h"

static const struct {
	const char	*path;
	int		 below;
} paths[] = {
	{ "/.own/", 1 }, { "/.own/x", 1 }, { "/.own/x/y?", 1 },
	{ "/.own//x", 1 }, { "/.own/./x", 1 }, { "/.own/x/..", 1 },
	{ "/.own/x/../y", 1 }, { "/.own/.", 1 }, { "/.own/%2e", 1 },
	{ "/.own/%", 1 }, { "/.own/%zz", 1 }, { "/.own/%2z", 1 },
	{ "/.own/x/../../.own/", 1 },

	{ "", 0 }, { "*", 0 }, { "/", 0 }, { "//", 0 }, { "/.own", 0 },
	{ "/.owns/", 0 }, { "/own/", 0 }, { "/x/.own/", 0 }, { "/x", 0 },
	{ "/%2e%2e/", 0 }, { "/../..", 0 }, { "/.own%", 0 }, { "/..own/", 0 },
	{ "/x/../.own", 0 }, { "/%252eown/", 0 }, { "/x/.", 0 },
	{ "/.", 0 }, { "/x/y/.", 0 }, { "/x/y/..", 0 },
	{ "/.ow%6", 0 }, { "/.own%00/", 0 }, { "/.own /", 0 },

	{ "/%2eown/", -1 }, { "/%2Eown/x", -1 }, { "/.%6fwn/x", -1 },
	{ "/%2e%6F%77%6e%2Fx", -1 }, { "/.own%2fx", -1 }, { "//.own/x", -1 },
	{ "/./.own/x", -1 }, { "/x/../.own/x", -1 }, { "/../.own/x", -1 },
	{ "/x/%2e%2E/.own/x", -1 }, { "/.own\\x", -1 }, { "/\\.own/x", -1 },
	{ "/.OWN/x", -1 }, { "/.own;a=b/x", -1 }, { "/x;y/..;z/.own/", -1 },
	{ "/%5c.own/x", -1 }, { "/.own%3b/", -1 }, { "/.own/..", -1 },
	{ "/.own/../x", -1 },
	{ "/.own/x/../../y", -1 }, { "/.own/%2e%2e/x", -1 },
	{ "/.own/..%2fx", -1 }, { "/.own/..\\", -1 }
};

static void
below(void **state)
{
	struct http_str	 s;
	char		*copy;
	size_t		 i;
	int		 got;

	for (i = 0; i < nitems(paths); i++) {
		/* Without a NUL behind it. */
		s.len = strlen(paths[i].path);
		assert_non_null(copy = malloc(s.len + 1));
		memcpy(copy, paths[i].path, s.len);
		copy[s.len] = 'x';
		s.s = copy;
		got = http_path_below(&s, "/.own/");
		free(copy);
		if (got != paths[i].below)
			fail_msg("\"%s\": %d", paths[i].path, got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
