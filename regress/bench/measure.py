"""What the benches share: memory, descriptors and CPU time of processes, and
a table."""
import os
import re
import resource
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "e2e"))
from culvert import *

LOAD = OBJ + "/regress/bench/load"
AGENTS = OBJ + "/regress/e2e/agents"


def number(name, default):
    return int(os.environ.get(name) or default)


def load_average():
    return "load average %.1f, %d cores" % (os.getloadavg()[0],
                                            os.cpu_count())


def smaps(pid, field):
    """KiB; 0 for who is gone."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return int(re.search(r"^%s:\s+(\d+)" % field, f.read(),
                                 re.M)[1])
    except (OSError, TypeError):
        return 0


def pss(pids):
    return sum(smaps(pid, "Pss") for pid in pids)


def fds(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0


def cpu(pids):
    """Seconds."""
    t = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as f:
                s = f.read()
            t += sum(int(x) for x in s[s.rindex(")") + 2:].split()[11:13])
        except OSError:
            pass
    return t / os.sysconf("SC_CLK_TCK")


def tree(proc):
    """{title: pid} of a daemon, its parent too."""
    return {"parent": proc.pid, **proc.children()}


def load_target():
    """A target on the device, and its port."""
    p = Proc("target", [LOAD, "target"])
    return p, int(wait_for(lambda: p.text().strip()))


def agents(relay, count, prefix="bench", args=(), wait=True):
    """So many idle links, of one process."""
    name = prefix + ".token"
    if not os.path.exists(path(name)):
        write(name, relay.token("node") + "\n", 0o600)
    p = Proc("agents", [AGENTS, *args, relay.url, make_ca(), path(name),
                        prefix, str(count)])
    if wait and not p.wait_line(r"^up %d$" % count, 30 + count / 50):
        p.show()
        raise SystemExit("not all of %d agents are up" % count)
    return p
