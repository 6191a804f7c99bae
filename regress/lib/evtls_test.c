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
 * A client and a server connection in one event base, over a socket pair or
 * loopback TCP.  Each side sends a known sequence of bytes in chunks of
 * random size and checks the other's.
 */

/* link: lib/evtls.c lib/evtls_input.c lib/evtls_output.c lib/evtls_buf.c
 * lib/evtls_tls.c lib/evtls_libtls.c lib/evtls_libtls_key.c
 * lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/in.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "tls_util.h"

#define MANY	(10 * 1024 * 1024)
#define DAY	86400L

enum where { NOWHERE, IN_READY, IN_INPUT, IN_OUTPUT, IN_CLOSED };

struct side {
	struct evtls	*c;
	struct event	*timer;
	/* what to do */
	size_t		 send;		/* bytes to send in all */
	size_t		 chunk;		/* at a time at most; 0: one byte */
	int		 nibble;	/* take random parts of the input */
	int		 pauses;	/* pause now and then */
	int		 hold;		/* pause at the first input */
	int		 close_after;	/* close when all is sent */
	size_t		 keep;		/* leave this much until more came */
	enum where	 free_in;
	/* what was */
	int		 ready, closed, inputs;
	size_t		 sent, got;
	size_t		 most;		/* evtls_buffered at its highest */
	int		 wrong;
	enum evtls_why	 why;
	char		 text[200];
};

static struct event_base	*base;
static struct side		 cl, sv;
static struct tls_util_cert	*ca, *ec, *ec384, *rsa, *expired, *future;
static struct tls_util_cert	*other_ca, *ip;

static uint8_t
byte_at(size_t i)
{
	return ((uint32_t)i * 2654435761U >> 24);
}

static void	on_ready(struct evtls *, void *);
static size_t	on_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	on_output(struct evtls *, void *, uint8_t *, size_t);
static void	on_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

static const struct evtls_ops ops = {
	.ready = on_ready, .input = on_input, .output = on_output,
	.closed = on_closed
};

static void
note(struct side *s)
{
	size_t	n = evtls_buffered(s->c);

	if (n > s->most)
		s->most = n;
}

static int
free_here(struct side *s, enum where where)
{
	if (s->free_in != where)
		return (0);
	evtls_free(s->c);
	s->c = NULL;
	s->closed = 1;
	return (1);
}

static void
on_ready(struct evtls *c, void *arg)
{
	struct side	*s = arg;

	s->ready++;
	if (free_here(s, IN_READY))
		return;
	if (s->send > 0)
		evtls_want_output(c);
}

static void
on_resume(int fd, short what, void *arg)
{
	struct side	*s = arg;

	if (s->c != NULL)
		evtls_resume(s->c);
}

static size_t
take(struct side *s, uint8_t *buf, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++) {
		if (buf[i] != byte_at(s->got + i))
			s->wrong = 1;
		buf[i] = 0xff;
	}
	s->got += len;
	return (len);
}

static size_t
on_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	struct timeval	 tv = { 0, 300 };
	struct side	*s = arg;
	size_t		 n = len;

	s->inputs++;
	if (s->ready != 1 || len == 0)
		s->wrong = 1;
	if (s->keep > 0)
		return (len < s->keep ? 0 : take(s, buf, len));
	if (s->nibble)
		n = arc4random_uniform(4) == 0 ? 0 :
		    arc4random_uniform(len + 1);
	/* Not to leave too much, nor wait when no more will come. */
	if (n + EVTLS_BATCH < len || s->got + len == sv.send)
		n = len;
	take(s, buf, n);
	if (free_here(s, IN_INPUT))
		return (0);
	if (s->hold && s->inputs == 1)
		evtls_pause(c);
	if (s->pauses && arc4random_uniform(3) == 0) {
		evtls_pause(c);
		event_add(s->timer, &tv);
	}
	note(s);
	return (n);
}

static size_t
on_output(struct evtls *c, void *arg, uint8_t *buf, size_t cap)
{
	struct side	*s = arg;
	size_t		 n, i;

	if (cap < EVTLS_BATCH || s->ready != 1)
		s->wrong = 1;
	if (free_here(s, IN_OUTPUT))
		return (0);
	n = s->send - s->sent;
	if (n > cap)
		n = cap;
	if (n > 1 && s->chunk == 0)
		n = 1;
	else if (n > s->chunk && s->chunk > 0)
		n = 1 + arc4random_uniform(s->chunk);
	for (i = 0; i < n; i++)
		buf[i] = byte_at(s->sent + i);
	s->sent += n;
	note(s);
	if (s->close_after && s->sent == s->send)
		evtls_close(c);
	return (n);
}

static void
on_closed(struct evtls *c, void *arg, enum evtls_why why, const char *text)
{
	struct side	*s = arg;

	s->closed++;
	s->why = why;
	strlcpy(s->text, text, sizeof(s->text));
	if (free_here(s, IN_CLOSED))
		return;
}

/* ---- Driving ---- */

static void
watchdog(int sig)
{
	static const char	text[] = "# evtls_test: hangs\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static void
pass(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

/* Let some time go by in which nothing must happen. */
static void
idle(long ms)
{
	struct timeval	tv = { ms / 1000, ms % 1000 * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void
nonblock(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void
pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

static void
tcp_pair(int fds[2])
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	assert_true((fds[0] = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&sin, len), 0);
	assert_true((fds[1] = accept(fd, NULL, NULL)) != -1);
	close(fd);
	nonblock(fds[0]);
	nonblock(fds[1]);
}

static struct evtls_server *
server(struct tls_util_cert *a, struct tls_util_cert *b,
    struct tls_util_cert *c)
{
	const char		*chains[3] = { a->pem };
	struct evtls_server	*s;
	char			 err[200] = "";
	size_t			 n = 1;

	if (b != NULL)
		chains[n++] = b->pem;
	if (c != NULL)
		chains[n++] = c->pem;
	s = evtls_server_new(chains, n, &tls_util_signer, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(s);
	return (s);
}

static struct evtls_client *
client(const struct tls_util_cert *trust, const uint8_t *pin)
{
	struct evtls_client	*c;
	char			 err[200] = "";

	c = evtls_client_new(trust == NULL ? NULL : trust->pem, pin, err,
	    sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(c);
	return (c);
}

/* Connect the sides; their server and client are let go at once. */
static void
connect_sides(struct evtls_server *s, struct evtls_client *c,
    const char *host, int tcp)
{
	int	fds[2];

	if (tcp)
		tcp_pair(fds);
	else
		pair(fds);
	sv.c = evtls_accept(base, fds[1], s, &ops, &sv);
	cl.c = evtls_connect(base, fds[0], c, host, &ops, &cl);
	evtls_server_free(s);
	evtls_client_free(c);
	assert_non_null(sv.c);
	assert_non_null(cl.c);
}

static void
standard_sides(struct tls_util_cert *cert, int tcp)
{
	connect_sides(server(cert, NULL, NULL), client(ca, NULL),
	    cert == rsa ? "rsa.example" : "node.example", tcp);
}

static void
until_ready(void)
{
	while ((!cl.ready && !cl.closed) || (!sv.ready && !sv.closed))
		pass();
	assert_string_equal(cl.text, "");
	assert_string_equal(sv.text, "");
}

static void
until_closed(struct side *s)
{
	while (!s->closed)
		pass();
}

/* The handshake must fail, for the client with this text. */
static void
refused(struct evtls_server *s, struct evtls_client *c, const char *host,
    const char *text)
{
	connect_sides(s, c, host, 0);
	until_closed(&cl);
	assert_int_equal(cl.ready, 0);
	assert_int_equal(cl.why, EVTLS_ERROR);
	if (strstr(cl.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", cl.text, text);
	evtls_free(cl.c);
	cl.c = NULL;
	until_closed(&sv);
}

static int
setup(void **state)
{
	memset(&cl, 0, sizeof(cl));
	memset(&sv, 0, sizeof(sv));
	cl.chunk = sv.chunk = 40000;
	cl.timer = event_new(base, -1, 0, on_resume, &cl);
	sv.timer = event_new(base, -1, 0, on_resume, &sv);
	alarm(60);
	return (0);
}

static int
teardown(void **state)
{
	evtls_free(cl.c);
	evtls_free(sv.c);
	event_free(cl.timer);
	event_free(sv.timer);
	return (cl.wrong || sv.wrong ? -1 : 0);
}

/* Once more within one case. */
static void
again(void **state)
{
	assert_int_equal(teardown(state), 0);
	setup(state);
}

/* ---- Handshakes ---- */

static void
handshake_with(struct tls_util_cert *cert, int version, const char *says)
{
	unsigned int	before = tls_util_signed;
	char		buf[100];

	standard_sides(cert, 0);
	assert_int_equal(SSL_set_max_proto_version(cl.c->ssl, version), 1);
	until_ready();
	assert_int_equal(tls_util_signed, before + 1);
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, says);
	evtls_describe(cl.c, buf, sizeof(buf));
	assert_string_equal(buf, says);
	assert_true(evtls_is_tls(sv.c));
	assert_string_equal(evtls_servername(sv.c), cert == rsa ?
	    "rsa.example" : "node.example");
	assert_int_equal(evtls_buffered(sv.c) + evtls_buffered(cl.c), 0);
	assert_int_equal(SSL_get_negotiated_group(cl.c->ssl), NID_X25519);
	assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(cl.c->ssl)),
	    0);
}

static void
ecdsa_p256_tls13(void **state)
{
	handshake_with(ec, TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
ecdsa_p384_tls13(void **state)
{
	handshake_with(ec384, TLS1_3_VERSION,
	    "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
rsa_tls13(void **state)
{
	handshake_with(rsa, TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
ecdsa_tls12(void **state)
{
	handshake_with(ec, TLS1_2_VERSION,
	    "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void
rsa_tls12(void **state)
{
	handshake_with(rsa, TLS1_2_VERSION,
	    "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256");
}

static void
rsa_tls12_client_without_pss(void **state)
{
	char	list[] = "RSA+SHA256";

	standard_sides(rsa, 0);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	assert_int_equal(SSL_set1_sigalgs_list(cl.c->ssl, list), 1);
	until_ready();
}

static void
client_without_aes_gets_chacha(void **state)
{
	char	buf[100];

	standard_sides(ec, 0);
	SSL_set_ciphersuites(cl.c->ssl, "TLS_CHACHA20_POLY1305_SHA256:"
	    "TLS_AES_128_GCM_SHA256");
	until_ready();
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256");
}

static void
tls11_is_refused(void **state)
{
	standard_sides(ec, 0);
	SSL_set_security_level(cl.c->ssl, 0);
	SSL_set_min_proto_version(cl.c->ssl, TLS1_1_VERSION);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_1_VERSION);
	until_closed(&cl);
	assert_int_equal(cl.ready, 0);
}

static void
sni_picks_the_certificate(void **state)
{
	struct evtls_server	*s = server(ec, rsa, other_ca);
	struct tls_util_cert	*c[] = { ec, rsa, other_ca, ec };
	static const char *const names[] = {
		"node.example", "rsa.example", "other-ca.example",
		"nothing.example"
	};
	size_t			 i;

	for (i = 0; i < nitems(names); i++) {
		evtls_server_ref(s);
		connect_sides(s, client(NULL, c[i]->id), names[i], 0);
		until_ready();
		assert_string_equal(evtls_servername(sv.c), names[i]);
		evtls_free(cl.c);
		evtls_free(sv.c);
		cl.c = sv.c = NULL;
		cl.ready = sv.ready = 0;
	}
	evtls_server_free(s);
}

static void
address_in_certificate(void **state)
{
	connect_sides(server(ip, NULL, NULL), client(ca, NULL), "127.0.0.1",
	    0);
	until_ready();
	assert_null(evtls_servername(sv.c));
}

static void
pin_alone_decides(void **state)
{
	connect_sides(server(expired, NULL, NULL), client(NULL, expired->id),
	    "any.example", 0);
	until_ready();
}

static void
pin_and_ca(void **state)
{
	connect_sides(server(ec, NULL, NULL), client(ca, ec->id),
	    "node.example", 0);
	until_ready();
}

static void
anybody_if_asked_for(void **state)
{
	char	 err[200] = "";

	connect_sides(server(expired, NULL, NULL), evtls_client_any(err,
	    sizeof(err)), "any.example", 0);
	until_ready();
	assert_string_equal(err, "");
}

static void
wrong_pin(void **state)
{
	char	is[100];

	evtls_pin_format(rsa->id, is, sizeof(is));
	refused(server(rsa, NULL, NULL), client(NULL, ec->id), "node.example",
	    is);
}

static void
wrong_name(void **state)
{
	refused(server(ec, NULL, NULL), client(ca, NULL), "evil.example",
	    "for another name than evil.example");
}

static void
unknown_ca(void **state)
{
	refused(server(ec, NULL, NULL), client(other_ca, NULL),
	    "node.example", "unknown CA");
	/* The server is told. */
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_non_null(strstr(sv.text, "does not know the CA"));
}

/* A client whose roots are read once, of these two. */
static struct evtls_client *
sharing(const struct tls_util_cert *a, const struct tls_util_cert *b)
{
	struct evtls_client	*c;
	char			 pem[4096], err[200] = "";

	snprintf(pem, sizeof(pem), "# roots\n%s\n%s", a->pem,
	    b != NULL ? b->pem : "");
	c = evtls_client_new(pem, NULL, err, sizeof(err));
	assert_string_equal(err, "");
	assert_int_equal(evtls_client_share(c, pem), 0);
	assert_int_equal(evtls_client_share(c, pem), 0);
	return (c);
}

static void
shared_roots(void **state)
{
	struct evtls_client	*c;
	int			 i;

	for (i = 0; i < 3; i++) {
		/* Whichever of them it is; for each connection anew. */
		c = i == 0 ? sharing(ca, NULL) : i == 1 ?
		    sharing(ca, other_ca) : sharing(other_ca, ca);
		evtls_client_ref(c);
		evtls_client_ref(c);
		connect_sides(server(ec, NULL, NULL), c, "node.example", 0);
		until_ready();
		again(state);
		connect_sides(server(rsa, NULL, NULL), c, "rsa.example", 0);
		until_ready();
		again(state);
		refused(server(ec, NULL, NULL), c, "evil.example",
		    "for another name than evil.example");
		again(state);
	}
	refused(server(ec, NULL, NULL), sharing(other_ca, NULL),
	    "node.example", "unknown CA");
	again(state);
	refused(server(expired, NULL, NULL), sharing(ca, other_ca),
	    "expired.example", "expired on 20");
	c = sharing(ca, NULL);
	assert_int_equal(evtls_client_share(c, "rubbish"), 0);
	evtls_client_free(c);
	c = client(ca, NULL);
	assert_int_equal(evtls_client_share(c, "rubbish"), -1);
	evtls_client_free(c);
}

static void
expired_certificate(void **state)
{
	refused(server(expired, NULL, NULL), client(ca, NULL),
	    "expired.example", "expired on 20");
	assert_non_null(strstr(cl.text, "our clock says 20"));
}

static void
future_certificate(void **state)
{
	refused(server(future, NULL, NULL), client(ca, NULL),
	    "future.example", "not valid before 20");
}

static int
broken_sign(void *arg, const uint8_t id[EVTLS_KEYID_LEN],
    enum evtls_sign_kind kind, const uint8_t *in, size_t inlen,
    uint8_t out[EVTLS_SIGN_MAX], size_t *outlen)
{
	*outlen = EVTLS_SIGN_MAX;
	return (kind == EVTLS_SIGN_ECDSA ? 0 : -1);
}

static void
broken_signer(void **state)
{
	static const struct evtls_signer	 broken = { broken_sign, NULL };
	struct tls_util_cert			*certs[] = { ec, rsa };
	const char				*pem;
	struct evtls_server			*s;
	char					 err[100];
	size_t					 i;

	for (i = 0; i < nitems(certs); i++) {
		pem = certs[i]->pem;
		s = evtls_server_new(&pem, 1, &broken, err, sizeof(err));
		assert_non_null(s);
		refused(s, client(NULL, certs[i]->id), "node.example",
		    "internal error");
		assert_int_equal(sv.why, EVTLS_ERROR);
		again(state);
	}
}

static int
freeing_sign(void *arg, const uint8_t id[EVTLS_KEYID_LEN],
    enum evtls_sign_kind kind, const uint8_t *in, size_t inlen,
    uint8_t out[EVTLS_SIGN_MAX], size_t *outlen)
{
	free_here(&sv, NOWHERE);
	return (tls_util_signer.sign(tls_util_signer.arg, id, kind, in, inlen,
	    out, outlen));
}

static void
freed_by_its_signer(void **state)
{
	static const struct evtls_signer	 freeing = {
		freeing_sign, NULL
	};
	const char				*pem = ec->pem;
	char					 err[100];

	connect_sides(evtls_server_new(&pem, 1, &freeing, err, sizeof(err)),
	    client(ca, NULL), "node.example", 0);
	until_closed(&cl);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

static void
system_roots_are_usable(void **state)
{
	struct evtls_client	*c;
	char			*pem, err[100] = "";

	if ((pem = evtls_system_ca()) == NULL)
		skip();
	c = evtls_client_new(pem, NULL, err, sizeof(err));
	free(pem);
	assert_string_equal(err, "");
	evtls_client_free(c);
}

static void
bad_material(void **state)
{
	const char	*chain = "no PEM";
	char		 err[100] = "", broken[600];

	assert_null(evtls_server_new(&chain, 1, &tls_util_signer, err,
	    sizeof(err)));
	assert_string_not_equal(err, "");
	assert_null(evtls_server_new(NULL, 0, &tls_util_signer, err,
	    sizeof(err)));
	assert_null(evtls_client_new(NULL, NULL, err, sizeof(err)));
	assert_string_equal(err, "no CA given");
	assert_null(evtls_client_new("rubbish", NULL, err, sizeof(err)));
	assert_non_null(strstr(err, "no usable certificate"));
	strlcpy(broken, ca->pem, sizeof(broken));
	memset(broken + 100, 'A', 100);
	assert_null(evtls_client_new(broken, NULL, err, sizeof(err)));
}

static void
handshake_byte_by_byte(void **state)
{
	int	a[2], b[2], i, moved;
	char	ch;

	/* client a[0] - a[1] we b[0] - b[1] server */
	pair(a);
	pair(b);
	cl.send = sv.send = 3000;
	sv.c = evtls_accept(base, b[1], server(rsa, NULL, NULL), &ops, &sv);
	cl.c = evtls_connect(base, a[0], client(ca, NULL), "rsa.example",
	    &ops, &cl);
	evtls_server_free(sv.c->server);
	evtls_client_free(cl.c->client);
	while (cl.got < 3000 || sv.got < 3000) {
		moved = 0;
		for (i = 0; i < 2; i++)
			if (read(i ? a[1] : b[0], &ch, 1) == 1) {
				(void)!write(i ? b[0] : a[1], &ch, 1);
				moved = 1;
			}
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_true(moved || (!cl.closed && !sv.closed));
	}
	close(a[1]);
	close(b[0]);
}

/* ---- What comes in front ---- */

#define PREFACE	"HELLO\n"
#define PREFACE_MAX	4096

static int	 looks;			/* on_look was asked */
static size_t	 look_for;		/* so many bytes */
static int	 look_chained;		/* it follows the preface */
static int	 look_pauses, look_releases;
static int	 released = -1;
static uint8_t	*released_buf;
static size_t	 released_len;

/* Behind the preface, or alone: it looks, and takes nothing. */
static ssize_t
on_look(struct evtls *c, void *arg, const uint8_t *buf, size_t len)
{
	struct timeval	 tv = { 0, 300 };

	assert_ptr_equal(arg, &sv);
	assert_int_equal(sv.ready, 0);
	looks++;
	if (len < look_for)
		return (0);
	if (look_pauses-- > 0) {
		evtls_pause(c);
		event_add(sv.timer, &tv);
		return (0);
	}
	if (look_releases) {
		released = evtls_release(c, &released_buf, &released_len);
		sv.c = NULL;
		return (0);
	}
	evtls_preface(c, NULL, 0);
	return (0);
}

static ssize_t
on_preface(struct evtls *c, void *arg, const uint8_t *buf, size_t len)
{
	const size_t	 n = strlen(PREFACE);

	assert_ptr_equal(arg, &sv);
	assert_int_equal(sv.ready, 0);
	if (memcmp(buf, PREFACE, len < n ? len : n) != 0)
		return (buf[0] == '?' ? 0 : -1);
	if (len < n)
		return (0);
	if (look_chained)
		evtls_preface(c, on_look, PREFACE_MAX);
	return ((ssize_t)n);
}

/* Through our hands, so many bytes at a time; the preface first. */
static void
with_preface(struct evtls_server *s, struct evtls_client *clnt, size_t step)
{
	uint8_t	 up[4096];
	char	 buf[4096];
	ssize_t	 n;
	size_t	 len = strlen(PREFACE);
	int	 a[2], b[2], begun = 0;

	pair(a);
	pair(b);
	memcpy(up, PREFACE, len);
	cl.send = sv.send = 3000;
	sv.c = evtls_accept(base, b[1], s, &ops, &sv);
	evtls_preface(sv.c, on_preface, PREFACE_MAX);
	cl.c = evtls_connect(base, a[0], clnt, "rsa.example", &ops, &cl);
	evtls_server_free(s);
	evtls_client_free(clnt);
	while (cl.got < 3000 || sv.got < 3000) {
		if ((n = read(a[1], up + len, sizeof(up) - len)) > 0)
			len += n;
		if (len > strlen(PREFACE))
			begun = 1;
		if (begun && len > 0) {
			n = len < step ? len : step;
			/* It is full of bytes while nobody reads. */
			if ((n = write(b[0], up, n)) > 0) {
				memmove(up, up + n, len - n);
				len -= n;
			}
		}
		if ((n = read(b[0], buf, sizeof(buf))) > 0)
			assert_int_equal(write(a[1], buf, n), n);
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_false(cl.closed || sv.closed);
	}
	assert_int_equal(evtls_buffered(sv.c), 0);
	close(a[1]);
	close(b[0]);
}

static void
preface_in_any_cut(void **state)
{
	static const size_t	 steps[] = { 1, 5, 6, 7, 100, 4096 };
	size_t			 i;

	for (i = 0; i < nitems(steps); i++) {
		with_preface(server(rsa, NULL, NULL), client(ca, NULL),
		    steps[i]);
		again(state);
		with_preface(NULL, NULL, steps[i]);
		again(state);
	}
}

/* Who looks behind it, waits, and takes nothing off, is in nobody's way. */
static void
preface_behind_a_preface(void **state)
{
	static const size_t	 steps[] = { 1, 6, 7, 100, 4096 };
	size_t			 i;
	int			 tls;

	look_chained = 1;
	for (i = 0; i < 2 * nitems(steps); i++) {
		tls = i % 2;
		looks = 0;
		look_for = 40;
		look_pauses = 2;
		with_preface(tls ? server(rsa, NULL, NULL) : NULL,
		    tls ? client(ca, NULL) : NULL, steps[i / 2]);
		assert_in_range(looks, 3, 45);
		again(state);
	}
	look_chained = look_pauses = 0;
}

/* What has come goes with the socket, but what was taken from it. */
static void
release_gives_back(void **state)
{
	static const char	 data[] = PREFACE "and what follows";
	struct evtls_server	*s;
	char			 buf[100];
	size_t			 i;
	int			 fds[2];

	look_chained = look_releases = 1;
	look_for = 4;
	for (i = 0; i < 4; i++) {
		/* At once, later; TLS that has not begun, or none. */
		look_pauses = i / 2;
		tcp_pair(fds);
		s = i % 2 ? NULL : server(ec, NULL, NULL);
		sv.c = evtls_accept(base, fds[1], s, &ops, &sv);
		evtls_server_free(s);
		evtls_preface(sv.c, on_preface, PREFACE_MAX);
		evtls_deadline(sv.c, 60000);
		assert_int_equal(write(fds[0], data, sizeof(data)),
		    sizeof(data));
		while (released == -1)
			pass();
		assert_int_equal(released, fds[1]);
		assert_int_equal(released_len, sizeof(data) - strlen(PREFACE));
		assert_string_equal(released_buf, data + strlen(PREFACE));
		/* It lives, and nobody else reads from it. */
		assert_int_equal(write(fds[0], "more", 4), 4);
		idle(10);
		assert_int_equal(read(released, buf, sizeof(buf)), 4);
		assert_int_equal(write(released, "back", 4), 4);
		assert_int_equal(read(fds[0], buf, sizeof(buf)), 4);
		assert_int_equal(sv.ready + sv.closed + sv.inputs, 0);
		free(released_buf);
		close(released);
		close(fds[0]);
		released = -1;
		again(state);
	}
	look_chained = look_releases = look_pauses = 0;
}

/* After these bytes, and perhaps the end, it is over. */
static void
preface_fails(struct evtls_server *s, const char *data, size_t len, int end)
{
	int	fds[2];

	pair(fds);
	sv.c = evtls_accept(base, fds[1], s, &ops, &sv);
	evtls_preface(sv.c, on_preface, PREFACE_MAX);
	evtls_server_free(s);
	evtls_deadline(sv.c, 50);
	assert_int_equal(write(fds[0], data, len), len);
	if (end)
		close(fds[0]);
	until_closed(&sv);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(sv.inputs, 0);
	if (!end)
		close(fds[0]);
}

static void
preface_that_is_none(void **state)
{
	static char	 endless[PREFACE_MAX] = "?";

	preface_fails(NULL, "HELP", 4, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	again(state);
	preface_fails(server(ec, NULL, NULL), "\x16\x03\x01", 3, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	again(state);
	preface_fails(NULL, endless, sizeof(endless), 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	again(state);
	preface_fails(NULL, endless, sizeof(endless) - 1, 0);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	again(state);
	preface_fails(NULL, "HEL", 3, 0);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	again(state);
	preface_fails(NULL, "HEL", 3, 1);
	assert_int_equal(sv.why, EVTLS_EOF);
	again(state);
	preface_fails(server(ec, NULL, NULL), "HEL", 3, 1);
	assert_int_equal(sv.why, EVTLS_ERROR);
}

/* ---- Not TLS ---- */

static void
send_raw(const char *data, size_t len, const char *text)
{
	int	fds[2];

	pair(fds);
	sv.c = evtls_accept(base, fds[1], server(ec, NULL, NULL), &ops, &sv);
	evtls_server_free(sv.c->server);
	assert_int_equal(write(fds[0], data, len), len);
	until_closed(&sv);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	if (strstr(sv.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", sv.text, text);
	close(fds[0]);
}

static void
rubbish_is_not_tls(void **state)
{
	char	junk[4096];

	memset(junk, 'x', sizeof(junk));
	send_raw(junk, sizeof(junk), "does not speak TLS");
}

static void
random_rubbish(void **state)
{
	char	junk[70000];
	int	i;

	for (i = 0; i < 50; i++) {
		arc4random_buf(junk, sizeof(junk));
		/* Often enough it looks like a record at first. */
		if (i % 2)
			memcpy(junk, "\026\003\001\002\000\001\000\001\374", 9);
		send_raw(junk, sizeof(junk), "");
		again(state);
	}
}

static void
http_is_not_tls(void **state)
{
	static const char	get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

	send_raw(get, sizeof(get) - 1, "it sent an HTTP request");
}

static void
server_without_tls(void **state)
{
	static const char	ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
	int			fds[2];

	pair(fds);
	cl.c = evtls_connect(base, fds[0], client(ca, NULL), "node.example",
	    &ops, &cl);
	evtls_client_free(cl.c->client);
	assert_int_equal(write(fds[1], ssh, sizeof(ssh) - 1), sizeof(ssh) - 1);
	until_closed(&cl);
	assert_string_equal(cl.text, "the peer does not speak TLS");
	close(fds[1]);
}

static void
silence_meets_the_deadline(void **state)
{
	int	fds[2];

	pair(fds);
	sv.c = evtls_accept(base, fds[1], server(ec, NULL, NULL), &ops, &sv);
	evtls_server_free(sv.c->server);
	evtls_deadline(sv.c, 30);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	assert_string_equal(sv.text, "no TLS handshake in time");
	close(fds[0]);
}

static void
deadline_moves_and_goes(void **state)
{
	connect_sides(NULL, NULL, NULL, 0);
	until_ready();
	evtls_deadline(sv.c, 10);
	evtls_deadline(sv.c, 0);
	idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_deadline(sv.c, 10000);
	evtls_deadline(sv.c, 10);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	assert_string_equal(sv.text, "timed out");
}

/* ---- Bytes ---- */

static void
until_exchanged(void)
{
	while ((cl.got < sv.send || sv.got < cl.send) && !cl.closed &&
	    !sv.closed)
		pass();
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(cl.closed + sv.closed, 0);
	assert_int_equal(evtls_buffered(cl.c) + evtls_buffered(sv.c), 0);
	assert_true(cl.most <= EVTLS_SEALED + EVTLS_BATCH);
	assert_true(sv.most <= EVTLS_SEALED + EVTLS_BATCH);
}

static void
both_ways_tls13(void **state)
{
	cl.send = sv.send = MANY;
	standard_sides(ec, 1);
	until_exchanged();
}

static void
both_ways_tls12(void **state)
{
	cl.send = sv.send = MANY;
	standard_sides(ec, 1);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	until_exchanged();
}

static void
both_ways_plain(void **state)
{
	char	buf[100];

	cl.send = sv.send = MANY;
	connect_sides(NULL, NULL, NULL, 1);
	until_exchanged();
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, "plain");
	assert_false(evtls_is_tls(sv.c));
	assert_null(evtls_servername(sv.c));
}

static void
both_ways_full_batches(void **state)
{
	cl.send = sv.send = MANY;
	cl.chunk = sv.chunk = EVTLS_BATCH;
	standard_sides(rsa, 0);
	until_exchanged();
}

static void
both_ways_byte_by_byte(void **state)
{
	cl.send = sv.send = 20000;
	cl.chunk = sv.chunk = 0;
	standard_sides(ec, 0);
	until_exchanged();
}

static void
pauses_lose_nothing(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.pauses = sv.pauses = 1;
	standard_sides(ec, 0);
	until_exchanged();
}

static void
pauses_lose_nothing_plain(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.pauses = sv.pauses = 1;
	connect_sides(NULL, NULL, NULL, 0);
	until_exchanged();
}

static void
parts_may_be_taken(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.nibble = sv.nibble = cl.pauses = 1;
	standard_sides(ec, 0);
	until_exchanged();
}

static void
parts_may_be_taken_plain(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.nibble = sv.nibble = cl.pauses = 1;
	connect_sides(NULL, NULL, NULL, 0);
	until_exchanged();
}

static void
a_batch_may_be_left(void **state)
{
	cl.send = sv.send = 10 * EVTLS_BATCH;
	cl.keep = sv.keep = EVTLS_BATCH;
	standard_sides(ec, 0);
	/* What is less than a batch at the end stays. */
	while (cl.got < 9 * EVTLS_BATCH || sv.got < 9 * EVTLS_BATCH)
		pass();
	assert_int_equal(cl.closed + sv.closed, 0);
}

static void
more_than_a_batch_may_not(void **state)
{
	cl.send = 4 * EVTLS_BATCH;
	sv.keep = 2 * EVTLS_BATCH;
	standard_sides(ec, 0);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text, "too much input was left");
}

static void
small_output_leaves_at_once(void **state)
{
	standard_sides(ec, 1);
	until_ready();
	cl.send = 5;
	evtls_want_output(cl.c);
	/* The whole way there in one pass of the loop, and one behind. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(sv.got, 5);
	assert_int_equal(sv.inputs, 1);
}

static void
slow_reader_is_bounded(void **state)
{
	size_t	sent;
	int	i;

	sv.send = 64 * 1024 * 1024;
	sv.chunk = EVTLS_BATCH;
	standard_sides(ec, 1);
	while (cl.inputs == 0)
		pass();
	evtls_pause(cl.c);
	idle(50);
	sent = sv.sent;
	idle(50);
	assert_int_equal(sv.sent, sent);
	assert_true(sent < sv.send);
	assert_true(evtls_buffered(sv.c) > 0);
	assert_true(evtls_buffered(sv.c) <= EVTLS_SEALED);
	assert_true(evtls_buffered(cl.c) <= EVTLS_SEALED + EVTLS_BATCH);
	for (i = 0; i < 20; i++) {
		evtls_resume(cl.c);
		pass();
		evtls_pause(cl.c);
		note(&cl);
		note(&sv);
	}
	assert_true(cl.most <= EVTLS_SEALED + EVTLS_BATCH);
	assert_true(sv.most <= EVTLS_SEALED);
}

/* A peer that makes us answer and reads no answer. */
static void
key_updates_are_bounded(void **state)
{
	size_t	 most = 0, got = 0;
	char	 buf[1000];
	SSL_CTX	*ctx;
	SSL	*ssl;
	int	 fds[2], i, n, stuck = 0;

	pair(fds);
	assert_non_null(ctx = SSL_CTX_new(TLS_client_method()));
	assert_non_null(ssl = SSL_new(ctx));
	SSL_set_fd(ssl, fds[0]);
	sv.c = evtls_accept(base, fds[1], server(ec, NULL, NULL), &ops, &sv);
	evtls_server_free(sv.c->server);
	while (SSL_connect(ssl) != 1 || !sv.ready)
		event_base_loop(base, EVLOOP_NONBLOCK);
	for (i = 0; i < 100000 && stuck < 100 && !sv.closed; i++) {
		if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
		    SSL_do_handshake(ssl) != 1) {
			event_base_loop(base, EVLOOP_NONBLOCK);
			stuck++;
		}
		if (evtls_buffered(sv.c) > most)
			most = evtls_buffered(sv.c);
	}
	/* And it goes on. */
	sv.send = sizeof(buf);
	evtls_want_output(sv.c);
	while (got < sizeof(buf) && !sv.closed) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
			got += n;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fds[0]);
	assert_string_equal(sv.text, "");
	assert_int_equal(got, sizeof(buf));
	assert_int_equal(stuck, 100);
	assert_true(most <= 3 * EVTLS_SEALED);
}

/* ---- Ends ---- */

static void
close_sends_all_and_tells(void **state)
{
	cl.send = 3 * 1024 * 1024;
	cl.close_after = 1;
	standard_sides(ec, 1);
	until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	assert_string_equal(sv.text, "closed by peer");
	assert_int_equal(cl.closed, 0);
	evtls_free(sv.c);
	sv.c = NULL;
	until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

static void
close_sends_all_and_tells_plain(void **state)
{
	cl.send = 3 * 1024 * 1024;
	cl.close_after = 1;
	connect_sides(NULL, NULL, NULL, 1);
	until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	evtls_free(sv.c);
	sv.c = NULL;
	until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

/* What the other side still has to say arrives. */
static void
half_close(void)
{
	cl.send = 100000;
	sv.send = 3 * 1024 * 1024;
	until_ready();
	evtls_pause(sv.c);
	evtls_shutdown(cl.c);
	while (cl.got < sv.send && !cl.closed && !sv.closed)
		pass();
	idle(30);
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(cl.closed + sv.closed, 0);
	evtls_resume(sv.c);
	until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	assert_int_equal(cl.closed, 0);
	evtls_close(sv.c);
	evtls_free(sv.c);
	sv.c = NULL;
	until_closed(&cl);
}

static void
shutdown_goes_on_reading(void **state)
{
	standard_sides(ec, 1);
	half_close();
	assert_int_equal(cl.why, EVTLS_CUT);	/* as we freed it */
}

static void
shutdown_goes_on_reading_tls12(void **state)
{
	standard_sides(ec, 1);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	half_close();
	assert_int_equal(cl.why, EVTLS_CUT);
}

static void
shutdown_goes_on_reading_plain(void **state)
{
	connect_sides(NULL, NULL, NULL, 1);
	half_close();
	assert_int_equal(cl.why, EVTLS_EOF);
}

/* ---- an owner that judges for itself ---- */

static int	eofs, timeouts, taking;

static size_t
judge_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	struct side	*s = arg;

	if (!taking)
		return (0);
	s->got += len;
	return (len);
}

static void
judge_eof(struct evtls *c, void *arg)
{
	eofs++;
}

static void
judge_timeout(struct evtls *c, void *arg)
{
	timeouts++;
}

static const struct evtls_ops judge_ops = {
	.ready = on_ready, .input = judge_input, .output = on_output,
	.closed = on_closed, .eof = judge_eof, .timeout = judge_timeout
};

/* The end is told once, what came before it is still there, and so is he. */
static void
judge_half_close(void)
{
	eofs = timeouts = taking = 0;
	until_ready();
	evtls_set_ops(sv.c, &judge_ops, &sv);
	cl.send = 5000;
	evtls_want_output(cl.c);
	evtls_shutdown(cl.c);
	while (eofs == 0 && !sv.closed)
		pass();
	idle(30);
	assert_int_equal(eofs, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
	assert_true(evtls_left(sv.c));
	assert_false(evtls_broken(sv.c));
	sv.send = 300000;
	evtls_want_output(sv.c);
	while (cl.got < sv.send && !cl.closed && !sv.closed)
		pass();
	taking = 1;
	assert_true(evtls_again(sv.c));
	while (sv.got < cl.send && !sv.closed)
		pass();
	assert_int_equal(sv.got, cl.send);
	assert_false(evtls_again(sv.c));
	evtls_pause(sv.c);
	evtls_resume(sv.c);
	idle(30);
	assert_int_equal(eofs, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
	evtls_close(sv.c);
	until_closed(&cl);
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(cl.why, EVTLS_EOF);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CLOSED);
}

static void
owner_hears_of_the_end(void **state)
{
	standard_sides(ec, 1);
	judge_half_close();
}

static void
owner_hears_of_the_end_plain(void **state)
{
	connect_sides(NULL, NULL, NULL, 1);
	judge_half_close();
}

static void
owner_hears_of_the_deadline(void **state)
{
	standard_sides(ec, 1);
	until_ready();
	timeouts = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	evtls_deadline(sv.c, 20);
	while (timeouts == 0 && !sv.closed)
		pass();
	idle(50);
	assert_int_equal(timeouts, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
}

/* Who is gone after the end that he told is noticed by what he is sent. */
static void
owner_hears_of_the_end_and_more(void **state)
{
	connect_sides(NULL, NULL, NULL, 1);
	until_ready();
	eofs = taking = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	evtls_shutdown(cl.c);
	while (eofs == 0 && !sv.closed)
		pass();
	evtls_free(cl.c);
	cl.c = NULL;
	sv.send = 20 * 1024 * 1024;
	evtls_want_output(sv.c);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
}

static void
abort_shows(void **state)
{
	connect_sides(NULL, NULL, NULL, 1);
	until_ready();
	evtls_abort(sv.c);
	sv.c = NULL;
	until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

/* However much comes behind what is left, it can be left as well. */
static void
left_and_more(void **state)
{
	connect_sides(NULL, NULL, NULL, 1);
	until_ready();
	taking = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	cl.send = 4 * 1024 * 1024;
	evtls_want_output(cl.c);
	while (evtls_buffered(sv.c) < 10000 && !sv.closed)
		pass();
	evtls_pause(sv.c);
	idle(20);
	evtls_resume(sv.c);
	while (evtls_buffered(sv.c) < EVTLS_BATCH && !sv.closed)
		pass();
	assert_int_equal(sv.closed, 0);
	evtls_pause(sv.c);
	taking = 1;
	evtls_resume(sv.c);
	while (sv.got < cl.send && !sv.closed)
		pass();
	assert_int_equal(sv.got, cl.send);
}

static void
shutdown_then_close(void **state)
{
	cl.send = 1000;
	cl.close_after = 1;
	standard_sides(ec, 1);
	evtls_shutdown(cl.c);
	until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	evtls_free(sv.c);
	sv.c = NULL;
	until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

/* An answer in the middle of an upload must arrive. */
static void
close_does_not_reset(void **state)
{
	cl.send = 64 * 1024 * 1024;
	sv.send = 1000;
	sv.close_after = 1;
	standard_sides(ec, 1);
	until_closed(&cl);
	assert_int_equal(cl.got, 1000);
	assert_int_equal(cl.why, EVTLS_EOF);
}

/* But who sends on and on is not read on and on. */
static void
close_drains_a_little(void **state)
{
	static uint8_t	 buf[65536];
	size_t		 sent = 0, got = 0;
	ssize_t		 n;
	int		 fds[2];

	tcp_pair(fds);
	sv.send = 1000;
	sv.close_after = 1;
	sv.c = evtls_accept(base, fds[1], NULL, &ops, &sv);
	assert_non_null(sv.c);
	evtls_want_output(sv.c);
	while (!sv.closed) {
		while (sent < 256 * 1024 * 1024 && (n = send(fds[0], buf,
		    sizeof(buf), MSG_NOSIGNAL)) > 0)
			sent += n;
		if ((n = recv(fds[0], buf, sizeof(buf), 0)) > 0)
			got += n;
		event_base_loop(base, sv.sent == 0 ? EVLOOP_ONCE :
		    EVLOOP_NONBLOCK);
	}
	assert_int_equal(sv.why, EVTLS_CLOSED);
	assert_int_equal(got, 1000);
	/* With all that the kernel keeps on both sides. */
	assert_true(sent < 32 * 1024 * 1024);
	close(fds[0]);
}

static void
close_before_the_handshake(void **state)
{
	standard_sides(ec, 0);
	evtls_close(sv.c);
	assert_int_equal(sv.closed, 0);
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CLOSED);
	evtls_free(sv.c);
	sv.c = NULL;
	until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

/* A peer that never reads can't hold us. */
static void
close_is_bounded(void **state)
{
	struct timespec	t0, t1;

	sv.send = 64 * 1024 * 1024;
	standard_sides(ec, 1);
	while (cl.inputs == 0)
		pass();
	evtls_pause(cl.c);
	idle(20);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	evtls_close(sv.c);
	until_closed(&sv);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_int_equal(sv.why, EVTLS_CLOSED);
	assert_true(t1.tv_sec - t0.tv_sec <= 5);
}

static void
cut_is_not_eof(void **state)
{
	standard_sides(ec, 1);
	until_ready();
	evtls_free(cl.c);
	cl.c = NULL;
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CUT);
	assert_string_equal(sv.text, "connection cut");
}

static void
reset_is_told(void **state)
{
	struct linger	l = { 1, 0 };

	standard_sides(ec, 1);
	until_ready();
	setsockopt(evtls_fd(cl.c), SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	evtls_free(cl.c);
	cl.c = NULL;
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text, strerror(ECONNRESET));
}

static void
plain_eof(void **state)
{
	connect_sides(NULL, NULL, NULL, 0);
	until_ready();
	evtls_free(cl.c);
	cl.c = NULL;
	until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_EOF);
}

/* close_notify behind data that the owner takes only later. */
static void
eof_waits_for_the_paused(void **state)
{
	cl.send = 100000;
	cl.close_after = 1;
	sv.hold = 1;
	standard_sides(ec, 0);
	while (sv.inputs == 0)
		pass();
	idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_free(cl.c);
	cl.c = NULL;
	idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_resume(sv.c);
	until_closed(&sv);
	assert_int_equal(sv.got, 100000);
	assert_int_equal(sv.why, EVTLS_EOF);
}

/* While what came before is not read. */
static void
ends_of_the_paused_can_be_told(void **state)
{
	struct linger	 l = { 1, 0 };
	int		 i;

	for (i = 0; i < 2; i++) {
		connect_sides(NULL, NULL, NULL, 1);
		until_ready();
		evtls_pause(sv.c);
		assert_true(evtls_paused(sv.c));
		cl.send = 100000;
		evtls_want_output(cl.c);
		while (cl.sent < cl.send)
			pass();
		assert_false(evtls_ended(sv.c));
		if (i == 0)
			evtls_shutdown(cl.c);
		else {
			setsockopt(evtls_fd(cl.c), SOL_SOCKET, SO_LINGER, &l,
			    sizeof(l));
			evtls_free(cl.c);
			cl.c = NULL;
		}
		while (!evtls_ended(sv.c))
			idle(1);
		assert_int_equal(evtls_broken(sv.c), i);
		assert_int_equal(sv.got, 0);
		again(state);
	}
}

static void
free_in(enum where where, int tls)
{
	cl.send = sv.send = 100000;
	sv.free_in = where;
	if (where == IN_CLOSED)
		cl.free_in = IN_OUTPUT;
	if (tls)
		standard_sides(ec, 0);
	else
		connect_sides(NULL, NULL, NULL, 0);
	until_closed(&sv);
	assert_null(sv.c);
	until_closed(&cl);
}

static void
free_in_ready(void **state)
{
	free_in(IN_READY, 1);
}

static void
free_in_input(void **state)
{
	free_in(IN_INPUT, 1);
}

static void
free_in_output(void **state)
{
	free_in(IN_OUTPUT, 1);
}

static void
free_in_closed(void **state)
{
	free_in(IN_CLOSED, 1);
}

static void
free_in_ready_plain(void **state)
{
	free_in(IN_READY, 0);
}

static void
free_in_input_plain(void **state)
{
	free_in(IN_INPUT, 0);
}

static void
free_in_output_plain(void **state)
{
	free_in(IN_OUTPUT, 0);
}

static void
free_in_closed_plain(void **state)
{
	free_in(IN_CLOSED, 0);
}

/* ---- Owners ---- */

static char	taken[100];

static size_t
second_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	assert_true(len < sizeof(taken));
	memcpy(taken, buf, len);
	taken[len] = '\0';
	return (len);
}

static const struct evtls_ops second_ops = {
	.ready = on_ready, .input = second_input, .output = on_output,
	.closed = on_closed
};

static size_t
first_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	assert_int_equal(len, 9);
	evtls_set_ops(c, &second_ops, arg);
	return (4);
}

static size_t
waiting_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	sv.inputs++;
	return (0);
}

static const struct evtls_ops first_ops = {
	.ready = on_ready, .input = first_input, .output = on_output,
	.closed = on_closed
};
static const struct evtls_ops waiting_ops = {
	.ready = on_ready, .input = waiting_input, .output = on_output,
	.closed = on_closed
};

static void
next_owner(const struct evtls_ops *first, const char *gets)
{
	int	fds[2];

	taken[0] = '\0';
	pair(fds);
	sv.c = evtls_accept(base, fds[1], NULL, first, &sv);
	assert_int_equal(write(fds[0], "headframe", 9), 9);
	if (first == &waiting_ops) {
		while (sv.inputs == 0)
			pass();
		evtls_set_ops(sv.c, &second_ops, &sv);
	}
	while (taken[0] == '\0')
		pass();
	assert_string_equal(taken, gets);
	assert_int_equal(evtls_buffered(sv.c), 0);
	close(fds[0]);
}

static void
next_owner_gets_what_is_left(void **state)
{
	next_owner(&first_ops, "frame");
}

static void
next_owner_gets_what_was_left(void **state)
{
	next_owner(&waiting_ops, "headframe");
}

static void
resume_shows_what_was_left(void **state)
{
	int	fds[2];

	pair(fds);
	sv.c = evtls_accept(base, fds[1], NULL, &waiting_ops, &sv);
	assert_int_equal(write(fds[0], "headframe", 9), 9);
	while (sv.inputs == 0)
		pass();
	assert_int_equal(evtls_buffered(sv.c), 9);
	evtls_pause(sv.c);
	evtls_resume(sv.c);
	idle(10);
	assert_int_equal(sv.inputs, 2);
	close(fds[0]);
}

/* ---- Small things ---- */

static void
pins_are_parsed(void **state)
{
	static const char *const bad[] = {
		"", "sha256:", "sha256:00", "zz", "sha1:00",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=",
		"zzb0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b",
	};
	static const char	hex[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92"
	    "427ae41e4649b934ca495991b7852b855";
	uint8_t			a[EVTLS_KEYID_LEN], b[EVTLS_KEYID_LEN];
	char			text[100];
	size_t			i;

	assert_int_equal(evtls_pin_parse(hex, a), 0);
	evtls_pin_format(a, text, sizeof(text));
	assert_string_equal(text, hex);
	assert_int_equal(evtls_pin_parse(hex + 7, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(evtls_pin_parse("E3B0C44298FC1C149AFBF4C8996FB92427AE"
	    "41E4649B934CA495991B7852B855", b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(evtls_pin_parse(
	    "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", b), 0);
	assert_memory_equal(a, b, sizeof(a));
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(evtls_pin_parse(bad[i], b), -1);
}

static void
certificate_has_times(void **state)
{
	time_t	from, until, now = time(NULL);

	assert_int_equal(evtls_cert_times(expired->pem, &from, &until), 0);
	assert_true(until < now && until > now - 2 * DAY);
	assert_true(from < until);
	assert_int_equal(evtls_cert_times("", &from, &until), -1);
	assert_int_equal(evtls_cert_keyid("", ec->id), -1);
}

int
main(void)
{
#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	tests[] = {
		CASE(ecdsa_p256_tls13),
		CASE(ecdsa_p384_tls13),
		CASE(rsa_tls13),
		CASE(ecdsa_tls12),
		CASE(rsa_tls12),
		CASE(rsa_tls12_client_without_pss),
		CASE(client_without_aes_gets_chacha),
		CASE(tls11_is_refused),
		CASE(sni_picks_the_certificate),
		CASE(address_in_certificate),
		CASE(pin_alone_decides),
		CASE(pin_and_ca),
		CASE(anybody_if_asked_for),
		CASE(wrong_pin),
		CASE(wrong_name),
		CASE(unknown_ca),
		CASE(shared_roots),
		CASE(expired_certificate),
		CASE(future_certificate),
		CASE(broken_signer),
		CASE(freed_by_its_signer),
		CASE(system_roots_are_usable),
		CASE(bad_material),
		CASE(handshake_byte_by_byte),
		CASE(preface_in_any_cut),
		CASE(preface_that_is_none),
		CASE(preface_behind_a_preface),
		CASE(release_gives_back),
		CASE(rubbish_is_not_tls),
		CASE(random_rubbish),
		CASE(http_is_not_tls),
		CASE(server_without_tls),
		CASE(silence_meets_the_deadline),
		CASE(deadline_moves_and_goes),
		CASE(both_ways_tls13),
		CASE(both_ways_tls12),
		CASE(both_ways_plain),
		CASE(both_ways_full_batches),
		CASE(both_ways_byte_by_byte),
		CASE(pauses_lose_nothing),
		CASE(pauses_lose_nothing_plain),
		CASE(parts_may_be_taken),
		CASE(parts_may_be_taken_plain),
		CASE(a_batch_may_be_left),
		CASE(more_than_a_batch_may_not),
		CASE(small_output_leaves_at_once),
		CASE(slow_reader_is_bounded),
		CASE(key_updates_are_bounded),
		CASE(close_sends_all_and_tells),
		CASE(close_sends_all_and_tells_plain),
		CASE(shutdown_goes_on_reading),
		CASE(shutdown_goes_on_reading_tls12),
		CASE(shutdown_goes_on_reading_plain),
		CASE(shutdown_then_close),
		CASE(owner_hears_of_the_end),
		CASE(owner_hears_of_the_end_plain),
		CASE(owner_hears_of_the_deadline),
		CASE(owner_hears_of_the_end_and_more),
		CASE(abort_shows),
		CASE(left_and_more),
		CASE(close_does_not_reset),
		CASE(close_drains_a_little),
		CASE(close_before_the_handshake),
		CASE(close_is_bounded),
		CASE(cut_is_not_eof),
		CASE(reset_is_told),
		CASE(plain_eof),
		CASE(eof_waits_for_the_paused),
		CASE(ends_of_the_paused_can_be_told),
		CASE(free_in_ready),
		CASE(free_in_input),
		CASE(free_in_output),
		CASE(free_in_closed),
		CASE(free_in_ready_plain),
		CASE(free_in_input_plain),
		CASE(free_in_output_plain),
		CASE(free_in_closed_plain),
		CASE(next_owner_gets_what_is_left),
		CASE(next_owner_gets_what_was_left),
		CASE(resume_shows_what_was_left),
		CASE(pins_are_parsed),
		CASE(certificate_has_times),
	};
	int	r;

	signal(SIGALRM, watchdog);
	if (evtls_init() == -1 || (base = event_base_new()) == NULL)
		return (1);
	ca = tls_util_cert(NULL, "ca.example", TLS_UTIL_P256, -DAY, DAY);
	other_ca = tls_util_cert(NULL, "other-ca.example", TLS_UTIL_P256,
	    -DAY, DAY);
	ec = tls_util_cert(ca, "node.example", TLS_UTIL_P256, -DAY, DAY);
	ec384 = tls_util_cert(ca, "node.example", TLS_UTIL_P384, -DAY, DAY);
	rsa = tls_util_cert(ca, "rsa.example", TLS_UTIL_RSA, -DAY, DAY);
	ip = tls_util_cert(ca, "127.0.0.1", TLS_UTIL_P256, -DAY, DAY);
	expired = tls_util_cert(ca, "expired.example", TLS_UTIL_P256,
	    -3 * DAY, -DAY);
	future = tls_util_cert(ca, "future.example", TLS_UTIL_P256, DAY,
	    3 * DAY);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	tls_util_free();
	event_base_free(base);
	return (r);
}
