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

#ifndef LOGIN_H
#define LOGIN_H

#include <stddef.h>

#include "evtls.h"
#include "relay_url.h"
#include "token.h"

/*
 * Logging in on a device or a laptop: the file that keeps relay, name and
 * token (mode 0600), asking for the token, and trying it.  For `agentd
 * login` and `accessctl login`.
 *
 * The file has the lines of a configuration: relay "wss://..", name "..",
 * token "..", ca "/path", pin "sha256:..", proxy "http://..", helper "/path".
 */

struct login {
	char		*relay;		/* as given; a relay URL */
	char		*name;		/* of the node; NULL for clients */
	char		*token;		/* a secret */
	char		*ca;		/* path of a PEM file, or NULL */
	char		*pin;		/* or NULL */
	char		*proxy;		/* a secret: URL, "none", or NULL */
	char		*helper;	/* path of a program, or NULL */
};

/* login_clear: free all of it, the token zeroed. */
void	login_clear(struct login *);

/*
 * login_path: where the file of this program ("agentd", "accessctl") lies:
 * in dir if it is not NULL, else in $XDG_CONFIG_HOME/culvert or
 * ~/.config/culvert.  0, or -1 with the reason in the log.
 */
int	login_path(const char *, const char *, char *, size_t);
/*
 * login_read: 0; 1 if there is no such file; -1 (logged) if it can't be
 * read, has errors, or others may read it.
 */
int	login_read(const char *, struct login *);
/* login_write: put a whole new file in its place, or leave the old. */
int	login_write(const char *, const struct login *);

enum login_source { LOGIN_ASK, LOGIN_STDIN, LOGIN_FILE };

/*
 * login_token: read a token from the terminal (without echo), from standard
 * input, or from a file, and check its form.  Malloced, or NULL (logged).
 */
char	*login_token(enum login_source, const char *);
/* A file with a token on its first line, which nobody else may read. */
char	*login_token_file(const char *);

/*
 * login_check: have relay and pin, if there is one, their form?  Returns 0, or
 * -1 (logged).
 */
int	login_check(const struct login *);

/*
 * login_try: log in at the relay once, as the node of that name or, with
 * name NULL, as a client.  plain_ok: ws:// to anywhere.  Returns 0, or -1
 * with the reason in the buffer.  Blocks, at most 20 s.
 */
int	login_try(const struct login *, int, const char *, char *, size_t);

/*
 * login_roots: what login_trust is made of, looked at: the CA file, or without
 * it and a pin the system's roots, as a malloced text, or NULL; and the pin's
 * bytes, if it is not NULL.  Returns 0, or -1 with the reason in the buffer.
 */
int	login_roots(const char *, const char *, uint8_t[EVTLS_KEYID_LEN],
	    char **, char *, size_t);

/*
 * login_trust: who is believed to be the relay: the CA file and the pin, of
 * which either may be NULL, or without both the system's roots.  *pem, if
 * pem is not NULL, is the CA's malloced text then, or NULL.  The client to
 * connect with, or NULL with the reason in the buffer.
 */
struct evtls_client *login_trust(const char *, const char *, char **, char *,
	    size_t);

/* A whole file as a malloced string, or NULL (logged); at most 1 MB. */
char	*login_slurp(const char *);

#endif /* LOGIN_H */
