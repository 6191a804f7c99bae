#!/usr/bin/env python3
# tags: slow no-asan
"""What init systems are given: units that systemd accepts and finds little
exposed, users and folders, rc scripts, log rotation, and READY=1."""

import os
import pwd
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from culvert import *  # noqa: E402,F403

MAKE = os.environ.get("MAKE", "make")
EXPOSURE = {"relayd": 2.6, "agentd": 2.5}

root = path("root")
installed = run([MAKE, "-C", TOP, "install", "DESTDIR=" + root])
if not ok(installed.returncode == 0, "make install",
          installed.stdout + installed.stderr):
    done()
prefix = root + "/usr/local"
lib = prefix + "/lib"
named = open(TOP + "/man/relayd.conf.5").read()
ok("/usr/local/share/culvert/examples/" in named and os.path.isfile(
    prefix + "/share/culvert/examples/relayd.conf"),
   "the examples are where relayd.conf(5) says")

for daemon in ("relayd", "agentd"):
    unit = "%s/systemd/system/culvert-%s.service" % (lib, daemon)
    # As if it were installed here: paths that exist, no manual to look up.
    text = open(unit).read()
    here = write("culvert-%s.service" % daemon, re.sub(
        "^Documentation=.*\n", "", text.replace("/usr/local/sbin", prefix +
                                                 "/sbin"), flags=re.M))
    r = run(["systemd-analyze", "verify", here])
    ok(r.returncode == 0 and not r.stderr.strip(),
       "%s: systemd-analyze verify" % daemon, r.stderr)
    r = run(["systemd-analyze", "security", "--offline=true", "--no-pager",
             here])
    m = re.search(r"exposure level for \S+: ([\d.]+)", r.stdout)
    ok(m and float(m.group(1)) <= EXPOSURE[daemon],
       "%s: exposure at most %s" % (daemon, EXPOSURE[daemon]), r.stdout[-300:])
    reasons = "".join(line for line in text.splitlines(True)
                      if line.startswith("#"))
    for line in r.stdout.splitlines():
        if not line.startswith("✗"):
            continue
        name = line.split()[1].rstrip("=").replace("/RootImage", "")
        name = re.sub(r"^.*=~", "", name).split("/")[0]
        ok(name.rstrip("=") in reasons,
           "%s: why %s is open is said in the unit" % (daemon, name), line)
r = run(["systemd-analyze", "verify", "--user", write(
    "culvert-agentd.service", re.sub("^Documentation=.*\n", "", open(
        lib + "/systemd/user/culvert-agentd.service").read().replace(
            "/usr/local/sbin", prefix + "/sbin"), flags=re.M))],
    env=dict(os.environ, XDG_RUNTIME_DIR=work()))
ok(r.returncode == 0 and not r.stderr.strip(),
   "the unit of an ordinary user: systemd-analyze verify", r.stderr)

# A unit does not start where a folder is missing that it is given.
for daemon in ("relayd", "agentd"):
    text = open("%s/systemd/system/culvert-%s.service" % (lib, daemon)).read()
    made = run([MAKE, "-C", TOP, "-n", "users"]).stdout
    for folder in re.findall(r"^ReadWritePaths=(.*)$", text, re.M)[0].split():
        ok(re.search(r"install -d .*%s( |$)" % re.escape(folder), made, re.M),
           "%s: make install makes %s" % (daemon, folder), made)

if ROOT:
    os.makedirs(root + "/etc")
    r = run(["systemd-sysusers", "--root", root] + [
        "%s/sysusers.d/culvert-%s.conf" % (lib, p)
        for p in ("relay", "agent")])
    users = open(root + "/etc/passwd").read() if r.returncode == 0 else ""
    ok(all("\n%s:x:" % u in "\n" + users for u in USERS),
       "systemd-sysusers adds every user", r.stderr + users)
    r = run(["systemd-tmpfiles", "--root", root, "--create"] + [
        "%s/tmpfiles.d/culvert-%s.conf" % (lib, p)
        for p in ("relay", "agent")])
    uid = dict(line.split(":")[0:3:2] for line in users.splitlines())
    state = os.stat(root + "/var/lib/culvert")
    ok(r.returncode == 0 and os.path.isdir(root + "/run/culvert") and
       state.st_mode & 0o7777 == 0o700 and
       str(state.st_uid) == uid.get("_culvertdb"),
       "systemd-tmpfiles makes the folders", r.stderr)

for system, shell in (("OpenBSD", "ksh"), ("FreeBSD", "sh")):
    dest = path("root-" + system)
    r = run([MAKE, "-C", TOP, "install", "OS=" + system, "DESTDIR=" + dest])
    folder = dest + ("/usr/local" if system == "FreeBSD" else "") + \
        "/etc/rc.d"
    for daemon in ("relayd", "agentd"):
        script = folder + "/culvert_" + daemon
        c = run(["shellcheck", "-s", shell, "-e", "SC1091,SC2034,SC2154,"
                 "SC2317,SC2086", script])
        ok(c.returncode == 0 and os.access(script, os.X_OK),
           "%s: rc script of %s" % (system, daemon), c.stdout)
    r = run([MAKE, "-C", TOP, "uninstall", "OS=" + system, "DESTDIR=" + dest])
    left = [f for _, _, files in os.walk(dest) for f in files]
    ok(r.returncode == 0 and left == [],
       "%s: make uninstall leaves no file" % system, left)

rotate = write("logrotate", open(TOP + "/etc/logrotate/culvert").read(),
               0o644)
r = run(["logrotate", "-d", "-s", path("logrotate.state"), rotate])
ok(r.returncode == 0 and "error" not in r.stderr.lower(),
   "logrotate understands its file", r.stderr)

# ---- the calls that a unit allows are those that are made ----

def group(name):
    calls = set()
    for line in run(["systemd-analyze", "syscall-filter",
                     name]).stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            calls |= group(word) if word.startswith("@") else {word}
    return calls


def allowed(daemon, whose="system"):
    calls = set()
    for line in open("%s/systemd/%s/culvert-%s.service" % (lib, whose,
                                                           daemon)):
        m = re.match(r"SystemCallFilter=(~?)(.*)", line)
        for word in m.group(2).split() if m else []:
            some = group(word) if word.startswith("@") else {word}
            calls = calls - some if m.group(1) else calls | some
    return calls


def traced(daemon):
    calls = re.findall(r"^\d+ +(\w+)\(", open(path(daemon + ".calls")).read(),
                       re.M)
    return set(calls)


relay = Relay(name="traced", start=False)
relay.proc = Proc("traced", strace("relayd") + ["-d", "-f", relay.conf])
ok(relay.proc.wait_line("serves on", 60), "relayd under strace")
relay.user_add()
agent = Agent(relay, name="traced", program=strace("agentd"))
target = Target(echo)
c = Connect(login(relay), "traced", "localhost", target.port)
eq(c.end(b"x" * 1000)[:2], (0, b"x" * 1000), "and a stream through both")
relay.ctl("reload")
agent.stop()
for daemon in ("relayd", "agentd"):
    missing = traced(daemon) - allowed(daemon)
    ok(traced(daemon) and not missing,
       "%s: its unit allows every system call it makes" % daemon,
       sorted(missing))
me = ordinary_user() if ROOT else None
calls = write("agentd-user.calls", "")
if me:
    shutil.chown(calls, me)
agent = Agent(relay, name="traced", user=me,
              program=strace("agentd", "agentd-user"))
agent.stop()
relay.stop()
missing = traced("agentd-user") - allowed("agentd", "user")
ok(traced("agentd-user") and not missing,
   "agentd: so does that of an ordinary user", sorted(missing))

# ---- the service manager hears of it ----

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path("notify"))
os.chmod(path("notify"), 0o777)
manager.settimeout(30)


def hears():
    try:
        return manager.recv(4096).decode()
    except TimeoutError:
        return "nothing"


os.environ["NOTIFY_SOCKET"] = path("notify")
relay = Relay(prefork=2)
eq(hears(), "READY=1", "relayd: says when it serves")
ok(relay.ctl("stats").returncode == 0, "and does then")
relay.user_add()
agent = Agent(relay)
eq(hears(), "READY=1", "agentd: says when it serves")
agent.stop()
eq(hears(), "STOPPING=1", "agentd: and when it ends")
relay.stop()
eq(hears(), "STOPPING=1", "relayd: and when it ends")
done()
