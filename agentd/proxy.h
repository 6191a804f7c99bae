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

#ifndef AGENTD_PROXY_H
#define AGENTD_PROXY_H

#include <stdint.h>

#include "agentd.h"

/*
 * The proxy process: what its files share.
 *
 *	proxy.c		configuration; relays and targets
 *	proxy_policy.c	which targets
 *	proxy_backend.c	backends: the list, and who asks for them
 *	proxy_reach.c	one connection to a backend
 *	proxy_bridge.c	between tunnel and a backend that speaks TLS
 *	proxy_health.c	whether they are up
 *
 * Functions with recv in their names are handlers of messages, as struct
 * proc_rule has them; the table in proxy.c says of which.
 */

#define CONNECT_TIMEOUT_MS	15000
#define CONNECTS_MAX		4096	/* under way at once */

struct evtls;
struct health;
struct reach;

/* A backend.  Those of the configuration before live on while in use. */
struct service {
	unsigned int		 refs;		/* the list's is one */
	struct backend		 backend;
	struct evtls_client	*trust;		/* of BACKEND_HTTPS */
	char			 sni[HTTP_HOST_MAX];
	struct health		*health;	/* or NULL: nobody asks */
	char			*ca;		/* text that is received */
	size_t			 ca_len;
};

/* proxy.c */
/* The tunnel is told that the stream of this number is not connected: enum
   mux_code, and why, for people. */
void		 proxy_fail(uint32_t, uint16_t, const char *);
/* What a stream is told: enum mux_code of enum dial_error. */
uint16_t	 proxy_code(int);

/* proxy_backend.c */
/* A configuration begins to come, comes, and is whole: 0, or -1. */
void		 backends_begin(void);
int		 backends_recv(struct proc_peer *, struct imsg *);
int		 backends_recv_ca(struct proc_peer *, struct imsg *);
int		 backends_end(void);
/* The event loop is about to run. */
void		 backends_serve(void);
/* The tunnel is there, and wants to know; it is gone, and wants nothing. */
void		 backends_tunnel_up(void);
void		 backends_tunnel_down(void);
/* A stream to one of them; it is wanted no more (0: it was none of these). */
void		 visit_new(uint32_t, const struct connect_target *);
int		 visit_cancel(uint32_t);
/* Its state has changed: tell the tunnel. */
void		 service_show(const struct service *);
/* One reference less: with the last one it goes. */
void		 service_unref(struct service *);

/* proxy_reach.c */
/*
 * Connect to a backend and, if it has to be told, say for which client ("":
 * for ourselves); TLS included.  done gets a socket, or a connection whose
 * handshake is complete and which is its own from now on (evtls_set_ops), or
 * neither, enum mux_code and why not.  The reach is gone then.  NULL without
 * memory.
 */
struct reach	*reach_new(struct service *, const char *,
		    void (*)(void *, int, struct evtls *, uint16_t,
		    const char *), void *);
/* Give up; takes NULL. */
void		 reach_free(struct reach *);
/* The parent's answers. */
int		 reach_recv_connected(struct proc_peer *, struct imsg *);
int		 reach_recv_failed(struct proc_peer *, struct imsg *);

/* proxy_bridge.c */
/*
 * The connection is tunnel's stream of that number; returns tunnel's end of
 * it, or -1: the connection is freed then.
 */
int		 bridge_new(uint32_t, struct evtls *);
/* The stream was reset; 0: there is no such bridge. */
int		 bridge_cancel(uint32_t);
/* The tunnel is gone, and with it all of them. */
void		 bridges_down(void);

/* proxy_health.c */
/* Check again and again, beginning soon; or not.  Old state is taken over. */
void		 health_start(struct service *, const struct service *);
void		 health_stop(struct service *);
/* Why visitors need not try; NULL: they may. */
const char	*health_down(const struct service *);
/* Fill in what the checks have found. */
void		 health_fill(const struct service *,
		    struct ctl_agent_backend *);

#endif /* AGENTD_PROXY_H */
