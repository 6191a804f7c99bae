#!/usr/bin/env python3
# tags: slow no-asan
"""The system calls that each process makes once it is in its sandbox are
those of regress/syscalls/DAEMON-PROCESS.list: a new one is a line to be
reviewed.  SYSCALLS_WRITE=1 adds what was missed; any.list holds what the C
library does for memory, locks, signals and time, whenever it likes to."""
import os
import re
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

LISTS = "regress/syscalls/"
SIGNS = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")


def listed(name):
    try:
        with open(LISTS + name + ".list") as f:
            return {x.split()[0] for x in f if x.strip() and x[0] != "#"}
    except FileNotFoundError:
        return set()


def made(daemon):
    """{process: {call}} of a trace.  A process has the name in its arguments,
    and until it has any, and if it is a thread, that of who made it."""
    name, maker, inside, calls = {}, {}, set(), {}
    with open(path(daemon + ".calls")) as f:
        lines = [m for m in map(SIGNS.match, f) if m]
    for m in lines:
        born = re.search(r" = (\d+)$", m[4])
        if m[2] in ("clone", "clone3", "fork", "vfork") and born:
            maker[born[1]] = (m[1], "CLONE_THREAD" in m[4])
    for m in lines:
        pid, call = m[1], m[2]
        if call == "execve" and m[3] == "(":
            x = re.search(r'"-x", "(\w+)"', m[4])
            name[pid] = x[1] if x else "parent"
        thread = pid in maker and maker[pid][1]
        who = maker[pid][0] if thread else pid
        if pid in name or thread:
            if m[3] == "(" and who in inside:
                calls.setdefault(name.get(who), set()).add(call)
        if call == "seccomp" and "{len=" in m[4]:
            inside.add(pid)
    return calls


if run(["strace", "-V"]).returncode != 0:
    skip_all("no strace")
if not ROOT:
    skip_all("without root there is no chroot and no change of user")
relay = Relay(name="traced", start=False, prefork=2)
relay.proc = Proc("traced", strace("relayd") + ["-d", "-f", relay.conf])
ok(relay.proc.wait_line("serves on", 60), "relayd under strace")
relay.user_add()
# The relay as a backend of its own device, by TLS.
agent = Agent(relay, program=strace("agentd"), extra="http backend \"https://"
              "127.0.0.1:%d\" no verify host rewrite \"localhost\" health "
              "\"/health\" every 1s" % relay.port)
env = login(relay)
target = Target(echo)
eq(Connect(env, "pi", "localhost", target.port).end(b"x" * 100000)[:2],
   (0, b"x" * 100000), "a stream through both")
ok(Connect(env, "pi", "localhost", free_port()).end()[0] != 0,
   "one that is refused")
eq(http_get(relay.port, "/health")[0], 200, "a request")
ok(http_get(relay.port, "/api/nodes", token="culv_x")[0] in (401, 404),
   "and one with a wrong token")
relay.ctl("node", "set", "pi", "http=public")
context = client_context()
context.check_hostname = False          # Python takes no *.localhost


def visit():
    with socket.create_connection(("127.0.0.1", relay.port), 30) as s, \
            context.wrap_socket(s, server_hostname="pi.localhost") as s:
        s.sendall(b"GET /health HTTP/1.1\r\nHost: pi.localhost\r\n"
                  b"Connection: close\r\n\r\n")
        return s.recv(15)


eq(visit(), b"HTTP/1.1 200 OK", "a visit to a backend that speaks TLS")
ok(wait_for(lambda: " up " in agent.status().stdout, 60), "which is up")
t = relay.token("connect")
eq(relay.ctl("token", "revoke", t.split("_")[1]).returncode, 0,
   "a token made and revoked")
for what in (["stats"], ["node", "list"], ["token", "list"], ["user", "list"]):
    ok(relay.ctl(*what).returncode == 0, " ".join(what))
eq(agent.status().returncode, 0, "agentd status")
eq(relay.ctl("reload").returncode, 0, "a reload")
ok(wait_for(lambda: Connect(env, "pi", "localhost", target.port).end(
    b"x")[:2] == (0, b"x"), 30), "streams after it")
pid = kids(relay.proc.pid)[0]
old = [p for p in kids(pid) if " keys" in cmdline(p)]
os.kill(old[0], signal.SIGKILL)
ok(wait_for(lambda: [p for p in kids(pid) if " keys" in cmdline(p)] not in
            ([], old), 30), "a process that is started again")
ok(wait_for(lambda: Connect(env, "pi", "localhost", target.port).end(
    b"x")[:2] == (0, b"x"), 30), "and streams after that")
for p in agent.proc, relay.proc:
    os.kill(kids(p.pid)[0], signal.SIGTERM)
    ok(wait_for(lambda: not p.alive(), 30), "%s ends" % p.name)

anything = listed("any")
for daemon, processes in (("relayd", ("parent", "keys", "listener", "auth",
                                      "router")),
                          ("agentd", ("parent", "tunnel", "proxy"))):
    calls = made(daemon)
    eq(sorted(x for x in calls if x), sorted(processes),
       daemon + ": every process was seen in its sandbox")
    for process in processes:
        file = "%s-%s" % (daemon, process)
        new = calls.get(process, set()) - listed(file) - anything
        if new and os.environ.get("SYSCALLS_WRITE"):
            with open(LISTS + file + ".list", "a") as f:
                f.write("".join(x + "\n" for x in sorted(new)))
        ok(not new, "%s: no call that is not in its list" % file,
           "new: %s" % " ".join(sorted(new)))
done()
