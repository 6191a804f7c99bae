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


#ifndef AUTH_NAMES_H
#define AUTH_NAMES_H

#include <sys/queue.h>

#include <stddef.h>

/* What things may be called: nodes, users, tokens, this relay.  Pure. */

/* For people: what is wrong with a name that is no label. */
#define NAME_LABEL_RULE	"a node name is 1 to 63 of a-z, 0-9 and -, with " \
			"no - at either end and no --"

/* A DNS label in lower case without "--"; 1 or 0. */
int	name_label_ok(const char *);
/* The same for services: "xn--" at the front of a host name means more. */
#define NAME_SERVICE_RULE	"a service name is 1 to 63 of a-z, 0-9 and " \
			"-, with no - at either end, no -- and not xn"
int	name_service_ok(const char *);
/* A host's name as DNS has it, in lower case: labels, not an address. */
int	name_host_ok(const char *);
/*
 * The label of a host name below this domain, into a buffer of LABEL_LEN;
 * NULL: it is not exactly one label below.
 */
#define NAME_LABEL_LEN	64
const char *name_below(const char *host, const char *domain,
	    char[NAME_LABEL_LEN]);
/* Is it the domain, or anywhere below? */
int	name_within(const char *host, const char *domain);
/* A comma-separated list of them, or an empty one. */
int	name_labels_ok(const char *);
/* One address, already in lower case: local part, @, domain with a dot. */
int	name_email_ok(const char *);
/* UTF-8 for people to read: no control characters. */
int	name_text_ok(const char *);
/* What crypt(3) returns for a hash: "$", printable, no ':'. */
int	name_hash_ok(const char *);
/* ASCII letters to lower case, in place. */
void	name_lower(char *);

/*
 * The names this relay goes by, in lower case without a port: exact ones,
 * and "*.x" for one more label in front.
 */
struct name {
	TAILQ_ENTRY(name)	 entry;
	char			*name;
};
TAILQ_HEAD(names, name);

/* Copies; 0 or -1 without memory. */
int	names_add(struct names *, const char *);
void	names_clear(struct names *);
/* Is host one of them?  With none, is it a name of the loopback? */
int	names_match(const struct names *, const char *host);

#endif /* AUTH_NAMES_H */
