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

#ifndef TARGET_SPEC_H
#define TARGET_SPEC_H

#include "mux_frame.h"

/*
 * What people type for a target: "[host:]port[/tcp|/udp]", with the node
 * itself where there is no host and brackets around an IPv6 address, or the
 * path of a Unix socket on the node.  Pure.
 *
 * target_spec_parse: kind, host and port of the mux_open; the rest is left
 * alone.  target_spec_path: whether this can be a Unix socket's path.  0, or
 * -1 with a static reason.
 */
int	target_spec_parse(const char *, struct mux_open *, const char **);
int	target_spec_path(const char *, const char **);

#endif /* TARGET_SPEC_H */
