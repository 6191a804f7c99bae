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

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws.h"
#include "ws_steps.h"

void	*__real_realloc(void *, size_t);

void	*__wrap_realloc(void *, size_t);

static const uint8_t	 key[4] = { 0x37, 0xfa, 0x21, 0x3d };

const enum ws_role roles[] = { WS_SERVER, WS_CLIENT, WS_INTERNAL };

int		 no_memory;

/* The bytes of a peer, and what became of them. */
uint8_t		 input[200000];

size_t		 input_len;

char		 said[16384];

void *
__wrap_realloc(void *p, size_t size)
{
	return (no_memory ? NULL : __real_realloc(p, size));
}

void
put(enum ws_role role, uint8_t first, const void *payload, size_t len,
    size_t form)
{
	uint8_t		*p = input + input_len;
	size_t		 i;

	assert_true(input_len + len + WS_HEAD_MAX <= sizeof(input));
	if (form == 0)
		form = len < 126 ? 0 : len < 65536 ? 2 : 8;
	*p++ = first;
	*p = form == 0 ? len : form == 2 ? 126 : 127;
	if (role == WS_SERVER)
		*p |= 0x80;
	p++;
	for (i = form; i > 0; i--)
		*p++ = (uint64_t)len >> 8 * (i - 1) & 0xff;
	if (role == WS_SERVER) {
		memcpy(p, key, sizeof(key));
		p += sizeof(key);
	}
	for (i = 0; i < len; i++)
		*p++ = ((const uint8_t *)payload)[i] ^
		    (role == WS_SERVER ? key[i % 4] : 0);
	input_len = (size_t)(p - input);
}

/* "text 5 hello; " and so on; the middle of a long payload is left out. */
static void
say(const struct ws_event *ev)
{
	static const char *const names[16] = {
		[WS_TEXT] = "text", [WS_BINARY] = "binary",
		[WS_CLOSE] = "close", [WS_PING] = "ping", [WS_PONG] = "pong"
	};
	size_t	 i, n = strlen(said);

	assert_non_null(names[ev->opcode]);
	assert_true(n + 200 < sizeof(said));
	n += (size_t)snprintf(said + n, sizeof(said) - n, "%s",
	    names[ev->opcode]);
	if (ev->opcode == WS_CLOSE)
		n += (size_t)snprintf(said + n, sizeof(said) - n, " %d",
		    ev->code);
	n += (size_t)snprintf(said + n, sizeof(said) - n, " %zu ", ev->len);
	for (i = 0; i < ev->len; i++)
		if (i < 8 || i + 8 >= ev->len)
			n += (size_t)snprintf(said + n, sizeof(said) - n,
			    ev->data[i] >= ' ' && ev->data[i] <= '~' ? "%c" :
			    "\\%02x", ev->data[i]);
	strlcat(said, "; ", sizeof(said));
}

size_t
parse(enum ws_role role, size_t message_max, size_t step)
{
	struct ws_event	 ev;
	struct ws	 ws;
	enum ws_result	 r = WS_MORE;
	uint8_t		*buf, *copy;
	size_t		 len = 0, n, come = 0, need;

	said[0] = '\0';
	assert_non_null(buf = malloc(1));
	ws_init(&ws, role, message_max);
	while (come < input_len && r != WS_ERROR) {
		n = step == 0 || step > input_len - come ? input_len - come :
		    step;
		assert_non_null(copy = malloc(len + n));
		memcpy(copy, buf, len);
		memcpy(copy + len, input + come, n);
		free(buf);
		buf = copy;
		len += n;
		come += n;
		do {
			need = 0;
			r = ws_parse(&ws, buf, len, &ev, &need);
			assert_true(ev.consumed <= len);
			if (r == WS_MESSAGE || r == WS_CONTROL)
				say(&ev);
			if (r == WS_MORE) {
				assert_true(need > len);
				/* Half a frame is left as it came. */
				assert_memory_equal(buf + ev.consumed,
				    input + come - len + ev.consumed,
				    len - ev.consumed);
			}
			len -= ev.consumed;
			memmove(buf, buf + ev.consumed, len);
		} while (r == WS_MESSAGE || r == WS_CONTROL);
	}
	if (r == WS_ERROR) {
		assert_non_null(ws.error);
		n = strlen(said);
		snprintf(said + n, sizeof(said) - n, "error %d", ws.close_code);
		/* For good. */
		assert_int_equal(ws_parse(&ws, buf, len, &ev, NULL), WS_ERROR);
		assert_int_equal(ev.consumed, 0);
	}
	free(buf);
	ws_done(&ws);
	return (come);
}

void
expect(enum ws_role role, const char *name, const char *want)
{
	static const size_t	 steps[] = { 0, 1, 2, 3, 7, 1000 };
	size_t			 i;

	for (i = 0; i < nitems(steps); i++) {
		if (steps[i] != 0 && steps[i] < 1000 && input_len > 5000)
			continue;
		parse(role, MAX, steps[i]);
		if (strcmp(said, want) != 0)
			fail_msg("%s, role %d, by %zu: \"%s\", not \"%s\"",
			    name, role, steps[i], said, want);
	}
}

const char x125[] =
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

void
run_cases(const struct ws_case *cases, size_t n)
{
	const struct frame	*f;
	size_t			 i, j, k;

	for (i = 0; i < n; i++)
		for (j = 0; j < nitems(roles); j++) {
			input_len = 0;
			for (k = 0; k < nitems(cases[i].frames); k++) {
				f = &cases[i].frames[k];
				if (f->payload != NULL)
					put(roles[j], f->first, f->payload,
					    f->len, f->form);
			}
			expect(roles[j], cases[i].name, cases[i].want);
		}
}
