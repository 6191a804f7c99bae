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

#ifndef LISTEN_PUBLISH_H
#define LISTEN_PUBLISH_H

struct imsg;
struct proc_peer;
struct relayd_conf;
struct state;
struct state_line;

/*
 * Published ports, in the parent: opened when router asks and the rules of
 * the configuration agree, and kept, so that they outlive any process.
 */

/* The configuration that decides; what it does not allow is closed. */
void	publish_configure(const struct relayd_conf *);
/* A listener was started (anew): give it its sockets. */
void	publish_listener(struct proc_peer *);
/* A new router: see IMSG_PUBLISH_END. */
void	publish_router(void);
/*
 * For the binary that takes our place: all there is; a line of that, 0 or -1;
 * and to take it into use, with new listeners to be told or without.
 */
void	publish_save(struct state *);
int	publish_restore(const struct state_line *);
void	publish_adopt(int);
/* Listeners that drain are joined with the others now. */
void	publish_joined(void);
int	publish_recv_open(struct proc_peer *, struct imsg *);
int	publish_recv_close(struct proc_peer *, struct imsg *);
int	publish_recv_end(struct proc_peer *, struct imsg *);

#endif /* LISTEN_PUBLISH_H */
