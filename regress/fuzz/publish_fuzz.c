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

/* link: lib/publish.c lib/addr.c */

/*
 * "spec\0target\0networks": what is taken is valid, fits where it is written
 * to, and comes out and goes in again the same.
 */

/* max_len: 256 */

#include "compat.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "publish.h"

static void
try_spec(const char *s)
{
	struct publish_rules	*rules;
	struct publish_spec	 spec, again;
	const char		*why = NULL;
	char			 text[CTL_SPEC_LEN];

	if (publish_spec_parse(s, &spec, &why) == -1) {
		if (why == NULL)
			abort();
		return;
	}
	if (!publish_spec_valid(&spec) || !publish_spec_overlap(&spec, &spec))
		abort();
	publish_spec_format(&spec, text);
	if (publish_spec_parse(text, &again, &why) == -1 ||
	    memcmp(&spec, &again, sizeof(spec)) != 0)
		abort();
	if ((rules = calloc(1, sizeof(*rules))) == NULL)
		abort();
	if (publish_allowed(rules, "a@b.c", &spec))
		abort();
	rules->n = 1;
	rules->list[0].anywhere = 1;
	rules->list[0].port_min = spec.port_min;
	rules->list[0].port_max = spec.port_max;
	if (!publish_allowed(rules, "a@b.c", &spec))
		abort();
	free(rules);
}

static void
try_target(const char *s)
{
	struct publish_target	 t, again;
	const char		*why = NULL;
	char			 text[CTL_TARGET_LEN];

	if (publish_target_parse(s, &t, &why) == -1) {
		if (why == NULL)
			abort();
		return;
	}
	publish_target_format(&t, text);
	if (strlen(text) + 1 == sizeof(text) ||
	    publish_target_parse(text, &again, &why) == -1 ||
	    memcmp(&t, &again, sizeof(t)) != 0)
		abort();
}

static void
try_from(const char *s)
{
	struct addr_prefix	 from[PUBLISH_FROM_MAX];
	const char		*why = NULL;
	size_t			 n;

	if (publish_from_parse(s, from, &n, &why) == -1) {
		if (why == NULL)
			abort();
	} else if (n > PUBLISH_FROM_MAX || (n == 0) != (*s == '\0'))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*s[3] = { "", "", "" };
	char		*buf, *p;
	int		 i;

	if ((buf = malloc(size + 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(buf, data, size);
	buf[size] = '\0';
	for (p = buf, i = 0; i < 3 && p <= buf + size; i++) {
		s[i] = p;
		p += strlen(p) + 1;
	}
	try_spec(s[0]);
	try_target(s[1]);
	try_from(s[2]);
	free(buf);
	return (0);
}
