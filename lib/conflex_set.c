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
 * Settings that both configurations have, or are made of.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "conflex.h"
#include "log.h"

void
conflex_string(char **where, const char *value, const char *what)
{
	if (value[0] == '\0')
		conflex_error("%s: empty", what);
	if (*where != NULL)
		freezero(*where, strlen(*where));
	if ((*where = strdup(value)) == NULL)
		fatal("configuration");
}

void
conflex_path(char **where, const char *value, const char *what)
{
	if (value[0] != '/' && value[0] != '\0')
		conflex_error("%s %s: not an absolute path", what, value);
	conflex_string(where, value, what);
}

void
conflex_log_to(enum log_dest *dest, int *facility, const char *where,
    const char *as)
{
	if (log_dest_parse(where, dest) == -1) {
		conflex_error("log to %s: syslog, journal or stderr", where);
		return;
	}
	*facility = 0;
	if (as == NULL)
		return;
	if (*dest == LOG_DEST_STDERR)
		conflex_error("log to stderr: there is no facility");
	else if (log_facility_parse(as, facility) == -1)
		conflex_error("facility %s: daemon, auth, authpriv, user, or "
		    "local0 to local7", as);
}

void
conflex_log_level(int *level, const char *value)
{
	if (log_level_parse(value, level) == -1)
		conflex_error("log %s: brief, verbose or debug", value);
}
