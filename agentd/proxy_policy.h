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

#ifndef PROXY_POLICY_H
#define PROXY_POLICY_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "agentd.h"

/*
 * policy_pass: whether a target may be connected to: kind and port as asked
 * for, host as asked for, and one address that it stands for.  The last
 * rule that matches decides, quick ends the search; before the first rule
 * everything is blocked but loopback.
 * policy_pass_unix: the same for a Unix socket, by its path, word for word;
 * before the first rule all are blocked.  No rule but those of kind unix has
 * a say: who passes "any" means ports.
 * policy_path_plain: whether a path is written as such a rule has it, without
 * an empty part, "." or ".."; no other is passed, as a rule that blocks one
 * could be led around by it.
 * All: 1 or 0.  Pure.
 */
int	policy_pass(const struct rule *, size_t, uint32_t, const char *,
	    const struct sockaddr *, uint16_t);
int	policy_pass_unix(const struct rules *, const char *);
int	policy_path_plain(const char *);

#endif /* PROXY_POLICY_H */
