#!/usr/bin/env python3
# tags: no-asan
"""Each process of both daemons tries each forbidden thing: it dies of it, or
gets the error of the table; and the parent says which call it was."""
import os
import sys
sys.path.insert(0, "regress/e2e")
from culvert import *

CALLS = ("open socket connect fork execve kill ptrace setuid mmap_exec "
         "fchdir io_uring").split()
# Where a call is no death: refused with an error, since libraries probe, or
# possible, since it is what the process is there for.
OTHER = {
    ("keys", "open"): "refused", ("auth", "open"): "refused",
    ("router", "open"): "refused", ("listener", "open"): "refused",
    ("tunnel", "open"): "refused",
    ("proxy", "open"): "possible",      # /etc, for names
    ("proxy", "socket"): "possible", ("proxy", "connect"): "allowed",
}
relay_dir = Relay("base", start=False)
token = "culv_" + "a" * 12 + "_" + "a" * 52 + "_"
import zlib
token += "%08x" % zlib.crc32(token[:-1].encode())
tok = write("token", token + "\n", 0o600)
aconf = write("agentd.conf", "relay \"ws://127.0.0.1:9\"\nname \"x\"\n"
              "token file \"%s\"\n" % tok)


def attempt(daemon, conf, proc, call):
    p = Proc("try-%s-%s" % (proc, call), [
        TEST_OBJ + "/" + daemon, "-d", "-f", conf, "-T",
        "%s:%s" % (proc, call)])
    want = r"forbidden system call|: test: %s[ :]" % call
    hit = wait_for(lambda: p.lines(want) or not p.alive(), 20)
    lines = p.lines(want)
    p.stop()
    return lines


for daemon, conf, procs in (
        ("relayd", relay_dir.conf, "keys auth router listener parent"),
        ("agentd", aconf, "tunnel proxy parent")):
    for proc in procs.split():
        for call in CALLS:
            if proc == "parent" and call in (
                    "open", "socket", "connect", "fork", "execve", "kill",
                    "setuid", "mmap_exec", "fchdir"):
                continue        # what a parent is for
            lines = attempt(daemon, conf, proc, call)
            want = OTHER.get((proc, call), "killed")
            text = " ".join(lines)
            got = "killed" if "forbidden system call" in text else \
                "possible" if "is possible" in text else \
                "refused" if "test: " in text else "nothing"
            if want == "allowed":
                ok(got in ("possible", "refused"), "%s: %s: %s" % (
                    daemon, proc, call), text)
            else:
                ok(got == want and (got != "killed" or proc == "parent" or
                                    re.search(
                    r"%s \d* ?\(pid|%s \(pid" % (proc, proc), text)),
                   "%s: %s: %s: %s" % (daemon, proc, call, want), text)
done()
