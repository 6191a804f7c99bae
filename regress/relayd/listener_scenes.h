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

#ifndef LISTENER_SCENES_H
#define LISTENER_SCENES_H

/*
 * What happens at a listener's doors, while something fails (nth_fail.h): an
 * answer may be missing, but not wrong.  Where nothing does, or it is
 * harmless, all is as it should be; after it the listener serves on, and in
 * the end nothing is left of those who came.  link: needs listener_robot.c,
 * listener_world.c and what those need.
 */

void	 scene_links(void);		/* nodes, clients, streams */
void	 scene_ends(void);		/* of streams and links, by router */
void	 scene_again(void);		/* router and auth are started anew */
void	 scene_ports(void);		/* published */
void	 scene_pages(void);		/* of sites */
void	 scene_login(void);		/* page, cookies, tickets */
void	 scene_api(void);
void	 scene_programs(void);		/* that are paired */

#endif /* LISTENER_SCENES_H */
