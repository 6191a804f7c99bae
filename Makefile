# Culvert.  Written for GNU make (gmake on the BSDs).
#
#	make			obj/relayd, obj/agentd, obj/accessctl
#	make test		everything; installs what it needs first
#	make check		the tests that are quick and need no root
#	make fuzz		each fuzz target for FUZZ_SECONDS or FUZZ_RUNS
#	make V=1		shows whole commands
#	make faults		calls that fail, for half an hour
#	make VARIANT=asan	the same in obj-asan (see "Variants" below)

VERSION =	0.1.0
VARIANT =
OBJ =		obj$(addprefix -,$(VARIANT))
JOBS =		2
TEST_JOBS =	3
FUZZ_SECONDS =	60
FUZZ_CFLAGS ?=
ONCE =
DESTDIR =

.SUFFIXES:
.SECONDARY: $(OBJ)/gen/relayd/parse.c $(OBJ)/gen/agentd/parse.c
.DELETE_ON_ERROR:
.PHONY: all helpers tests fuzzers objects install uninstall users demo test \
    test-build check asan fuzz faults lint tidy coverage static-agent deb \
    clean distclean soak soak-run bench bench-agents bench-streams \
    bench-hostile bench-slowpath
all:

# configure's findings.  A fresh clone has none: look, and where a tool is
# missing and may be installed, install it and look again.
ifeq ($(filter clean distclean,$(MAKECMDGOALS)),)
include config.mk
endif

config.mk: configure
	@./configure $(CONFIGURE_ARGS) || { \
	    $(if $(filter check,$(MAKECMDGOALS)),false,sh etc/deps.sh build) && \
	    ./configure $(CONFIGURE_ARGS); }

# ---- Flags ----------------------------------------------------------------

WARN =		-Wall -Wextra -Wshadow -Wstrict-prototypes \
		-Wmissing-prototypes -Wpointer-arith -Wcast-qual \
		-Wsign-compare -Wwrite-strings -Wformat=2 \
		-Wno-unused-parameter
DEFS =		-D_GNU_SOURCE -DCULVERT_VERSION='"$(VERSION)"' \
		-DCULVERT_SYSCONFDIR='"$(SYSCONFDIR)"' \
		-DCULVERT_STATEDIR='"$(STATEDIR)"' \
		-DCULVERT_RUNDIR='"$(RUNDIR)"' \
		$(if $(qrencode_LIBS),-DHAVE_QRENCODE) \
		$(if $(ipsec_mb_LIBS),-DHAVE_IPSEC_MB)
MODULES =	libbsd libevent libtls libssl libcrypto sqlite3 libseccomp jansson \
		qrencode ipsec_mb
MODULE_CFLAGS =	$(foreach m,$(MODULES),$($(m)_CFLAGS))

BASE_LIBS =	$(libevent_LIBS) $(libtls_LIBS) $(libssl_LIBS) \
		$(libcrypto_LIBS) $(ipsec_mb_LIBS) $(libseccomp_LIBS) \
		$(libbsd_LIBS)
relayd_LIBS =	$(sqlite3_LIBS) $(jansson_LIBS) $(crypt_LIBS) $(BASE_LIBS)
agentd_LIBS =	$(jansson_LIBS) $(qrencode_LIBS) $(BASE_LIBS)
accessctl_LIBS = $(sqlite3_LIBS) $(jansson_LIBS) $(qrencode_LIBS) $(crypt_LIBS) $(BASE_LIBS)
cmocka_LIBS =	-lcmocka

# Variants: the same sources, built another way into obj-VARIANT.  Those that
# are only for tests define CULVERT_TEST; what is installed never does.
SANITIZE =	-fsanitize=address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer
LINT_CFLAGS =	-O2 -g0 -D_FORTIFY_SOURCE=2
ifeq ($(VARIANT),test)
DEFS +=		-DCULVERT_TEST
else ifeq ($(VARIANT),asan)
DEFS +=		-DCULVERT_TEST
HARDEN =	-O1 $(SANITIZE)
HARDEN_LD =	$(SANITIZE)
WERROR =
else ifeq ($(VARIANT),soak)
# Heartbeats 600 times as fast, and log-ins are forgotten in time.
DEFS +=		-DNONCE_AGE_MS=3000 -DNONCE_BEACON_MS=1500
$(O)/lib/link.o: DEFS += -DLINK_PING_MS=25
else ifeq ($(VARIANT),cov)
CC =		gcc
DEFS +=		-DCULVERT_TEST
CFLAGS =	-g
HARDEN =	-O0 --coverage -fprofile-update=atomic
HARDEN_LD =	--coverage
WERROR =
else ifeq ($(VARIANT),fuzz)
CC =		clang
DEFS +=		-DCULVERT_TEST
CFLAGS =	-g
HARDEN =	-O1 $(SANITIZE) -fsanitize=fuzzer-no-link \
		-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION $(FUZZ_CFLAGS)
HARDEN_LD =	$(SANITIZE) -fsanitize=fuzzer
WERROR =
else ifeq ($(VARIANT),fault)
DEFS +=		-DCULVERT_TEST
HARDEN =	-O1 -ftrivial-auto-var-init=zero
HARDEN_LD =	-Wl,--wrap=seccomp_load,--wrap=seccomp_export_bpf
SEAM =		$(O)/regress/fault/seam.o $(O)/regress/fault/seam_calls.o
WERROR =
else ifeq ($(VARIANT),lint-gcc)
CC =		gcc
CFLAGS =	$(LINT_CFLAGS)
HARDEN =
WERROR =	-Werror
else ifeq ($(VARIANT),lint-clang)
CC =		clang
DEFS +=		-DCULVERT_TEST
CFLAGS =	$(LINT_CFLAGS)
HARDEN =
WERROR =	-Werror
endif

COMPILE =	$(CC) -std=gnu11 $(CFLAGS) $(HARDEN) $(WARN) $(WERROR) $(DEFS) \
		-iquote lib -Iimsg -iquote $(OBJ)/gen $(INC) $(MODULE_CFLAGS) -MMD -MP
LINK =		$(CC) $(CFLAGS) $(HARDEN) $(HARDEN_LD) $(LDFLAGS)

# "make V=1" shows commands, else one short line each.
run =		$(if $(V),,@printf '%-8s %s\n' '$(1)' '$(2)';)

# ---- Sources --------------------------------------------------------------

# A program is built once its main file is there.  Objects lie in $(O),
# generated sources in $(OBJ)/gen.
O =		$(OBJ)/o
PROGS =		$(foreach p,relayd agentd accessctl,$(if \
		    $(wildcard $(p)/$(p).c),$(OBJ)/$(p)))
OTHER_SANDBOX =	$(filter-out %_$(SANDBOX).c,$(wildcard lib/sandbox_*.c))
LIB_SRCS =	$(filter-out $(OTHER_SANDBOX),$(wildcard lib/*.c imsg/*.c))
LIB_OBJS =	$(LIB_SRCS:%.c=$(O)/%.o)

prog_objs =	$(patsubst %.c,$(O)/%.o,$(wildcard $(1)/*.c)) \
		$(patsubst %.y,$(O)/gen/%.o,$(wildcard $(1)/parse.y))
relayd_OBJS =	$(call prog_objs,relayd) $(O)/gen/sql.o
agentd_OBJS =	$(call prog_objs,agentd)
accessctl_OBJS = $(call prog_objs,accessctl)

# Tests, fuzz targets and helper programs say in a comment what they link;
# regress/rules.sh turns that into rules.
TEST_SRCS =	$(wildcard regress/*/*_test.c)
FUZZ_SRCS =	$(wildcard regress/fuzz/*_fuzz.c)
HELPER_SRCS =	$(wildcard regress/e2e/*.c regress/bench/*.c)
REGRESS_SRCS =	$(TEST_SRCS) $(FUZZ_SRCS) $(HELPER_SRCS)
TESTS =		$(TEST_SRCS:%.c=$(OBJ)/%)
FUZZERS =	$(FUZZ_SRCS:%.c=$(OBJ)/%)
HELPERS =	$(HELPER_SRCS:%.c=$(OBJ)/%)

ifeq ($(filter clean distclean,$(MAKECMDGOALS)),)
include $(OBJ)/regress.mk
endif

all: $(PROGS) $(if $(filter %/accessctl,$(PROGS)),$(OBJ)/access-client)
helpers: all $(HELPERS)
tests: helpers $(TESTS)
fuzzers: $(FUZZERS)
objects: $(LIB_OBJS) $(relayd_OBJS) $(agentd_OBJS) $(accessctl_OBJS) \
    $(REGRESS_SRCS:%.c=$(O)/%.o)

# ---- Rules ----------------------------------------------------------------

$(O)/relayd/%.o $(O)/gen/relayd/%.o $(O)/regress/relayd/%.o: INC = -iquote relayd
$(O)/agentd/%.o $(O)/gen/agentd/%.o $(O)/regress/agentd/%.o: INC = -iquote agentd
$(O)/accessctl/%.o $(O)/regress/accessctl/%.o: INC = -iquote accessctl
$(relayd_OBJS) $(accessctl_OBJS) $(REGRESS_SRCS:%.c=$(O)/%.o): | $(OBJ)/gen/sql.h

$(O)/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(call run,cc,$<)$(COMPILE) -c -o $@ $<

$(O)/gen/%.o: $(OBJ)/gen/%.c config.mk
	@mkdir -p $(@D)
	$(call run,cc,$<)$(COMPILE) -c -o $@ $<

$(OBJ)/gen/%.c: %.y
	@mkdir -p $(@D)
	$(call run,yacc,$<)$(YACC) -o $@ $<

$(OBJ)/gen/sql.c: sql/embed.sh $(wildcard sql/*.sql)
	$(call run,sql,$@)sh sql/embed.sh $(@D)
$(OBJ)/gen/sql.h: $(OBJ)/gen/sql.c ;

$(OBJ)/libculvert.a: $(LIB_OBJS)
	@mkdir -p $(@D)
	$(call run,ar,$@)rm -f $@ && ar rcs $@ $^

$(OBJ)/relayd: $(relayd_OBJS) $(SEAM) $(OBJ)/libculvert.a
	$(call run,link,$@)$(LINK) -o $@ $^ $(relayd_LIBS)

$(OBJ)/agentd: $(agentd_OBJS) $(SEAM) $(OBJ)/libculvert.a
	$(call run,link,$@)$(LINK) -o $@ $^ $(agentd_LIBS)

$(OBJ)/accessctl: $(accessctl_OBJS) $(SEAM) $(OBJ)/libculvert.a
	$(call run,link,$@)$(LINK) -o $@ $^ $(accessctl_LIBS)

$(OBJ)/access-client: | $(OBJ)/accessctl
	ln -sf accessctl $@

$(OBJ)/regress.mk: regress/rules.sh $(REGRESS_SRCS) $(sort $(dir $(REGRESS_SRCS)))
	@mkdir -p $(@D)
	@sh regress/rules.sh $(REGRESS_SRCS) >$@

$(TESTS): TEST_LIBS += $(cmocka_LIBS)
$(TESTS) $(FUZZERS) $(HELPERS):
	@mkdir -p $(@D)
	$(call run,link,$@)$(LINK) $(TEST_FLAGS) -o $@ $(filter %.o,$^) \
	    $(filter %.a,$^) $(TEST_LIBS) $(libbsd_LIBS)

-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d)

# ---- Tests ----------------------------------------------------------------

# prove is given paths as they would lie below the object directory:
# "obj-asan/regress/e2e/ssh.t" is regress/e2e/ssh.t run with the programs of
# obj-asan (see regress/run.sh).  Unit tests are those of obj-test, scripts use
# the programs of obj, as installed; both again in obj-asan.  A script can say
# near its top "# tags: slow" (not in "make check"), "no-asan", or "long" (begun
# first: tests run TEST_JOBS at a time, as most of them wait for something).
# What nth.t tries takes too long: it is "make faults".
SCRIPTS =	$(filter-out regress/e2e/%,$(wildcard regress/*/*.t)) \
		$(filter-out %/nth.t,$(wildcard regress/e2e/*.t))
tagged =	$(shell grep -lw '^\# tags:.*$(1)' $(SCRIPTS) /dev/null)
unit =		$(TEST_SRCS:%.c=obj-$(1)/%)
scripts =	$(addprefix $(1)/,$(filter-out $(call tagged,$(2)),$(SCRIPTS)))
PROVE_ENV =	MAKE='$(MAKE_COMMAND)' FUZZ_SECONDS=$(FUZZ_SECONDS)
PROVE_CMD =	prove --timer --exec 'sh regress/run.sh'
PROVE_STATE =	obj/prove.state
PROVE =		$(PROVE_ENV) $(PROVE_CMD) -j$(TEST_JOBS)
PARALLEL =	$(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

test: FUZZ_SECONDS = 4
test:
	sh etc/deps.sh all
	$(MAKE) test-build
	$(MAKE) $(PARALLEL) VARIANT=asan tests
	$(MAKE) $(PARALLEL) VARIANT=fault all
	$(MAKE) $(PARALLEL) VARIANT=cov tests
	rm -f $(PROVE_STATE)
	$(PROVE) --statefile $(PROVE_STATE) --state=save \
	    obj/regress/lint.t obj/regress/fuzz.t obj/regress/again.t \
	    obj/regress/coverage.t \
	    $(addprefix obj/,$(call tagged,long)) \
	    $(call unit,test) $(call unit,asan) \
	    $(addprefix obj/,$(filter-out $(call tagged,long),$(SCRIPTS))) \
	    $(call scripts,obj-asan,no-asan) || \
	    $(PROVE_ENV) sh regress/again.sh $(PROVE_STATE) $(PROVE_CMD)

test-build:
	$(MAKE) $(PARALLEL) helpers
	$(MAKE) $(PARALLEL) VARIANT=test tests

check: test-build
	$(PROVE) $(call unit,test) $(call scripts,obj,slow)

asan:
	$(MAKE) $(PARALLEL) VARIANT=asan tests
	$(PROVE) $(call unit,asan) $(call scripts,obj-asan,no-asan)

fuzz:
	$(PROVE) --verbose obj/regress/fuzz.t

# Calls fail in every way that there is, which takes more than an hour; with
# FAULT_ALL= a sample, for FAULT_SECONDS.
faults: FAULT_ALL = 1
faults:
	$(MAKE) $(PARALLEL) helpers
	$(MAKE) $(PARALLEL) VARIANT=fault all
	CULVERT_OBJ=obj FAULT_ALL=$(FAULT_ALL) FAULT_SECONDS=$(FAULT_SECONDS) \
	    regress/e2e/nth.t

lint:
	$(PROVE) --verbose obj/regress/lint.t

bench: helpers
	CULVERT_OBJ=$(OBJ) sh regress/bench/bench.sh

# What comes out of these is kept in regress/RESULTS.md.  N, COUNT and so on:
# see the scripts.
bench-agents bench-streams bench-hostile bench-slowpath: helpers
	CULVERT_OBJ=$(OBJ) python3 regress/bench/$(@:bench-%=%).py

SOAK_SECONDS =	150
soak:
	$(MAKE) $(PARALLEL) VARIANT=soak soak-run

soak-run: helpers
	CULVERT_OBJ=$(OBJ) SOAK_SECONDS=$(SOAK_SECONDS) SOAK_GROWTH=64 \
	    python3 regress/e2e/soak.t

# How much of each parser the unit tests reach.
coverage:
	$(MAKE) $(PARALLEL) VARIANT=cov tests
	sh regress/coverage.sh obj-cov

tidy:
	sh etc/deps.sh tidy
	sh regress/tidy.sh

demo:
	sh etc/deps.sh build run
	$(MAKE) $(PARALLEL) all
	CULVERT_OBJ=$(OBJ) ONCE=$(ONCE) sh etc/demo.sh

# ---- Packages -------------------------------------------------------------

# One file that runs on any Linux of its architecture, a build for each.
STATIC_ARCHES =	amd64 arm64 armhf mipsel

static-agent:
	sh etc/deps.sh cross
	MAKE='$(MAKE_COMMAND)' sh etc/static/build.sh $(STATIC_ARCHES)

# Debian's, built by Debian's tools: obj-deb/culvert-{relay,agent,client}_*.deb
deb:
	sh etc/deps.sh deb
	sh etc/debian/build.sh $(VERSION)

# ---- Installation ---------------------------------------------------------

SBIN =		$(DESTDIR)$(PREFIX)/sbin
BIN =		$(DESTDIR)$(PREFIX)/bin
MAN =		$(DESTDIR)$(MANDIR)
SHARE =		$(DESTDIR)$(PREFIX)/share
EXAMPLES =	$(SHARE)/culvert/examples
MANUALS =	$(wildcard man/*.[1578])
EXAMPLE_SRCS =	$(wildcard etc/examples/*)
COMPLETIONS =	bash-completion/completions/accessctl \
		zsh/site-functions/_accessctl \
		fish/vendor_completions.d/accessctl.fish
# What the init system wants: etc/FILE.in goes to PREFIX/lib/FILE.
SERVICES_Linux = systemd/system/culvert-relayd.service \
		systemd/system/culvert-agentd.service \
		systemd/user/culvert-agentd.service \
		sysusers.d/culvert-relay.conf sysusers.d/culvert-agent.conf \
		tmpfiles.d/culvert-relay.conf tmpfiles.d/culvert-agent.conf
SERVICES =	$(SERVICES_$(OS))
RC_SRCS_OpenBSD = $(wildcard etc/rc.d/openbsd/*.in)
RC_SRCS_FreeBSD = $(wildcard etc/rc.d/freebsd/*.in)
RC_SRCS =	$(RC_SRCS_$(OS))
RC =		$(DESTDIR)$(if $(filter FreeBSD,$(OS)),$(PREFIX))/etc/rc.d
fill =		sed -e 's|@SBINDIR@|$(PREFIX)/sbin|g' \
		    -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
		    -e 's|@STATEDIR@|$(STATEDIR)|g' -e 's|@RUNDIR@|$(RUNDIR)|g'
USERS =		_culvert _culvertkey _culvertdb _culvertrt _culvertag _culvertpx

install: all
	install -d $(SBIN) $(BIN) $(EXAMPLES)
	$(foreach p,$(filter %/relayd %/agentd,$(PROGS)),\
	    install -m 755 $(p) $(SBIN)/ &&) :
	$(if $(filter %/accessctl,$(PROGS)),\
	    install -m 755 $(OBJ)/accessctl $(BIN)/ && \
	    ln -sf accessctl $(BIN)/access-client)
	$(call run,install,manuals)\
	$(foreach m,$(MANUALS),install -d $(MAN)/man$(subst .,,$(suffix $(m))) && \
	    install -m 644 $(m) $(MAN)/man$(subst .,,$(suffix $(m)))/ &&) :
	$(call run,install,completion)\
	$(foreach c,$(COMPLETIONS),install -d $(SHARE)/$(dir $(c)) &&) :
	@$(OBJ)/accessctl completion bash >$(SHARE)/$(word 1,$(COMPLETIONS))
	@$(OBJ)/accessctl completion zsh >$(SHARE)/$(word 2,$(COMPLETIONS))
	@$(OBJ)/accessctl completion fish >$(SHARE)/$(word 3,$(COMPLETIONS))
	$(if $(SERVICES),$(call run,install,services)\
	    $(foreach s,$(SERVICES),\
	    install -d $(DESTDIR)$(PREFIX)/lib/$(dir $(s)) && \
	    $(fill) etc/$(s).in >$(OBJ)/filled && \
	    install -m 644 $(OBJ)/filled $(DESTDIR)$(PREFIX)/lib/$(s) &&) :)
	$(if $(RC_SRCS),$(call run,install,services)\
	    $(foreach r,$(RC_SRCS),install -d $(RC) && \
	    $(fill) $(r) >$(OBJ)/filled && install -m 755 $(OBJ)/filled \
	    $(RC)/$(notdir $(basename $(r))) &&) :)
	$(call run,install,examples)\
	$(foreach e,$(EXAMPLE_SRCS),install -m 644 $(e) $(EXAMPLES)/ &&) :
	$(call run,install,fail2ban)\
	$(foreach d,filter.d jail.d,install -d $(SHARE)/culvert/fail2ban/$(d) && \
	    install -m 644 etc/fail2ban/$(d)/*.conf \
	    $(SHARE)/culvert/fail2ban/$(d)/ &&) :
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" -eq 0 ]; then \
	    $(MAKE) --no-print-directory users; fi

# What a package's scripts would do: users, folders, first configuration.
users:
	@for user in $(USERS); do \
	    id "$$user" >/dev/null 2>&1 && continue; \
	    echo "adding user $$user"; \
	    sh etc/adduser.sh "$$user" || exit 1; \
	done
	install -d -m 755 $(SYSCONFDIR) $(RUNDIR)
	install -d -m 700 -o _culvertdb -g _culvertdb $(STATEDIR)
	install -d -m 755 /var/log/culvert
	@for conf in relayd.conf agentd.conf; do \
	    if [ -f etc/examples/$$conf ] && [ ! -e $(SYSCONFDIR)/$$conf ]; then \
		echo "first configuration: $(SYSCONFDIR)/$$conf"; \
		install -m 600 etc/examples/$$conf $(SYSCONFDIR)/ || exit 1; \
	    fi; \
	done

uninstall:
	rm -f $(SBIN)/relayd $(SBIN)/agentd $(BIN)/accessctl $(BIN)/access-client
	rm -f $(foreach m,$(MANUALS),\
	    $(MAN)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
	rm -f $(COMPLETIONS:%=$(SHARE)/%) \
	    $(SERVICES:%=$(DESTDIR)$(PREFIX)/lib/%) \
	    $(foreach r,$(RC_SRCS),$(RC)/$(notdir $(basename $(r))))
	rm -rf $(SHARE)/culvert
	@echo 'kept: $(SYSCONFDIR), $(STATEDIR) and the users $(USERS)'

clean:
	rm -rf obj obj-test obj-asan obj-fuzz obj-lint-gcc obj-lint-clang
	rm -rf obj-static obj-deb obj-soak obj-cov obj-fault
	rm -rf regress/e2e/__pycache__ regress/bench/__pycache__

distclean: clean
	rm -f config.mk
