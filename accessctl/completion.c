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
 * Completion for shells, made from the table of commands: what help shows is
 * what completes.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

#define OPTIONS_MAX	32
#define WORD_MAX	48
#define OPERANDS_MAX	2

/* What a value is, so that a shell can offer some. */
enum kind { KIND_NONE, KIND_FLAG, KIND_FILE, KIND_EMAIL, KIND_NODE };

static const char *const kind_names[] = { "none", "flag", "file", "email",
    "node" };

struct option_word {
	char		 text[WORD_MAX];	/* "--json", "-L" */
	enum kind	 kind;
};

/* A command's arguments, as its line of help gives them. */
struct syntax {
	struct option_word	 options[OPTIONS_MAX];
	size_t			 noptions;
	enum kind		 operands[OPERANDS_MAX];	/* each once */
	size_t			 noperands;
};

static enum kind
kind_of(const struct command *c, const char *word)
{
	if (strcmp(word, "email") == 0)
		return (KIND_EMAIL);
	if (strcmp(word, "file") == 0)
		return (KIND_FILE);
	if (strcmp(word, "node") == 0 || (strncmp(c->name, "node ", 5) == 0 &&
	    (strcmp(word, "name") == 0 || strcmp(word, "from") == 0)))
		return (KIND_NODE);
	return (KIND_NONE);
}

/*
 * The next word, without the brackets around it.  *closed says whether one
 * closed behind it, *opened whether one opened before it.  0 at the end.
 */
static int
next_word(const char **p, char *word, int *opened, int *closed)
{
	size_t	 n = 0;

	*opened = *closed = 0;
	while (**p == ' ')
		(*p)++;
	for (; **p == '['; (*p)++)
		*opened = 1;
	for (; **p != '\0' && **p != ' '; (*p)++) {
		if (**p == ']')
			*closed = 1;
		else if (n < WORD_MAX - 1 && !*closed && **p != '[')
			word[n++] = **p;
	}
	word[n] = '\0';
	return (n > 0 || *opened || *closed);
}

static void
syntax_operand(struct syntax *s, enum kind kind)
{
	size_t	 i;

	for (i = 0; i < s->noperands; i++)
		if (s->operands[i] == kind)
			return;
	if (kind != KIND_NONE && s->noperands < OPERANDS_MAX)
		s->operands[s->noperands++] = kind;
}

static void
syntax_option(struct syntax *s, const char *text, enum kind kind)
{
	struct option_word	*o;
	size_t			 i;

	for (i = 0; i < s->noptions; i++)
		if (strcmp(s->options[i].text, text) == 0)
			return;
	if (s->noptions == OPTIONS_MAX)
		return;
	o = &s->options[s->noptions++];
	strlcpy(o->text, text, sizeof(o->text));
	o->kind = kind;
}

/* "-nv": each letter is an option. */
static void
syntax_letters(struct syntax *s, const char *letters)
{
	char	 text[3] = "-x";

	for (; *letters != '\0'; letters++) {
		text[1] = *letters;
		syntax_option(s, text, KIND_FLAG);
	}
}

static void
syntax_parse(const struct command *c, struct syntax *s)
{
	char		 word[WORD_MAX], value[WORD_MAX];
	const char	*p = c->args, *ahead;
	int		 opened, closed, o, cl;

	memset(s, 0, sizeof(*s));
	while (next_word(&p, word, &opened, &closed)) {
		if (word[0] != '-') {
			syntax_operand(s, kind_of(c, word));
			continue;
		}
		ahead = p;
		if (!closed && next_word(&ahead, value, &o, &cl) &&
		    value[0] != '-' && value[0] != '|' && value[0] != '.' &&
		    (!o || word[2] == '\0')) {
			p = ahead;
			syntax_option(s, word, kind_of(c, value));
		} else if (word[1] != '-')
			syntax_letters(s, word + 1);
		else
			syntax_option(s, word, KIND_FLAG);
	}
}

/* The first words of commands, each once; then the second ones of a first. */
static int
is_first(size_t i, size_t len)
{
	size_t	 j;

	for (j = 0; j < i; j++)
		if (strncmp(commands[j].name, commands[i].name, len) == 0 &&
		    (commands[j].name[len] == ' ' ||
		    commands[j].name[len] == '\0'))
			return (0);
	return (1);
}

static void
print_first_words(void)
{
	size_t	 i, len;

	for (i = 0; i < ncommands; i++) {
		len = strcspn(commands[i].name, " ");
		if (is_first(i, len))
			printf("%.*s ", (int)len, commands[i].name);
	}
}

static void
print_second_words(const char *first, size_t len)
{
	size_t	 i;

	for (i = 0; i < ncommands; i++)
		if (strncmp(commands[i].name, first, len) == 0 &&
		    commands[i].name[len] == ' ')
			printf("%s ", commands[i].name + len + 1);
}

/* Whether this word is a command as well, as that of "grant list" is. */
static int
is_command(const char *word, size_t len)
{
	size_t	 i;

	for (i = 0; i < ncommands; i++)
		if (strncmp(commands[i].name, word, len) == 0 &&
		    commands[i].name[len] == '\0')
			return (1);
	return (0);
}

/* Those of two words first: "grant list" is not a "grant" of a list. */
static void
each_command(void (*print)(const struct command *))
{
	size_t	 i;

	for (i = 0; i < ncommands; i++)
		if (strchr(commands[i].name, ' ') != NULL)
			print(&commands[i]);
	for (i = 0; i < ncommands; i++)
		if (strchr(commands[i].name, ' ') == NULL)
			print(&commands[i]);
}

/* ---- bash ---- */

static void
bash_command(const struct command *c)
{
	struct syntax	 s;
	size_t		 i;

	syntax_parse(c, &s);
	if (strchr(c->name, ' ') != NULL)
		printf("\t'%s')", c->name);
	else
		printf("\t'%s '*) one=1", c->name);
	printf(" options='");
	for (i = 0; i < s.noptions; i++)
		printf("%s ", s.options[i].text);
	printf("' kinds='");
	for (i = 0; i < s.noptions; i++)
		if (s.options[i].kind != KIND_FLAG)
			printf("%s=%s ", s.options[i].text,
			    kind_names[s.options[i].kind]);
	printf("operand=");
	for (i = 0; i < s.noperands; i++)
		printf("%s,", kind_names[s.operands[i]]);
	printf(" ' ;;\n");
}

static void
bash_print(void)
{
	size_t	 i, len;

	printf("# bash completion for accessctl; made by accessctl "
	    "completion bash\n"
	    "_accessctl_names() {\n"
	    "\tcase $1 in\n"
	    "\temail) accessctl user list ;;\n"
	    "\tnode) accessctl node list || accessctl nodes ;;\n"
	    "\tesac 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'\n"
	    "}\n\n"
	    "_accessctl() {\n"
	    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words='' kind=''\n"
	    "\tlocal options='' kinds='' skip=0 one='' head='' k\n"
	    "\tlocal prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	    "\tCOMPREPLY=()\n"
	    "\t# An @ is a word of its own, if COMP_WORDBREAKS has it.\n"
	    "\tcase $COMP_CWORD:$cur:$prev in\n"
	    "\t[12]:*) ;;\n"
	    "\t*:@:*) head=$prev@ cur=''\n"
	    "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]} ;;\n"
	    "\t*:*:@) head=${COMP_WORDS[COMP_CWORD - 2]}@\n"
	    "\t\tprev=${COMP_WORDS[COMP_CWORD - 3]} ;;\n"
	    "\tesac\n"
	    "\tcase \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
	each_command(bash_command);
	printf("\tesac\n"
	    "\tcase $COMP_CWORD:${COMP_WORDS[1]} in\n\t1:*) words='");
	print_first_words();
	printf("' ;;\n");
	for (i = 0; i < ncommands; i++) {
		len = strcspn(commands[i].name, " ");
		if (commands[i].name[len] == '\0' || !is_first(i, len))
			continue;
		printf("\t2:%.*s) words='", (int)len, commands[i].name);
		print_second_words(commands[i].name, len);
		printf("' ;;\n");
	}
	printf("\tesac\n"
	    "\tif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$words\" ] && "
	    "[ -z \"$one\" ]; then\n"
	    "\t\tskip=1\n"
	    "\tfi\n"
	    "\tcase \" $kinds\" in\n"
	    "\t*\" $prev=\"*) kind=${kinds#*\"$prev=\"}\n"
	    "\t\tkind=${kind%%%% *} ;;\n"
	    "\t*\" operand=\"*) kind=${kinds#*operand=}; kind=${kind%%%% *}\n"
	    "\t\tcase $cur in\n"
	    "\t\t-*) words=$options kind='' ;;\n"
	    "\t\tesac ;;\n"
	    "\tesac\n"
	    "\tcase $skip$kind in\n"
	    "\t0file*) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	    "\t\tcompopt -o filenames 2>/dev/null; return ;;\n"
	    "\t0*email*|0*node*)\n"
	    "\t\tfor k in ${kind//,/ }; do\n"
	    "\t\t\twords+=\" $(_accessctl_names \"$k\")\"\n"
	    "\t\tdone ;;\n"
	    "\tesac\n"
	    "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
	    "\"$head$cur\")\n"
	    "\tCOMPREPLY=(\"${COMPREPLY[@]#\"$head\"}\")\n"
	    "}\n"
	    "complete -F _accessctl accessctl\n");
}

/* ---- zsh ---- */

static void
zsh_command(const struct command *c)
{
	static const char *const action[] = { "", "", "_files",
	    "_accessctl_emails", "_accessctl_nodes" };
	struct syntax		 s;
	size_t			 i;

	syntax_parse(c, &s);
	if (strchr(c->name, ' ') != NULL)
		printf("\t'%s') _arguments", c->name);
	else
		printf("\t'%s '*) _arguments", c->name);
	for (i = 0; i < s.noptions; i++) {
		printf(" \\\n\t\t'*%s", s.options[i].text);
		if (s.options[i].kind != KIND_FLAG)
			printf(":%s:%s", kind_names[s.options[i].kind],
			    action[s.options[i].kind]);
		printf("'");
	}
	if (s.noperands == 2)
		printf(" \\\n\t\t'*:%s or %s:_accessctl_both' ;;\n",
		    kind_names[s.operands[0]], kind_names[s.operands[1]]);
	else
		printf(" \\\n\t\t'*:%s:%s' ;;\n",
		    kind_names[s.operands[0]], action[s.operands[0]]);
}

/* A text in single quotes of a zsh list of "word:what it is". */
static void
zsh_text(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			printf("'\\''");
		else
			putchar(*s);
	}
}

static void
zsh_words(const char *first, size_t len)
{
	const char	*name;
	size_t		 i, n;

	for (i = 0; i < ncommands; i++) {
		name = commands[i].name;
		n = strcspn(name, " ");
		if (first == NULL && is_first(i, n)) {
			printf(" \\\n\t\t'%.*s:", (int)n, name);
			zsh_text(name[n] == '\0' ? commands[i].help :
			    "several commands");
			printf("'");
		} else if (first != NULL && strncmp(name, first, len) == 0 &&
		    name[len] == ' ') {
			printf(" \\\n\t\t'%s:", name + len + 1);
			zsh_text(commands[i].help);
			printf("'");
		}
	}
}

static void
zsh_print(void)
{
	size_t	 i, len;

	printf("#compdef accessctl\n"
	    "# made by accessctl completion zsh\n"
	    "_accessctl_emails() {\n"
	    "\tcompadd -- ${(f)\"$(accessctl user list 2>/dev/null "
	    "</dev/null | awk 'NR > 1 { print $1 }')\"}\n"
	    "}\n\n"
	    "_accessctl_nodes() {\n"
	    "\tcompadd -- ${(f)\"$({ accessctl node list || accessctl nodes "
	    "} 2>/dev/null </dev/null | awk 'NR > 1 { print $1 }')\"}\n"
	    "}\n\n"
	    "_accessctl_both() {\n"
	    "\t_accessctl_emails\n"
	    "\t_accessctl_nodes\n"
	    "}\n\n"
	    "_accessctl() {\n"
	    "\tlocal -a list\n"
	    "\tlocal command\n"
	    "\tif (( CURRENT == 2 )); then\n\t\tlist=(");
	zsh_words(NULL, 0);
	printf(")\n\t\t_describe command list\n\t\treturn\n\tfi\n"
	    "\tcase $CURRENT:$words[2] in\n");
	for (i = 0; i < ncommands; i++) {
		len = strcspn(commands[i].name, " ");
		if (commands[i].name[len] == '\0' || !is_first(i, len))
			continue;
		printf("\t3:%.*s) list=(", (int)len, commands[i].name);
		zsh_words(commands[i].name, len);
		printf(")\n\t\t_describe command list\n");
		printf("\t\t%s;;\n", is_command(commands[i].name, len) ?
		    "" : "return ");
	}
	printf("\tesac\n"
	    "\tcommand=\"$words[2] $words[3]\"\n"
	    "\tshift words; (( CURRENT-- ))\n"
	    "\tcase $command in\n");
	each_command(zsh_command);
	printf("\tesac\n}\n\n_accessctl \"$@\"\n");
}

/* ---- fish ---- */

static void
fish_option(const char *when, const struct option_word *o)
{
	printf("complete -c accessctl -n %s", when);
	if (strncmp(o->text, "--", 2) == 0)
		printf(" -l %s", o->text + 2);
	else
		printf(" -s %s", o->text + 1);
	switch (o->kind) {
	case KIND_FLAG:
		break;
	case KIND_FILE:
		printf(" -rF");
		break;
	case KIND_EMAIL:
	case KIND_NODE:
		printf(" -x -a '(__accessctl_%ss)'", kind_names[o->kind]);
		break;
	default:
		printf(" -x");
		break;
	}
	printf("\n");
}

/* When a command's options and operands are meant, as an argument of -n. */
static void
fish_when(const char *name, char *when, size_t size)
{
	size_t	 i, len = strlen(name);

	snprintf(when, size, "'__accessctl_is %s", name);
	for (i = 0; i < ncommands; i++) {
		if (strncmp(commands[i].name, name, len) != 0 ||
		    commands[i].name[len] != ' ')
			continue;
		(void)strlcat(when, "; and not __accessctl_is ", size);
		(void)strlcat(when, commands[i].name, size);
	}
	(void)strlcat(when, "'", size);
}

static void
fish_command(size_t i)
{
	const struct command	*c = &commands[i];
	const char		*space = strchr(c->name, ' ');
	struct syntax		 s;
	char			 when[512];
	size_t			 j, len = strcspn(c->name, " ");

	syntax_parse(c, &s);
	if (is_first(i, len)) {
		printf("complete -c accessctl -n __accessctl_first -a %.*s",
		    (int)len, c->name);
		if (space == NULL)
			printf(" -d \"%s\"", c->help);
		printf("\n");
	}
	if (space != NULL)
		printf("complete -c accessctl -n '__accessctl_second %.*s' "
		    "-a %s -d \"%s\"\n", (int)len, c->name, space + 1,
		    c->help);
	fish_when(c->name, when, sizeof(when));
	for (j = 0; j < s.noptions; j++)
		fish_option(when, &s.options[j]);
	for (j = 0; j < s.noperands; j++) {
		if (s.operands[j] == KIND_FILE)
			printf("complete -c accessctl -n %s -F\n", when);
		else
			printf("complete -c accessctl -n %s "
			    "-a '(__accessctl_%ss)'\n", when,
			    kind_names[s.operands[j]]);
	}
}

static void
fish_print(void)
{
	size_t	 i;

	printf("# fish completion for accessctl; made by accessctl "
	    "completion fish\n"
	    "function __accessctl_emails\n"
	    "\taccessctl user list 2>/dev/null </dev/null | "
	    "awk 'NR > 1 { print $1 }'\n"
	    "end\n"
	    "function __accessctl_nodes\n"
	    "\tbegin; accessctl node list; or accessctl nodes; end "
	    "2>/dev/null </dev/null | awk 'NR > 1 { print $1 }'\n"
	    "end\n"
	    "function __accessctl_first\n"
	    "\ttest (count (commandline -opc)) -eq 1\n"
	    "end\n"
	    "function __accessctl_second\n"
	    "\tset -l words (commandline -opc)\n"
	    "\ttest (count $words) -eq 2; and test $words[2] = $argv[1]\n"
	    "end\n"
	    "function __accessctl_is\n"
	    "\tset -l words (commandline -opc)\n"
	    "\ttest (count $words) -gt (count $argv); or return 1\n"
	    "\tset -l last (math (count $argv) + 1)\n"
	    "\ttest \"$words[2..$last]\" = \"$argv\"\n"
	    "end\n"
	    "complete -c accessctl -f\n");
	for (i = 0; i < ncommands; i++)
		fish_command(i);
}

int
cmd_completion(int argc, char **argv)
{
	static const struct option	 common[] = {
		OPTIONS_COMMON, { NULL, 0, NULL, 0 }
	};
	const char			*shell;
	int				 ch;

	while ((ch = getopt_long(argc, argv, "hv", common, NULL)) != -1) {
		if (!option_common(ch))
			return (EXIT_USAGE);
	}
	if (argc - optind != 1)
		return (usage());
	shell = argv[optind];
	if (strcmp(shell, "bash") == 0)
		bash_print();
	else if (strcmp(shell, "zsh") == 0)
		zsh_print();
	else if (strcmp(shell, "fish") == 0)
		fish_print();
	else {
		log_warnx("%s: there is completion for bash, zsh and fish",
		    shell);
		return (EXIT_USAGE);
	}
	return (EXIT_OK);
}
