#!/usr/bin/env python3
# tags: no-asan
"""A full disk, a damaged database: refused clearly, and survived."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=1)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
eq(Connect(env, "pi", target.port).end(b"x")[:2], (0, b"x"), "it works")
db = relay.dir + "/state/culvert.db"

# ---- damaged ----
agent.stop()
relay.stop()
with open(db, "rb") as f:
    whole = f.read()
for name, data in (("overwritten", os.urandom(len(whole))),
                   ("cut short", whole[:len(whole) // 2]),
                   ("with a bad page", whole[:4096] + os.urandom(4096) +
                    whole[8192:])):
    for x in ("-wal", "-shm"):
        if os.path.exists(db + x):
            os.unlink(db + x)
    with open(db, "r+b") as f:
        f.truncate(0)
        f.write(data)
    relay.start()
    r = relay.ctl("user", "list")
    ok(r.returncode != 0 and "damaged" in r.stderr + r.stdout,
       "a database %s: said so" % name, r.stderr + r.stdout)
    st, out, err = Connect(env, "pi", target.port).end()
    ok(st in (5, 8) and "accepted" not in err,
       "log-ins are refused, not accepted", "%d %s" % (st, err))
    ok(relay.proc.alive() and len(relay.children()) == 4,
       "and every process lives", relay.proc.text()[-600:])
    relay.stop()
with open(db, "r+b") as f:
    f.truncate(0)
    f.write(whole)
for x in ("-wal", "-shm"):
    if os.path.exists(db + x):
        os.unlink(db + x)
relay.start()
agent.start()
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[:2] ==
            (0, b"x"), 20), "with the good copy it works again")
agent.stop()
relay.stop()

# ---- files that may not grow ----
limited = Relay("limited", prefork=1, start=False)
limited.proc = Proc("limited", ["prlimit", "--fsize=300000:", OBJ + "/relayd",
                                "-d", "-f", limited.conf])
ok(limited.proc.wait_line("serves on"), "relayd with a limit of file sizes",
   limited.proc.text())
auth = limited.children().get("auth")
for i in range(400):
    r = limited.ctl("user", "add", "u%d@example.org" % i, "--no-password")
    if r.returncode != 0:
        break
ok(r.returncode == 1 and re.search("full|written", r.stderr),
   "at the limit the command says that nothing can be written", r.stderr)
ok(limited.ctl("user", "list").returncode == 0 and
   limited.children().get("auth") == auth, "and auth lives",
   limited.proc.text()[-600:])
limited.stop()

# ---- whose the folder is ----
if ROOT:
    other = Relay("other", prefork=1, start=False)
    shutil.chown(other.dir + "/state", 0)
    for how in ("-n", "-d"):
        r = run([OBJ + "/relayd", how, "-f", other.conf], timeout=20)
        ok(r.returncode == 1 and "chown _culvertdb it" in r.stderr,
           "a state folder that is not auth's: relayd %s says so" % how,
           r.stderr)

# ---- full ----
if not ROOT or subprocess.run(["unshare", "-m", "true"]).returncode != 0:
    skip("a full disk", "takes root and a mount namespace")
    done()
make_users()
small = path("small.d")
os.makedirs(small + "/state")
os.chmod(small, 0o755)
conf = write("small.d/relayd.conf", "state \"%s/state\"\ncontrol "
             "\"%s/relayd.sock\"\nprefork 1\nlisten on 127.0.0.1 port %d\n" %
             (small, small, free_port()))
uid = pwd.getpwnam("_culvertdb").pw_uid
p = Proc("small", ["unshare", "-m", "sh", "-c",
                   "mount -t tmpfs -o size=320k,mode=700,uid=%d tmpfs "
                   "%s/state && exec %s/relayd -d -f %s" % (
                       uid, small, OBJ, conf)])
ok(p.wait_line("serves on"), "relayd on a disk of 320 KiB", p.text())
senv = dict(os.environ, CULVERT_SOCKET=small + "/relayd.sock")


def ctl(*a):
    return run([OBJ + "/accessctl", *a], env=senv)


eq(ctl("user", "add", "a@example.org", "--no-password").returncode, 0,
   "there is room at first")
full = None
for i in range(400):
    r = ctl("token", "create", "--user", "a@example.org", "--scope",
            "connect", "--name", "filler" * 8)
    if r.returncode != 0:
        full = r
        break
ok(full is not None and re.search("full|space", full.stderr),
   "then the command says that the disk is full",
   full and full.stderr)
ok(ctl("user", "list").returncode == 0, "reading still works")
ok(len(p.lines("full|space")) <= 3, "the log says so, but not each time",
   p.text()[-800:])
fill = wait_for(lambda: p.children().get("auth"), 5)
run(["nsenter", "-t", str(p.pid), "-m", "mount", "-o", "remount,size=4m",
     small + "/state"])
ok(wait_for(lambda: ctl("token", "create", "--user", "a@example.org",
                        "--scope", "connect").returncode == 0, 20),
   "with room again it works, by itself")
eq(p.children().get("auth"), fill, "and auth did not have to die for it")
p.stop()
done()
