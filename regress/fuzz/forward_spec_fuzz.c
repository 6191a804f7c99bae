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

/* link: accessctl/forward_spec.c accessctl/target_spec.c lib/addr.c
 * lib/mux_frame.c lib/publish.c */
/* max_len: 200 */

/*
 * What people type behind -L: what is taken fits a frame, and written out in
 * full it is taken again as the same.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward_spec.h"
#include "fuzz.h"

/* "[bind]:port:node:[host]:port/udp", or paths. */
static void
write_out(const struct forward_spec *f, char *out, size_t size)
{
	int	 n = 0, m;

	if (f->listen_unix && strchr(f->bind, ':') == NULL)
		n = snprintf(out, size, "%s:", f->bind);
	else if (f->listen_unix)
		n = snprintf(out, size, "[%s]:", f->bind);
	else if (f->bind[0] != '\0')
		n = snprintf(out, size, "[%s]:%u:", f->bind, f->listen_port);
	else
		n = snprintf(out, size, "%u:", f->listen_port);
	must(n > 0 && (size_t)n < size);
	if (f->kind == MUX_KIND_UNIX)
		m = snprintf(out + n, size - n, "%s:%s", f->node, f->host);
	else
		m = snprintf(out + n, size - n, "%s:[%s]:%u/%s", f->node,
		    f->host, f->port,
		    f->kind == MUX_KIND_UDP ? "udp" : "tcp");
	must(m > 0 && (size_t)m < size - n);
}

static void
fits_frame(const struct forward_spec *f)
{
	struct mux_open	 open, got;
	uint8_t		 buf[MUX_OPEN_MAX];
	ssize_t		 n;

	memset(&open, 0, sizeof(open));
	open.kind = f->kind;
	open.port = f->port;
	memcpy(open.host, f->host, sizeof(open.host));
	memcpy(open.node, f->node, sizeof(open.node));
	must((n = mux_open_put(buf, sizeof(buf), &open)) > 0);
	must(mux_open_get(buf, n, &got) == 0);
	must(strcmp(got.host, f->host) == 0 && got.port == f->port);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forward_spec	 f, again;
	const char		*why = NULL;
	char			*s, text[2048];

	must((s = malloc(size + 1)) != NULL);
	memcpy(s, data, size);
	s[size] = '\0';
	if (forward_spec_parse(s, &f, &why) == 0) {
		fits_frame(&f);
		write_out(&f, text, sizeof(text));
		must(forward_spec_parse(text, &again, &why) == 0);
		must(memcmp(&f, &again, sizeof(f)) == 0);
		must(forward_spec_same(&f, &again) == (f.listen_unix ||
		    f.listen_port != 0));
	} else
		must(why != NULL);
	free(s);
	return (0);
}
