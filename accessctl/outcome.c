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
 * What the end of a stream means: for scripts and for people.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "accessctl.h"

enum exit_status
outcome_status(uint16_t code)
{
	switch (code) {
	case MUX_CODE_REFUSED:
		return (EXIT_REFUSED);
	case MUX_CODE_UNREACHABLE:
	case MUX_CODE_TIMEOUT:
		return (EXIT_UNREACHABLE);
	case MUX_CODE_DENIED:
		return (EXIT_DENIED);
	case MUX_CODE_NO_NODE:
		return (EXIT_NO_NODE);
	case MUX_CODE_NODE_OFFLINE:
		return (EXIT_OFFLINE);
	case MUX_CODE_PROTOCOL:
	case MUX_CODE_UNSUPPORTED:
		return (EXIT_PROTOCOL);
	case MUX_CODE_NODE_GONE:
	case MUX_CODE_TARGET_RESET:
	case MUX_CODE_KILLED:
	case MUX_CODE_GOING_AWAY:
		return (EXIT_CUT);
	default:
		return (EXIT_OTHER);
	}
}

void
outcome_text(uint16_t code, const char *text, const struct mux_open *o,
    char *buf, size_t size)
{
	char	 target[MUX_TARGET_LEN];

	/* The other end knows best, unless it says nothing. */
	if (text == NULL || text[0] == '\0')
		text = code == MUX_CODE_LIMIT ? "too many at once: relay or "
		    "device are at a limit of theirs" : mux_code_name(code);
	mux_target(o->kind, o->host, o->port, target);
	switch (code) {
	case MUX_CODE_NO_NODE:
		snprintf(buf, size, "%s: no such node; accessctl nodes lists "
		    "those you may reach", o->node);
		break;
	case MUX_CODE_NODE_OFFLINE:
		snprintf(buf, size, "%s: %s; is agentd running there?",
		    o->node, text);
		break;
	case MUX_CODE_DENIED:
		snprintf(buf, size, "%s: denied: %s (target %s)", o->node,
		    text, target);
		break;
	default:
		/* The node's own words name what it tried. */
		if (strncmp(text, o->host, strlen(o->host)) == 0)
			snprintf(buf, size, "%s: %s", o->node, text);
		else
			snprintf(buf, size, "%s: %s: %s", o->node, target,
			    text);
		break;
	}
}
