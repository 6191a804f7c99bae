#!/usr/bin/env python3
"""In the background, as relayd and agentd go there by themselves: started when
the command returns, with what is wrong said before, paths of the command line
that stay what they were, and an end in order."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *


class Daemon:
    """One that has gone to the background; the pid of its parent is in what
    that has said until then."""

    def __init__(self, name, argv, cwd=None, env=None):
        self.pid = 0
        out = path(name + ".out")
        with open(out, "w") as f:
            self.status = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, cwd=cwd,
                env=env, timeout=120).returncode
        with open(out) as f:
            self.said = f.read()
        m = re.search(r": parent\[(\d+)\]: ", self.said)
        if self.status == 0 and m:
            self.pid = int(m[1])
            atexit.register(self.kill)

    def kill(self, sig=signal.SIGKILL):
        if self.pid and alive(self.pid):
            os.kill(self.pid, sig)

    def ends(self):
        pids = [self.pid] + kids(self.pid)
        self.kill(signal.SIGTERM)
        return bool(wait_for(lambda: not any(alive(p) for p in pids), 30))


relay = Relay(prefork=2, start=False)
argv = [OBJ + "/relayd", "-vv", "-f", os.path.relpath(relay.conf, work())]
d = Daemon("relayd", argv, cwd=work())
eq(d.status, 0, "relayd goes to the background")
ok(relay.serving() and can_connect(relay.port), "and serves by then")
ok("serves on" in d.said, "what it says until then is on the terminal",
   d.said)
ok(d.pid and os.getsid(d.pid) != os.getsid(0) and
   os.readlink("/proc/%d/cwd" % d.pid) == "/" and
   os.readlink("/proc/%d/fd/0" % d.pid) == "/dev/null",
   "in a session and a folder of its own, with no input")
second = Daemon("second", argv, cwd=work())
ok(second.status == 1 and re.search("in use|another relayd", second.said),
   "a second one says that there is one, and fails", second.said)
ok(relay.serving(), "which harms nobody")
eq(relay.ctl("reload").returncode, 0,
   "the configuration is found again, from another folder")
with open(relay.conf, "a") as f:
    f.write("rubbish\n")
r = Daemon("third", argv, cwd=work())
ok(r.status == 1 and "relayd.conf:" in r.said, "errors are on the terminal",
   r.said)
relay.write_conf()

# ---- agentd, with paths as one types them ----
relay.user_add()
write("token", relay.token("node") + "\n", 0o600)
make_ca()
sock = path("here.sock")
env = {k: v for k, v in os.environ.items() if k != "CULVERT_AGENTD_SOCKET"}
argv = [OBJ + "/agentd", "-vv", "-f", write("empty.conf", ""), "--relay",
        relay.url, "--name", "pi", "--token-file", "token", "--ca",
        "tls/ca.pem", "--control", "here.sock"]
a = Daemon("agentd", argv, cwd=work(), env=env)
eq(a.status, 0, "agentd goes to the background")


def status():
    r = run([OBJ + "/agentd", "status", "-s", sock, "--json"])
    try:
        return json.loads(r.stdout)["agent"]
    except ValueError:
        return {}


def up(times):
    s = status()
    return s.get("connected") and s.get("times_up") == times


ok(wait_for(lambda: up(1), 60), "and gets its link", status())
a.kill(signal.SIGHUP)
ok(wait_for(lambda: up(2), 60),
   "a reload finds the files again, from another folder", status())
second = Daemon("agent2", argv, cwd=work(), env=env)
ok(second.status == 1 and "another agentd" in second.said,
   "a second one says that there is one, and fails", second.said)
ok(a.ends(), "SIGTERM ends all of its processes")
ok(not os.path.exists(sock), "and the socket goes with them")
ok(d.ends(), "SIGTERM ends relayd")
ok(not os.path.exists(relay.socket) and not can_connect(relay.port),
   "with its socket and its port")

# ---- two of them, one store ----
relay.start()
ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0, 30), "a relay")
other = Relay("other", tls=False, prefork=1, start=False)
other.conf = write("other.conf", open(other.conf).read().replace(
    other.dir + "/state", relay.dir + "/state"))
other.start()
r = other.ctl("user", "list")
ok(r.returncode == 1 and "another relayd uses it" in r.stderr and
   other.proc.lines("log-ins are refused: .*another relayd uses it"),
   "another one on the same store says so, and refuses log-ins", r.stderr)
relay.stop()
ok(wait_for(lambda: other.ctl("user", "list").returncode == 0, 30),
   "until that has ended")
other.stop()

# ---- with nothing open ----
def closed(argv):
    """What sh runs so that no descriptor is open."""
    return ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *argv]


def nulls(pid):
    return [os.readlink("/proc/%d/fd/%d" % (pid, fd)) for fd in range(3)]


shutil.copy(OBJ + "/relayd", path("relayd"))
os.chmod(path("relayd"), 0o755)
relay.proc = Proc("closed", closed([path("relayd"), "-d", "-f", relay.conf]))
ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0 and
            can_connect(relay.port), 60),
   "relayd serves without standard input, output and error")
eq(nulls(relay.proc.pid), ["/dev/null"] * 3,
   "no socket of its own has their place")
r = relay.ctl("upgrade", timeout=120)
eq((r.returncode, r.stderr), (0, ""), "and can be upgraded")
ok(wait_for(relay.serving, 30) and can_connect(relay.port), "it still serves")
a.proc = Proc("agent3", closed([OBJ + "/agentd", "-d", *argv[2:]]),
              cwd=work(), env=env)
ok(wait_for(lambda: up(1), 60) and nulls(a.proc.pid) == ["/dev/null"] * 3,
   "nor has agentd's", status())
r = run(closed([OBJ + "/agentd", "status", "-s", sock]))
eq(r.returncode, 1, "what can't print fails: agentd status")
copy = path("copy.db")
r = run(closed([OBJ + "/accessctl", "backup", "-s", relay.socket, copy]))
eq(r.returncode, 1, "accessctl backup")
with open(copy, "rb") as f:
    ok(b"checked" not in f.read()[-100:], "what it prints is not in the copy")
eq(run([OBJ + "/accessctl", "check", copy]).returncode, 0,
   "which is a good one")
r = run(["sh", "-c", '"$0" token list -s "$1" >&-', OBJ + "/accessctl",
         relay.socket])
ok(r.returncode == 1 and "standard output" in r.stderr,
   "accessctl token list, with only its output closed", r.stderr)


def unread(argv):
    """As head(1) does it, but it has gone before the first byte."""
    r, w = os.pipe()
    os.close(r)
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=w,
                       stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(w)
    return p


for name, args in (("accessctl", "completion bash"), ("accessctl", "-V"),
                   ("accessctl", "show memory -s " + relay.socket),
                   ("accessctl", "show memory --json -s " + relay.socket),
                   ("agentd", "status -s " + sock), ("agentd", "-V"),
                   ("relayd", "-V")):
    r = run(["sh", "-c", '"$0" %s >/dev/full' % args, OBJ + "/" + name])
    ok(r.returncode == 1 and r.stderr.count("\n") == 1 and
       "standard output: No space left on device\n" in r.stderr,
       "onto a full disk: %s %s" % (name, args.split(" -s")[0]), r.stderr)
    r = unread([OBJ + "/" + name] + args.split())
    ok(r.returncode == -signal.SIGPIPE and r.stderr == "",
       "whose reader leaves early: %s %s" % (name, args.split(" -s")[0]),
       (r.returncode, r.stderr))
a.proc.stop()
relay.stop()

# ---- what getopt(3) says ----
for argv, name in (([OBJ + "/agentd", "login", "--what"], "agentd"),
                   ([OBJ + "/agentd", "status", "--what"], "agentd"),
                   ([OBJ + "/agentd", "pair", "--what"], "agentd"),
                   ([OBJ + "/accessctl", "user", "add", "--what"],
                    "accessctl")):
    r = run(argv)
    ok(r.returncode == 2 and "usage: " + name in r.stderr and
       r.stderr.split(":")[0].endswith(name), "%s: a wrong option" %
       " ".join(argv[1:-1] if name == "agentd" else ["accessctl"]), r.stderr)
done()
