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


/* link: lib/ws.c lib/base64.c */
/* libs: libcrypto */

/*
 * Frames, whole and byte by byte: the events, the errors and what was
 * consumed before them must be the same.
 */

/* max_len: 300 */
/* max_len_cuts: 128 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ws.h"

#define EVENTS_MAX	4096

struct event {
	enum ws_result	 result;
	int		 opcode, code;
	size_t		 len;
	size_t		 at;		/* consumed in all, behind it */
	uint32_t	 sum;		/* of the data */
};

static uint32_t	sum(const uint8_t *, size_t);
static size_t	run(const uint8_t *, size_t, enum ws_role, size_t, size_t,
		    struct event *);

static uint32_t
sum(const uint8_t *p, size_t len)
{
	uint32_t	 s = 2166136261U;

	for (; len > 0; len--)
		s = (s ^ *p++) * 16777619U;
	return (s);
}

/* Parse in pieces of step bytes; returns how many events there were. */
static size_t
run(const uint8_t *data, size_t size, enum ws_role role, size_t message_max,
    size_t step, struct event *events)
{
	struct ws_event	 ev;
	struct ws	 ws;
	enum ws_result	 r = WS_MORE;
	uint8_t		*buf;
	uint32_t	 state;
	size_t		 from = 0, to = 0, n = 0, need;

	ws_init(&ws, role, message_max);
	while (to < size && r != WS_ERROR) {
		to = size - to < step ? size : to + step;
		/* What was consumed is gone, and there is not a byte more. */
		must((buf = malloc(to - from + 1)) != NULL);
		do {
			memcpy(buf + 1, data + from, to - from);
			r = ws_parse(&ws, buf + 1, to - from, &ev, &need);
			must(ev.consumed <= to - from);
			if (r == WS_MORE) {
				must(need > to - from);
				must(memcmp(buf + 1 + ev.consumed,
				    data + from + ev.consumed,
				    to - from - ev.consumed) == 0);
			}
			from += ev.consumed;
			if (r == WS_MORE)
				break;
			must(n < EVENTS_MAX);
			memset(&events[n], 0, sizeof(events[n]));
			events[n].result = r;
			if (r == WS_ERROR) {
				must(ws.error != NULL && ws.close_code > 0);
				events[n].code = ws.close_code;
			} else {
				must(ev.len <= message_max ||
				    (r == WS_CONTROL &&
				    ev.len <= WS_CONTROL_MAX));
				state = 0;
				if (ev.opcode == WS_TEXT)
					must(ws_utf8(&state, ev.data,
					    ev.len) == 0 && state == 0);
				events[n].opcode = ev.opcode;
				events[n].code = ev.code;
				events[n].len = ev.len;
				events[n].sum = sum(ev.data, ev.len);
				events[n].at = from;
			}
			n++;
		} while (r != WS_ERROR);
		free(buf);
	}
	ws_done(&ws);
	return (n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t	 maxima[] = { 65536, 1000, 10, 0 };
	static struct event	 whole[EVENTS_MAX], cut[EVENTS_MAX];
	enum ws_role		 role;
	size_t			 message_max, n, i;

	/* The first byte says how, and in which pieces the third time. */
	if (size < 1 || size > EVENTS_MAX)
		return (0);
	role = (data[0] & 3) % 3;
	message_max = maxima[data[0] >> 2 & 3];

	n = run(data + 1, size - 1, role, message_max, SIZE_MAX, whole);
	if (!fuzz_cuts())
		return (0);
	must(run(data + 1, size - 1, role, message_max, 1, cut) == n);
	for (i = 0; i < n; i++)
		must(memcmp(&whole[i], &cut[i], sizeof(cut[i])) == 0);
	must(run(data + 1, size - 1, role, message_max,
	    2 + (data[0] >> 4), cut) == n);
	for (i = 0; i < n; i++)
		must(memcmp(&whole[i], &cut[i], sizeof(cut[i])) == 0);
	return (0);
}
