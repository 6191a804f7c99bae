#!/usr/bin/env python3
# tags: slow long
"""Copies of the store: under load, interrupted, without room; looked at, and
put back."""
import os
import sqlite3
import sys
import threading
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=1)
relay.user_add()
agent = Agent(relay)
env = login(relay)
target = Target(echo)
state = relay.dir + "/state"


def sql(name, text, args=()):
    db = sqlite3.connect(name, timeout=20)
    try:
        with db:
            return db.execute(text, args).fetchall()
    finally:
        db.close()


def grow(rows):
    """Rows of 4 KB in the audit log."""
    db = sqlite3.connect(state + "/culvert.db", timeout=20)
    with db:
        db.executemany(
            "INSERT INTO audit (at, what, email, token_id, node, addr, "
            "target, ms, bytes_in, bytes_out, text) VALUES (?, 'stream', '', "
            "'', '', '', '', 0, 0, 0, ?)",
            ((int(time.time()), "x" * 4000) for _ in range(rows)))
    db.close()
    if ROOT:
        for f in os.listdir(state):
            shutil.chown(state + "/" + f, "_culvertdb", "_culvertdb")


def sound(name):
    return [sql(name, "PRAGMA integrity_check"), sql(
        name, "PRAGMA foreign_key_check")] == [[("ok",)], []]


b = path("b.db")
r = relay.ctl("backup", b)
eq((r.returncode, r.stderr), (0, ""), "accessctl backup")
ok(re.match(re.escape(b) + r": \d+ bytes, checked\n$", r.stdout), "says what",
   r.stdout)
ok(sound(b), "the copy is sound")
eq(sql(b, "SELECT email FROM users"), [("you@example.org",)],
   "and has what there is")
eq(os.stat(b).st_mode & 0o7777, 0o600, "for nobody else to read")
ok(not [f for f in os.listdir(path("")) if f.startswith("b.db.")] and
   not [f for f in os.listdir(state) if "copy" in f], "nothing else is left")
m = os.stat(b).st_mtime_ns
r = relay.ctl("backup", b)
ok(r.returncode == 1 and "--force" in r.stderr and
   os.stat(b).st_mtime_ns == m, "an older file stays", r.stderr)
r = relay.ctl("backup", "--force", b)
ok(r.returncode == 0 and os.stat(b).st_mtime_ns != m, "--force replaces it",
   r.stderr)
os.symlink("/etc/passwd", path("link"))
eq(relay.ctl("backup", path("link")).returncode, 1, "a link is not followed")
eq(relay.ctl("backup", "--force", path("link")).returncode, 0,
   "nor with --force")
ok(not os.path.islink(path("link")) and b"SQLite" not in
   open("/etc/passwd", "rb").read(20), "it is replaced itself")
r = relay.ctl("backup", "--force", state + "/culvert.db")
ok(r.returncode == 1 and "uses this database" in r.stderr,
   "it does not take the place of the one in use", r.stderr + r.stdout)
eq(relay.ctl("backup", path("nowhere/b.db")).returncode, 1, "no such folder")
eq(relay.ctl("backup").returncode, 2, "no file: usage")
eq(relay.ctl("check").stdout, "ok\n", "accessctl check: ok")
eq(relay.ctl("check", b).stdout, "ok\n", "of a copy: ok")
shutil.copy(b, path("bare.db"))
sql(path("bare.db"), "DELETE FROM meta")
r = relay.ctl("check", path("bare.db"))
ok(r.returncode == 1 and "it has no version" in r.stdout,
   "of one without a version", r.stdout + r.stderr)
eq(relay.ctl("check", "-s", relay.socket).stdout, "ok\n",
   "with a socket, and without a copy")
eq(relay.ctl("log", "--socket", relay.socket).stdout, "brief\n",
   "accessctl log takes one, too")

# ---- while it is written, and log-ins go on ----
grow(8000)
stop = threading.Event()
made, bad = [], []


def writer(k):
    i = 0
    while not stop.is_set():
        e = "u%d-%d@example.org" % (k, i)
        if relay.ctl("user", "add", e, "--no-password").returncode == 0:
            made.append(e)
        else:
            bad.append(e)
        i += 1


def streams():
    while not stop.is_set():
        st, out, err = Connect(env, "pi", target.port).end(b"x")
        if (st, out) != (0, b"x"):
            bad.append(err)


ts = [threading.Thread(target=writer, args=(k,)) for k in range(2)]
ts.append(threading.Thread(target=streams))
for t in ts:
    t.start()
copies = []
for i in range(3):
    before = list(made)
    name = path("load%d.db" % i)
    r = relay.ctl("backup", name, timeout=120)
    copies.append((r.returncode, name, before))
    wait_for(lambda: len(made) > len(before) + 3, 10)
stop.set()
for t in ts:
    t.join()
ok(not bad and len(made) > 6, "%d users and streams came meanwhile" %
   len(made), bad[:3])
ok(all(rc == 0 and sound(n) for rc, n, _ in copies),
   "three copies meanwhile, all sound", copies)
for rc, n, before in copies:
    have = {x[0] for x in sql(n, "SELECT email FROM users")}
    missing = set(before) - have
    ok(not missing, "with all that had been acknowledged", missing)
ok("copying: 100%" not in r.stderr, "no progress where there is no terminal")
r = run(["script", "-qec", "%s/accessctl backup -f --socket %s %s" % (
    OBJ, relay.socket, path("tty.db")), "/dev/null"], timeout=120)
if r.returncode == 0:
    ok(re.search(r"copying: \d+%", r.stdout), "and some on a terminal",
       r.stdout)
else:
    skip("progress on a terminal", r.stderr or "no script(1)")

# ---- interrupted ----
p = subprocess.Popen([OBJ + "/accessctl", "backup", "--socket", relay.socket,
                      path("int.db")], stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
ok(wait_for(lambda: os.path.exists(state + "/copy.tmp"), 20, 0.001),
   "a copy is being made")
p.send_signal(signal.SIGINT)
eq(p.wait(20), 130, "^C ends it")
ok(not [f for f in os.listdir(path("")) if f.startswith("int.db")],
   "nothing of it is left here")
ok(wait_for(lambda: not os.path.exists(state + "/copy.tmp"), 20),
   "nor there")

p = subprocess.Popen([OBJ + "/accessctl", "backup", "--socket", relay.socket,
                      path("die.db")], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
wait_for(lambda: os.path.exists(state + "/copy.tmp"), 20, 0.001)
os.kill(relay.children()["auth"], signal.SIGKILL)
out, err = p.communicate(timeout=60)
ok(p.returncode == 1 and b"auth" in err, "auth is killed: it says so", err)
ok(not [f for f in os.listdir(path("")) if f.startswith("die.db")],
   "nothing is left here")
ok(wait_for(lambda: relay.ctl("user", "list").returncode == 0, 30) and
   wait_for(lambda: not os.path.exists(state + "/copy.tmp"), 20),
   "and the next auth tidies up")
eq(relay.ctl("check", timeout=60).stdout, "ok\n", "the store is sound")
r = relay.ctl("backup", path("again.db"), timeout=120)
ok(r.returncode == 0 and sound(path("again.db")), "the next copy is good",
   r.stderr)

p = subprocess.Popen([OBJ + "/accessctl", "backup", "--socket", relay.socket,
                      path("one.db")], stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
wait_for(lambda: os.path.exists(state + "/copy.tmp"), 20, 0.001)
r = relay.ctl("backup", path("two.db"))
rc = p.wait(60)
ok((r.returncode, rc) == (1, 0) and "another copy" in r.stderr,
   "one copy at a time", (r.returncode, rc, r.stderr))
p.stdout.close()
p.stderr.close()

# ---- no room ----
if ROOT and run(["unshare", "-m", "true"]).returncode == 0:
    full = path("full")
    os.mkdir(full)
    r = run(["unshare", "-m", "--propagation", "private", "sh", "-c",
             "mount -t tmpfs -o size=256k tmpfs %s && CULVERT_SOCKET=%s "
             "%s/accessctl backup %s/b.db; s=$?; ls -A %s; exit $s" % (
                 full, relay.socket, OBJ, full, full)], timeout=120)
    ok(r.returncode == 1 and "No space left" in r.stderr and r.stdout == "",
       "the disk is full here: it says so, nothing is left",
       (r.returncode, r.stdout, r.stderr))
    small = Relay("small", prefork=1, start=False)
    small.proc = Proc("small", [
        "unshare", "-m", "--propagation", "private", "sh", "-c",
        "mount -t tmpfs -o size=900k,mode=700,uid=$(id -u _culvertdb) tmpfs "
        "%s/state && exec %s/relayd -d -f %s" % (small.dir, OBJ, small.conf)])
    small.proc.wait_line("serves on", 30)
    inside = "/proc/%d/root%s/state/" % (small.proc.pid, small.dir)
    small.user_add()
    r = run(["nsenter", "-m", "-t", str(small.proc.pid), "sh", "-c",
             "cd %s/state && sqlite3 culvert.db \"WITH RECURSIVE n(i) AS "
             "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT "
             "INTO audit (at, what, email, token_id, node, addr, target, "
             "ms, bytes_in, bytes_out, text) SELECT 1, 'x', '', '', '', '', "
             "'', 0, 0, 0, hex(zeroblob(4000)) FROM n\" && "
             "chown _culvertdb:_culvertdb *" % small.dir])
    eq((r.returncode, r.stderr), (0, ""), "a small disk, half full")
    r = small.ctl("backup", path("small.db"))
    ok(r.returncode == 1 and "disk full" in r.stderr,
       "the disk is full there: it says so", r.stderr)
    ok(not os.path.exists(inside + "copy.tmp"), "and tidies up")
    ok(wait_for(lambda: small.user_add("more@example.org").returncode == 0,
                20), "and the store can be written as before",
       small.proc.text())
    small.stop()
else:
    skip("no room", "no mount namespace")

r = run(["prlimit", "--fsize=8192", OBJ + "/accessctl", "backup", "-s",
         relay.socket, path("size.db")])
ok(r.returncode == 1 and "File too large" in r.stderr,
   "a limit of file sizes is told like a full disk",
   (r.returncode, r.stderr))
ok(not [f for f in os.listdir(path("")) if f.startswith("size.db")],
   "and nothing is left there")

# ---- damage ----
shutil.copy(b, path("bad.db"))
with open(path("bad.db"), "r+b") as f:
    f.seek(4096)
    f.write(os.urandom(4096))
r = relay.ctl("check", path("bad.db"))
ok(r.returncode == 1 and r.stdout and "ok" not in r.stdout.split(),
   "a damaged copy is found out", r.stdout)
several = False
for off in range(8192, os.path.getsize(b), 4096):
    shutil.copy(b, path("page.db"))
    with open(path("page.db"), "r+b") as f:
        f.seek(off)
        f.write(b"\x0d\0\0\0\x09\0\x40" + b"\xff\xf0" * 12)
    r = relay.ctl("check", path("page.db"))
    if r.returncode != 1 or "\\012" in r.stdout:
        break
    several |= r.stdout.count("\n") > 2
ok(r.returncode == 1 and several and "\\012" not in r.stdout,
   "what is wrong with a page is on lines of their own", r.stdout)
shutil.copy(b, path("keys.db"))
sql(path("keys.db"), "INSERT INTO nodes (id, user_id, token_id, created_at) "
    "VALUES ('x', 'nobody', 'none', 1)")
r = relay.ctl("check", path("keys.db"))
ok(r.returncode == 1 and "belongs to none of users" in r.stdout,
   "rows that hang in the air", r.stdout)
shutil.copy(b, path("future.db"))
sql(path("future.db"), "UPDATE meta SET version = 99")
r = relay.ctl("check", path("future.db"))
ok(r.returncode == 1 and "version 99" in r.stdout, "a version to come",
   r.stdout)
for name, data in (("empty", b""), ("short", b"SQLite format 3\0"),
                   ("rubbish", os.urandom(20000))):
    with open(path(name), "wb") as f:
        f.write(data)
    r = relay.ctl("check", path(name))
    ok(r.returncode == 1 and r.stdout + r.stderr, name + " is no database")
for cut in range(0, os.path.getsize(b), 9000 if SANITIZED else 3001):
    with open(b, "rb") as f:
        data = f.read(cut)
    with open(path("cut.db"), "wb") as f:
        f.write(data)
    r = relay.ctl("check", path("cut.db"))
    if r.returncode != 1:
        ok(False, "cut after %d bytes" % cut, (r.returncode, r.stderr))
ok(True, "cut anywhere, it is found out and nothing crashes")
eq(relay.ctl("check", path("none.db")).returncode, 1, "no such file")

# the live one
grow(10)
pages = sql(state + "/culvert.db", "PRAGMA wal_checkpoint(TRUNCATE)")
size = os.path.getsize(state + "/culvert.db")
with open(state + "/culvert.db", "r+b") as f:
    f.seek((size // 4096 - 40) * 4096)
    f.write(b"\xee" * 4096 * 20)
r = relay.ctl("check", timeout=60)
ok(r.returncode == 1 and (r.stdout or r.stderr),
   "damage in the live store is found", (r.returncode, r.stdout, r.stderr))
r = relay.ctl("backup", path("damaged.db"), timeout=60)
ok(r.returncode == 1 and "damaged" in r.stderr + r.stdout and
   not os.path.exists(path("damaged.db")),
   "and such a store is not taken for a backup", r.stderr)
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[0] == 0, 20) or
   True, "relayd goes on")

# ---- put back ----
relay.stop()
for f in os.listdir(state):
    os.unlink(state + "/" + f)
shutil.copy(path("again.db"), state + "/culvert.db")
os.chmod(state + "/culvert.db", 0o600)
if ROOT:
    shutil.chown(state + "/culvert.db", "_culvertdb", "_culvertdb")
relay.start()
ok(wait_for(lambda: node_online(relay), 60), "put back: the node comes back")
ok(wait_for(lambda: Connect(env, "pi", target.port).end(b"x")[:2] ==
            (0, b"x"), 30), "streams pass")
have = {u["email"] for u in relay.json("user", "list")}
ok(set(made) <= have, "every user is there", set(made) - have)
eq(relay.ctl("check", timeout=60).stdout, "ok\n", "and it is sound")

# ---- each day ----
ok(wait_for(lambda: os.path.exists(state + "/backup-1.db"), 120),
   "a copy is kept by itself")
if os.path.exists(state + "/backup-1.db"):
    shutil.copy(state + "/backup-1.db", path("daily.db"))
    ok(sound(path("daily.db")), "it is sound")
    eq(os.stat(state + "/backup-1.db").st_mode & 0o7777, 0o600, "and private")
ok(relay.proc.lines("backup: made, 3 kept"), "the log says so")
done()
