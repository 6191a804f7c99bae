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
 * accessctl: administers a relay from its host, and reaches nodes through it
 * from anywhere.
 *
 * Exit status: 0 well, 1 not, 2 usage.  connect, forward and nodes tell more
 * apart: 3 the target refused, 4 it can't be reached or does not answer, 5
 * denied, 6 no such node, 7 the node is offline, 8 the relay can't be reached
 * or trusted, 9 a protocol error, 10 cut in the middle.
 */

#include "compat.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"
#include "stdfd.h"

static int	cmd_help(int, char **);
static void	print_commands(FILE *);
static void	print_help(const struct command *);
static int	is_help(const char *);
static int	words_match(const struct command *, int, char **);

const char	*program = "accessctl";

/* What runs, or NULL. */
static const struct command	*running;

#define RELAY_ARGS	"[--relay url] [--token-file file] [--ca file] " \
			"[--pin pin] [--proxy url | --proxy-helper program] " \
			"[--allow-plaintext]"
#define ADMIN_ERRORS	"1 relayd is not running or this user may not ask it"
#define STREAM_ERRORS	"3 refused, 4 unreachable, 5 denied, 6 no such " \
			"node, 7 node offline, 8 relay unreachable, " \
			"9 protocol error, 10 cut in the middle, 1 other"

const struct command	 commands[] = {
	{ "user add", "[--username name] [--admin] "
	    "[--password-stdin | --no-password] email",
	    "add a user",
	    "1 there is such a user, or no good password", cmd_user_add },
	{ "user list", "[--json]", "list the users", ADMIN_ERRORS,
	    cmd_user_list },
	{ "user passwd", "[--password-stdin | --no-password] email",
	    "change a user's password",
	    "1 no such user, or no good password", cmd_user_passwd },
	{ "user disable", "email",
	    "lock a user out and end what they have open", "1 no such user",
	    cmd_user_disable },
	{ "user enable", "email", "let a user in again", "1 no such user",
	    cmd_user_enable },
	{ "user delete", "email", "delete a user with tokens and nodes",
	    "1 no such user", cmd_user_delete },
	{ "user show", "[--json] email", "show a user", "1 no such user",
	    cmd_user_show },
	{ "user limit", "[--bandwidth rate] [--quota size] email",
	    "limit a user's bandwidth and bytes a month", "1 no such user",
	    cmd_user_limit },
	{ "token create", "--user email --scope scope[,scope] ... "
	    "[--name name] [--expires 30d] [--nodes name,name]",
	    "make a token and print it, once",
	    "1 no such user, or not for this user", cmd_token_create },
	{ "token list", "[--user email] [--json]", "list the tokens",
	    "1 no such user", cmd_token_list },
	{ "token revoke", "id", "revoke a token and end what rests on it",
	    "1 no such token", cmd_token_revoke },
	{ "node list", "[--json]", "list the nodes", ADMIN_ERRORS,
	    cmd_node_list },
	{ "node show", "[--json] name", "show a node", "1 no such node",
	    cmd_node_show },
	{ "node limit", "[--bandwidth rate] [--quota size] name",
	    "limit a node's bandwidth and bytes a month", "1 no such node",
	    cmd_node_limit },
	{ "node set", "name http=private|public|basic",
	    "say who may see what a node shows by HTTP", "1 no such node",
	    cmd_node_set },
	{ "node rename", "from to", "rename a node",
	    "1 no such node, or the new name is taken or not one",
	    cmd_node_rename },
	{ "node remove", "name", "forget a node and end its link",
	    "1 no such node", cmd_node_remove },
	{ "node kick", "name", "end a node's link; it comes back",
	    "1 no such node, or it is offline", cmd_node_kick },
	{ "grant list", "[--node node] [--user email] [--json]",
	    "list who may use whose nodes", "1 no such user or node",
	    cmd_grant_list },
	{ "grant revoke", "email node",
	    "take a grant back and end what rests on it",
	    "1 there is no such grant", cmd_grant_revoke },
	{ "grant", "email node --scope scope[,scope] ... "
	    "[--to target[,target]] ... [--until 2d | date]",
	    "let a user use somebody else's node; again: change that",
	    "1 no such user or node, or it is the user's own", cmd_grant },
	{ "session list", "[--user email] [--node node] [--json]",
	    "list the sessions of browsers and of paired programs",
	    "1 no such user or node", cmd_session_list },
	{ "session revoke", "id | --user email | --node node",
	    "end sessions, and what rests on them",
	    "1 no such session, user or node", cmd_session_revoke },
	{ "publish add", "[--from network,...] [--proxy v1 | v2] "
	    "[--connections n] [--bandwidth bytes/s] "
	    "[address:]port[-port][/tcp | /udp] node:[host:]port[-port]",
	    "let ports of this host lead to targets of a node",
	    "1 relayd.conf does not allow it, a port is taken, no such node",
	    cmd_publish_add },
	{ "publish list", "[--json]", "list the published ports",
	    ADMIN_ERRORS, cmd_publish_list },
	{ "publish remove", "port", "close published ports and end what came "
	    "by them", "1 it is not published", cmd_publish_remove },
	{ "service set", "node service http=private|public|basic",
	    "the same for one service of a node",
	    "1 no such node, or no name for a service", cmd_service_set },
	{ "service list", "[--json] [node]",
	    "list the services that are not as their node", "1 no such node",
	    cmd_service_list },
	{ "service remove", "node service",
	    "make a service as its node again", "1 nothing is set for it",
	    cmd_service_remove },
	{ "domain add", "[--passthrough] host node[:service]",
	    "let a host name lead to a node",
	    "1 no name of a host, or it leads somewhere already; no such node",
	    cmd_domain_add },
	{ "domain list", "[--json]", "list the host names that lead to nodes",
	    ADMIN_ERRORS, cmd_domain_list },
	{ "domain remove", "host",
	    "take such a name away and end what came by it",
	    "1 no such domain", cmd_domain_remove },
	{ "pair", "[--ttl time] [--json | --no-qr] node",
	    "make a code that pairs a phone or a program with a node, once",
	    "1 no such node, or it is offline", cmd_pair },
	{ "connection list", "[--json]", "list who is connected to what",
	    ADMIN_ERRORS, cmd_connection_list },
	{ "connection kill", "id", "end a connection",
	    "1 it has ended already", cmd_connection_kill },
	{ "traffic", "[--month yyyy-mm] [--user email | --node name] [--json]",
	    "show what was carried in a month, and what is left",
	    "1 no such user or node", cmd_traffic },
	{ "stats", "[--json]", "show counters of the relay", ADMIN_ERRORS,
	    cmd_stats },
	{ "show memory", "[--all] [--json]",
	    "show what the relay's memory is taken for", ADMIN_ERRORS,
	    cmd_show_memory },
	{ "audit", "[--since time | all] [--user email] [--node name] "
	    "[--follow] [--json]",
	    "show the audit log", ADMIN_ERRORS, cmd_audit },
	{ "backup", "[--force] file",
	    "copy the relay's database into a file, while it is in use",
	    "1 relayd could not make a copy, or the file could not be written",
	    cmd_backup },
	{ "check", "[file]",
	    "look for damage in the relay's database, or in a copy of it",
	    "1 it is damaged, or can't be read", cmd_check },
	{ "upgrade", "[--wait | --status] [--json]",
	    "put the relayd that is installed in the place of this one",
	    "1 it would not serve: nothing has changed", cmd_upgrade },
	{ "reload", "", "read relayd.conf and the certificates again",
	    "1 there are errors in them: the old ones stay", cmd_reload },
	{ "log", "[brief | verbose | debug]",
	    "how much relayd logs, until it reloads", ADMIN_ERRORS, cmd_log },
	{ "login", "--relay url [--ca file] [--pin pin] "
	    "[--proxy url | --proxy-helper program] "
	    "[--from-file file | --from-stdin] [--no-check] "
	    "[--allow-plaintext]",
	    "keep relay and token for the commands below",
	    "1 the relay did not accept them, nothing was kept", cmd_login },
	{ "logout", "", "forget them", "1 the file can't be removed",
	    cmd_logout },
	{ "connect", "[-w seconds] " RELAY_ARGS
	    " node [host] port [tcp | udp] | node target",
	    "connect standard input and output to a target",
	    STREAM_ERRORS, cmd_connect },
	{ "forward", "[-fnv] [--udp-idle seconds] " RELAY_ARGS
	    " -L [bind:]port|/path:node:[host:]hostport[/udp]|/path ...",
	    "lead local ports and sockets to targets",
	    "5 denied, 8 relay unreachable with -f, 9 protocol error, 1 a "
	    "local port is taken, other", cmd_forward },
	{ "nodes", "[--json] " RELAY_ARGS, "list the nodes I may reach",
	    "5 denied, 8 relay unreachable, 9 protocol error, 1 other",
	    cmd_nodes },
	{ "completion", "bash | zsh | fish",
	    "print completion for a shell",
	    "there is none for this shell", cmd_completion },
	{ "help", "[command]", "show this, or more of a command",
	    "2 no such command", cmd_help },
};
const size_t	 ncommands = nitems(commands);

static void
print_commands(FILE *fp)
{
	size_t	 i;

	fprintf(fp, "usage: accessctl [-hVv] command [options]\n\n");
	for (i = 0; i < ncommands; i++)
		fprintf(fp, "  %-16s %s\n", commands[i].name,
		    commands[i].help);
	fprintf(fp, "\naccessctl help command shows its options; "
	    "accessctl(1) says more.\n");
}

static void
print_help(const struct command *c)
{
	printf("accessctl %s%s%s\n    %s\n    exit status: 0 done, 2 usage, "
	    "%s\n", c->name, c->args[0] != '\0' ? " " : "", c->args, c->help,
	    c->errors);
}

int
usage(void)
{
	if (running == NULL)
		fprintf(stderr, "usage: access-client node ip port protocol "
		    "[--relay-url url] [--secret secret]\n");
	else
		fprintf(stderr, "usage: accessctl %s%s%s\n", running->name,
		    running->args[0] != '\0' ? " " : "", running->args);
	return (EXIT_USAGE);
}

/* The status to end with: who reads what we print has to have got it. */
static int
said(int status)
{
	if (status == EXIT_OK && print_end(stdout) == -1)
		return (EXIT_OTHER);
	return (status);
}

int
option_common(int ch)
{
	switch (ch) {
	case 'h':
		if (running == NULL)
			usage();
		else
			print_help(running);
		exit(said(EXIT_OK));
	case 'v':
		log_setverbose(LOG_LEVEL_DEBUG);
		return (1);
	default:
		usage();
		return (0);
	}
}

/* All commands that begin with these whole words. */
static int
cmd_help(int argc, char **argv)
{
	char	 name[64];
	size_t	 i, len;
	int	 n = 0;

	if (argc < 2 || is_help(argv[1])) {
		print_commands(stdout);
		return (EXIT_OK);
	}
	snprintf(name, sizeof(name), "%s%s%s", argv[1], argc > 2 ? " " : "",
	    argc > 2 ? argv[2] : "");
	len = strlen(name);
	for (i = 0; i < ncommands; i++) {
		if (strncmp(commands[i].name, name, len) != 0 ||
		    (commands[i].name[len] != '\0' &&
		    commands[i].name[len] != ' '))
			continue;
		print_help(&commands[i]);
		n++;
	}
	if (n == 0) {
		log_warnx("there is no command %s", name);
		return (EXIT_USAGE);
	}
	return (EXIT_OK);
}

static int
is_help(const char *arg)
{
	return (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0);
}

/* How many words of argv the command's name takes up, or 0. */
static int
words_match(const struct command *c, int argc, char **argv)
{
	const char	*space = strchr(c->name, ' ');
	size_t		 len;

	if (space == NULL)
		return (strcmp(c->name, argv[0]) == 0 ? 1 : 0);
	len = space - c->name;
	if (argc < 2 || strncmp(c->name, argv[0], len) != 0 ||
	    argv[0][len] != '\0' || strcmp(space + 1, argv[1]) != 0)
		return (0);
	return (2);
}

/* Options before the command: the status to end with, or -1 to go on. */
static int
main_options(int *argc, char ***argv)
{
	const char	*arg;

	while (*argc > 1 && (*argv)[1][0] == '-') {
		arg = (*argv)[1];
		if (strcmp(arg, "-v") == 0 || strcmp(arg, "--verbose") == 0)
			log_setverbose(LOG_LEVEL_DEBUG);
		else if (strcmp(arg, "-V") == 0 ||
		    strcmp(arg, "--version") == 0) {
			printf("accessctl %s\n", CULVERT_VERSION);
			return (EXIT_OK);
		} else if (is_help(arg)) {
			print_commands(stdout);
			return (EXIT_OK);
		} else {
			log_warnx("%s: no option before a command; those of "
			    "a command stand behind it", arg);
			return (EXIT_USAGE);
		}
		(*argc)--;
		(*argv)++;
	}
	if (*argc < 2) {
		print_commands(stderr);
		return (EXIT_USAGE);
	}
	return (-1);
}

int
main(int argc, char **argv)
{
	const char	*slash = strrchr(argv[0], '/');
	size_t		 i;
	int		 n, status;

	stdfd_open();
	signal(SIGPIPE, SIG_IGN);
	/* A file that may not grow is a full disk: an error and no more. */
	signal(SIGXFSZ, SIG_IGN);
	setlocale(LC_CTYPE, "");
	if (strcmp(slash != NULL ? slash + 1 : argv[0], "access-client") ==
	    0) {
		program = "access-client";
		log_init(program, LOG_STYLE_COMMAND, 0);
		return (cmd_access_client(argc, argv));
	}
	log_init(program, LOG_STYLE_COMMAND, 0);
	admin_init();
	if ((status = main_options(&argc, &argv)) != -1)
		return (said(status));
	for (i = 0; i < ncommands; i++) {
		n = words_match(&commands[i], argc - 1, argv + 1);
		if (n == 0)
			continue;
		running = &commands[i];
		/* What getopt(3) says begins with our name. */
		argv[n] = argv[0];
		return (said(running->run(argc - n, argv + n)));
	}
	/* "user -h" shows what there is to do with users; so does "user". */
	if (argc == 3 && is_help(argv[2]))
		return (said(cmd_help(2, argv)));
	if (argc == 2 && cmd_help(argc, argv) == EXIT_OK)
		return (EXIT_USAGE);
	if (argc > 2)
		log_warnx("there is no command %s %s; accessctl help lists "
		    "them", argv[1], argv[2]);
	return (EXIT_USAGE);
}
