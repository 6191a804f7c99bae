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
 * agentd's configuration beyond its grammar: defaults, the environment, and
 * what can only be checked against the system.
 */

#include "compat.h"

#include <sys/stat.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd.h"
#include "conflex.h"
#include "log.h"
#include "login.h"

static void	name_from_host(struct agentd_conf *);

struct agentd_conf *
config_new(void)
{
	struct agentd_conf	*conf;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		fatal("configuration");
	conf->streams_max = 4096;
	TAILQ_INIT(&conf->rules);
	TAILQ_INIT(&conf->backends);
	return (conf);
}

static void
backend_free(struct agentd_conf *conf, struct backend_entry *b)
{
	TAILQ_REMOVE(&conf->backends, b, entry);
	free(b->ca);
	free(b->pin);
	free(b->ca_pem);
	free(b);
}

void
config_free(struct agentd_conf *conf)
{
	struct backend_entry	*b;
	struct rule_entry	*e;

	if (conf == NULL)
		return;
	while (conf->nrelays > 0)
		free(conf->relays[--conf->nrelays]);
	while ((e = TAILQ_FIRST(&conf->rules)) != NULL) {
		TAILQ_REMOVE(&conf->rules, e, entry);
		free(e);
	}
	while ((b = TAILQ_FIRST(&conf->backends)) != NULL)
		backend_free(conf, b);
	free(conf->backend);
	free(conf->name);
	if (conf->token != NULL)
		freezero(conf->token, strlen(conf->token));
	config_proxy(conf, NULL);
	free(conf->control);
	free(conf->ca);
	free(conf->pin);
	free(conf->ca_pem);
	freezero(conf, sizeof(*conf));
}

void
config_string(char **where, const char *value)
{
	char	*p;

	if (value == NULL)
		return;
	if ((p = strdup(value)) == NULL)
		fatal("configuration");
	if (*where != NULL)
		freezero(*where, strlen(*where));
	*where = p;
}

/* ---- the environment ---- */

/* Secrets among them are wiped: children inherit the environment. */
static const char *const	 env_secrets[] = {
	"RELAY_TOKEN", "HTTP_NETWORK_RELAY_SECRET", "PAT_TOKEN"
};

void
config_environment(struct agentd_conf *conf)
{
	const char	*host, *port, *p;
	char		 url[512];
	long long	 n;
	size_t		 i;
	int		 v6;

	if ((host = getenv("SERVER_HOST")) != NULL && host[0] != '\0') {
		port = getenv("SERVER_PORT");
		v6 = host[0] != '[' && strchr(host, ':') != NULL;
		snprintf(url, sizeof(url), "wss://%s%s%s%s%s", v6 ? "[" : "",
		    host, v6 ? "]" : "", port == NULL || port[0] == '\0' ?
		    "" : ":", port == NULL ? "" : port);
		config_relay(conf, url);
	}
	if ((p = getenv("HTTP_NETWORK_RELAY_URL")) != NULL && p[0] != '\0')
		config_relay(conf, p);
	if ((p = getenv("RELAY_URL")) != NULL && p[0] != '\0')
		config_relay(conf, p);
	if ((p = getenv("BACKEND_URL")) != NULL && p[0] != '\0')
		config_string(&conf->backend, p);
	if ((p = getenv("CULVERT_AGENTD_SOCKET")) != NULL && p[0] != '\0')
		config_string(&conf->control, p);
	if ((p = getenv("HTTP_NETWORK_RELAY_NAME")) != NULL && p[0] != '\0')
		config_string(&conf->name, p);
	for (i = nitems(env_secrets); i > 0; i--) {
		if ((p = getenv(env_secrets[i - 1])) != NULL && p[0] != '\0')
			config_string(&conf->token, p);
	}
	if ((p = getenv("PING_INTERVAL")) != NULL) {
		if (conflex_number(p, 1, 40, &n) == -1)
			log_warnx("PING_INTERVAL %s: seconds from 1 to 40 are "
			    "wanted; ignored", p);
		else
			conf->ping_ms = n * 1000;
	}
}

void
config_scrub_environment(void)
{
	char	*p;
	size_t	 i;

	for (i = 0; i < nitems(env_secrets); i++) {
		if ((p = getenv(env_secrets[i])) != NULL) {
			explicit_bzero(p, strlen(p));
			unsetenv(env_secrets[i]);
		}
	}
}

/* One relay in place of all. */
void
config_relay(struct agentd_conf *conf, const char *url)
{
	while (conf->nrelays > 0)
		free(conf->relays[--conf->nrelays]);
	if ((conf->relays[0] = strdup(url)) == NULL)
		fatal("configuration");
	conf->nrelays = 1;
}

void
config_proxy(struct agentd_conf *conf, const char *url)
{
	if (conf->proxy != NULL)
		freezero(conf->proxy, strlen(conf->proxy));
	free(conf->helper);
	conf->proxy = conf->helper = NULL;
	config_string(&conf->proxy, url);
}

void
config_helper(struct agentd_conf *conf, const char *path)
{
	config_proxy(conf, NULL);
	config_string(&conf->helper, path);
}

int
config_control(char *path, size_t size)
{
	struct stat	 st;
	const char	*dir;
	char		 run[64];
	int		 n;

	snprintf(run, sizeof(run), "/run/user/%u", geteuid());
	if (geteuid() == 0)
		n = snprintf(path, size, "%s/agentd.sock", CULVERT_RUNDIR);
	else if ((dir = getenv("XDG_RUNTIME_DIR")) != NULL && dir[0] == '/')
		n = snprintf(path, size, "%s/culvert/agentd.sock", dir);
	else if (stat(run, &st) == 0 && st.st_uid == geteuid())
		n = snprintf(path, size, "%s/culvert/agentd.sock", run);
	else if ((dir = getenv("HOME")) != NULL && dir[0] == '/' &&
	    strcmp(dir, "/") != 0)
		n = snprintf(path, size, "%s/.config/culvert/agentd.sock",
		    dir);
	else
		return (-1);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

/* ---- backends ---- */

struct backend_entry *
config_backend_find(const struct agentd_conf *conf, uint32_t kind,
    const char *name)
{
	struct backend_entry	*b;

	TAILQ_FOREACH(b, &conf->backends, entry) {
		if (b->backend.kind == kind &&
		    strcmp(b->backend.name, name) == 0)
			return (b);
	}
	return (NULL);
}

struct backend_entry *
config_backend(struct agentd_conf *conf, uint32_t kind, const char *name)
{
	struct backend_entry	*b;
	int			 n = 0;

	TAILQ_FOREACH(b, &conf->backends, entry)
		n++;
	if (n >= BACKENDS_MAX || config_backend_find(conf, kind, name) !=
	    NULL)
		return (NULL);
	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal("configuration");
	b->backend.kind = kind;
	strlcpy(b->backend.name, name, sizeof(b->backend.name));
	TAILQ_INSERT_TAIL(&conf->backends, b, entry);
	return (b);
}

/* The one of the flag or the environment is as it is, without options. */
static int
backend_override(struct agentd_conf *conf)
{
	struct backend_entry	*b;
	const char		*why;

	if (conf->backend == NULL)
		return (0);
	if ((b = config_backend_find(conf, MUX_KIND_HTTP, "")) != NULL)
		backend_free(conf, b);
	if ((b = config_backend(conf, MUX_KIND_HTTP, "")) == NULL) {
		log_warnx("backend: more than %d", BACKENDS_MAX);
		return (-1);
	}
	if (backend_url_parse(conf->backend, &b->backend.url, &why) == 0)
		return (0);
	log_warnx("backend: %s", why);
	return (-1);
}

/* Whom to believe that it is the backend. */
static int
backend_trust(struct backend_entry *b)
{
	char	 err[256], title[BACKEND_TITLE_MAX];

	if (b->backend.url.scheme != BACKEND_HTTPS || b->backend.unverified)
		return (0);
	if (login_roots(b->ca, b->pin, b->backend.pin, &b->ca_pem, err,
	    sizeof(err)) == -1) {
		log_warnx("%s: %s", backend_title(&b->backend, title), err);
		return (-1);
	}
	b->backend.has_pin = b->pin != NULL;
	return (0);
}

static int
backends_load(struct agentd_conf *conf)
{
	struct backend_entry	*b;
	int			 bad;

	bad = backend_override(conf) == -1;
	TAILQ_FOREACH(b, &conf->backends, entry) {
		if (!bad && backend_trust(b) == -1)
			bad = 1;
		if (conf->name != NULL && b->backend.kind == MUX_KIND_HTTP &&
		    b->backend.name[0] != '\0' && strlen(b->backend.name) +
		    2 + strlen(conf->name) > MUX_NODE_MAX)
			log_warnx("http service %s: %s--%s is too long for a "
			    "host name: it takes a domain of its own",
			    b->backend.name, b->backend.name, conf->name);
	}
	return (bad ? -1 : 0);
}

/* ---- checks ---- */

/* Without a name, the host's own, up to its first dot. */
static void
name_from_host(struct agentd_conf *conf)
{
	char	 host[256];

	if (gethostname(host, sizeof(host)) == -1)
		return;
	host[sizeof(host) - 1] = '\0';
	host[strcspn(host, ".")] = '\0';
	config_string(&conf->name, host);
}

/* Of the URLs and the ways there; *tls: one of them has a certificate. */
static int
relays_load(struct agentd_conf *conf, int *tls)
{
	struct egress_conf	 out = { conf->proxy, conf->helper };
	const char		*why;
	char			 err[256];
	int			 i, bad = 0;

	*tls = 0;
	if (conf->nrelays == 0) {
		log_warnx("no relay is known: agentd login --relay "
		    "wss://relay.example.org, or a line \"relay\"");
		bad = 1;
	}
	for (i = 0; i < conf->nrelays; i++) {
		if (relay_url_parse(conf->relays[i], &conf->urls[i], &why) ==
		    -1) {
			/* Behind these there may be a secret. */
			log_warnx("relay %s: %s",
			    strpbrk(conf->relays[i], "@?#") != NULL ? "URL" :
			    conf->relays[i], why);
			bad = 1;
			continue;
		}
		if (!relay_url_plain_ok(&conf->urls[i], conf->plaintext)) {
			log_warnx("relay %s: ws:// sends everything in the "
			    "clear: use wss://, or \"allow plaintext\" if "
			    "that is meant", conf->relays[i]);
			bad = 1;
		}
		if (egress_choose(&out, &conf->urls[i], &conf->ways[i], err,
		    sizeof(err)) == -1) {
			log_warnx("%s", err);
			bad = 1;
		}
		*tls |= conf->urls[i].tls;
	}
	return (bad ? -1 : 0);
}

static int
name_load(struct agentd_conf *conf)
{
	if (conf->name == NULL)
		name_from_host(conf);
	return (config_name(conf->name));
}

int
config_name(char *name)
{
	char	*p;

	for (p = name; p != NULL && *p != '\0'; p++)
		*p = tolower((unsigned char)*p);
	if (name != NULL && backend_name_valid(name))
		return (0);
	log_warnx("name %s: a node's name is of a-z, 0-9 and single hyphens "
	    "inside, at most %d characters", name == NULL ? "" : name,
	    MUX_NODE_MAX);
	return (-1);
}

static int
token_check(const struct agentd_conf *conf)
{
	struct token	 token;
	const char	*why;
	int		 ret;

	if (conf->token == NULL) {
		log_warnx("no token: agentd login asks for one; accessctl "
		    "token create --scope node makes one");
		return (-1);
	}
	if ((ret = token_parse(conf->token, &token, &why)) == -1)
		log_warnx("token: %s", why);
	explicit_bzero(&token, sizeof(token));
	return (ret);
}

/* All that is wrong is told, not only the first. */
int
config_load(struct agentd_conf *conf)
{
	char	 err[256] = "TLS can't be set up";
	uint8_t	 pin[EVTLS_KEYID_LEN];
	int	 tls, bad;

	bad = relays_load(conf, &tls) == -1;
	bad |= name_load(conf) == -1;
	if (conf->helper != NULL && access(conf->helper, X_OK) == -1) {
		log_warn("proxy helper %s", conf->helper);
		bad = 1;
	}
	if (conf->control != NULL && strlen(conf->control) >= SOCKET_MAX) {
		log_warnx("control %s: longer than %d characters",
		    conf->control, SOCKET_MAX - 1);
		bad = 1;
	}
	bad |= backends_load(conf) == -1;
	bad |= token_check(conf) == -1;
	if (tls && !bad && login_roots(conf->ca, conf->pin, pin,
	    &conf->ca_pem, err, sizeof(err)) == -1) {
		log_warnx("%s", err);
		bad = 1;
	}
	return (bad ? -1 : 0);
}
