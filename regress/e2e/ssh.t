#!/usr/bin/env python3
"""Real ssh, scp, rsync, sftp and git through a relay with TLS."""
import os
import subprocess
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

relay = Relay(prefork=3)
relay.user_add()
agent = Agent(relay)
env = login(relay)
sshd = Sshd()
cfg = sshd.config(env)

r = run(["ssh", "-F", cfg, "pi", "echo hello; exit 7"])
eq((r.returncode, r.stdout), (7, "hello\n"), "login, output, exit status")
r = run(["ssh", "-F", cfg, "pi", "cat"], input="through\n")
eq((r.returncode, r.stdout), (0, "through\n"), "standard input, to its end")
r = run(["ssh", "-F", cfg, "pi", "true"])
eq(r.returncode, 0, "nothing at all")

# As the example has it, but for who it is.
me = pwd.getpwuid(os.geteuid()).pw_name
r = run(["ssh", "-F", TOP + "/etc/examples/ssh_config", "-l", me, "-p",
         str(sshd.port), "-i", path("ssh/user"), "-o", "IdentitiesOnly=yes",
         "-o", "UserKnownHostsFile=" + path("ssh/known_hosts"), "-o",
         "HostKeyAlias=device", "-o", "BatchMode=yes", "-o",
         "ControlPath=none", "pi", "echo hello"],
        env=dict(env, PATH=OBJ + ":" + os.environ["PATH"]))
eq((r.returncode, r.stdout), (0, "hello\n"), "etc/examples/ssh_config")

size = 10 if SANITIZED else 100
big = path("big")
subprocess.check_call(["openssl", "rand", "-out", big, str(size << 20)])
want = sha256(big)
os.makedirs(path("far"))
for name, up, down in (
        ("scp", ["scp", "-qF", cfg, big, "pi:" + path("far/scp")],
         ["scp", "-qF", cfg, "pi:" + path("far/scp"), path("back.scp")]),
        ("rsync", ["rsync", "-e", "ssh -F " + cfg, big,
                   "pi:" + path("far/rsync")],
         ["rsync", "-e", "ssh -F " + cfg, "pi:" + path("far/rsync"),
          path("back.rsync")])):
    r = run(up, timeout=120)
    ok(r.returncode == 0 and sha256(path("far/" + name)) == want,
       "%d MB up by %s" % (size, name), r.stderr)
    r = run(down, timeout=120)
    ok(r.returncode == 0 and sha256(path("back." + name)) == want,
       "%d MB down by %s" % (size, name), r.stderr)

r = run(["sftp", "-qF", cfg, "-b", "-", "pi"],
        input="get %s %s\n" % (path("far/scp"), path("back.sftp")))
ok(r.returncode == 0 and sha256(path("back.sftp")) == want, "sftp", r.stderr)

# git, over ssh
subprocess.check_call(["git", "init", "-q", "--bare", path("far/repo.git")])
subprocess.check_call(["git", "init", "-q", path("clone")])
genv = dict(env, GIT_SSH_COMMAND="ssh -F " + cfg, GIT_AUTHOR_NAME="t",
            GIT_AUTHOR_EMAIL="t@example.org", GIT_COMMITTER_NAME="t",
            GIT_COMMITTER_EMAIL="t@example.org")
r = run(["sh", "-ec", "cd %s; echo x >f; git add f; git commit -qm x; "
         "git push -q pi:%s HEAD:main; git clone -qb main pi:%s %s" % (
             path("clone"), path("far/repo.git"), path("far/repo.git"),
             path("clone2"))], env=genv)
ok(r.returncode == 0 and os.path.exists(path("clone2/f")),
   "git push and clone", r.stderr)

# many at once
procs = [subprocess.Popen(["ssh", "-F", cfg, "pi", "echo %d; sleep 0.2" % i],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
         for i in range(50)]
outs = [p.communicate(timeout=120) for p in procs]
good = sum(o[0] == "%d\n" % i for i, o in enumerate(outs))
ok(good == 50, "50 sessions at once",
   "%d of 50; %s" % (good, [o[1] for o in outs if o[1]][:3]))

# a master connection, and what goes through it
mux = sshd.config(env, extra="\tControlMaster auto\n\tControlPath %s/cm-%%C\n"
                  "\tControlPersist 20" % path("ssh"), name="mux_config")
r = run(["ssh", "-F", mux, "pi", "echo one"])
r2 = run(["ssh", "-F", mux, "pi", "echo two"])
eq(r.stdout + r2.stdout, "one\ntwo\n", "ControlMaster")
run(["ssh", "-F", mux, "-O", "exit", "pi"])

target = Target(echo)
fwd = free_port()
p = Proc("ssh-L", ["ssh", "-F", cfg, "-N", "-L", "127.0.0.1:%d:127.0.0.1:%d"
                   % (fwd, target.port), "pi"])
wait_for(lambda: can_connect(fwd))
with socket.create_connection(("127.0.0.1", fwd), 10) as s:
    s.sendall(b"inside")
    eq(s.recv(100), b"inside", "port forwarding inside ssh")
p.stop()

r = run(["ssh", "-F", cfg, "-W", "127.0.0.1:%d" % sshd.port, "pi"],
        input="")
ok(r.stdout.startswith("SSH-2.0"), "ssh -W", r.stderr)
ok(wait_for(lambda: relay.json("connection", "list") == []),
   "no connection is left on the list", relay.json("connection", "list"))
done()
