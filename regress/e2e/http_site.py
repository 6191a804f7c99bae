"""A relay with sites, and real web servers behind its node."""

from culvert import *

NODE_ENV = dict(os.environ, NODE_PATH="/usr/share/nodejs:"
                "/usr/lib/node_modules")


# Nobody takes a certificate for *.localhost, of a single label.
DOMAIN = "relay.localhost"


def site_cert():
    make_cert("sites", "DNS:%s,DNS:*.%s,DNS:localhost,IP:127.0.0.1" % (
        DOMAIN, DOMAIN))
    return path("tls/sites.pem"), path("tls/sites.key")


class Sites(Relay):
    """A relay that serves with TLS and without."""

    def __init__(self, extra="", prefork=2, **kw):
        self.plain = free_port()
        port = free_port()
        super().__init__(prefork=prefork, port=port, extra=extra,
                         domain=DOMAIN, certs=[site_cert()], listen=[
            "listen on 127.0.0.1 port %d tls" % port,
            "listen on 127.0.0.1 port %d" % self.plain], **kw)
        self.user_add()

    def site(self, name="pi", tls=True):
        return "http%s://%s.%s:%d" % (
            "s" if tls else "", name, DOMAIN,
            self.port if tls else self.plain)

    def public(self, node="pi"):
        r = self.ctl("node", "set", node, "http=public")
        if r.returncode != 0:
            raise SystemExit("node set: " + r.stderr)

    def serves(self, name="pi", path="/", seconds=30):
        """Waits until the site answers."""
        return wait_for(lambda: curl(self.site(name) + path).code == 200,
                        seconds, 0.2)


class NodeServer(Proc):
    """http_node.js."""

    def __init__(self, *more):
        self.port = free_port()
        super().__init__("node", [
            "node", TOP + "/regress/e2e/http_node.js", str(self.port),
            *more], env=NODE_ENV)
        if not self.wait_line("^serves", 30):
            self.show()
            raise SystemExit("node did not start")

    def stats(self):
        import urllib.request
        with urllib.request.urlopen("http://127.0.0.1:%d/stats" %
                                    self.port, timeout=30) as r:
            return json.load(r)


class Nginx(Proc):
    """nginx, with pages below a folder."""

    def __init__(self, pages, extra=""):
        self.port = free_port()
        d = path("nginx.%d" % self.port)
        os.mkdir(d)
        temp = "".join("%s_temp_path %s/%s;\n" % (x, d, x) for x in (
            "client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
        conf = d + "/nginx.conf"
        with open(conf, "w") as f:
            f.write("""daemon off;
user root;
pid %s/pid;
error_log stderr;
events { worker_connections 2000; }
http {
log_format by_visitor '$http_x_forwarded_for $status $request_method '
    '$request_uri $told_length';
map $http_content_length $told_length { '' -; default $http_content_length; }
access_log off;
%s
keepalive_requests 1000000;
client_max_body_size 0;
server {
listen 127.0.0.1:%d;
root %s;
location /kib { default_type text/plain; return 200 "%s"; }
%s
}
}
""" % (d, temp, self.port, pages, "x" * 1024, extra))
        super().__init__("nginx", ["nginx", "-p", d, "-e", "stderr", "-c",
                                   conf])
        if not wait_for(lambda: can_connect(self.port)):
            self.show()
            raise SystemExit("nginx did not start")


class curl:
    """curl's answer: code, head, body, and status of curl itself."""

    def __init__(self, url, *args, input=None, timeout=120, text=True):
        write = "\n%{stderr}%{http_code} %{size_download} " \
            "%{time_starttransfer} %{num_connects}"
        argv = ["curl", "-s", "--cacert", make_ca(), "--http1.1", "-w",
                write, "-D", path("head.%d" % id(self)), *args, url]
        p = subprocess.run(argv, input=input, capture_output=True,
                           timeout=timeout, stdin=None if input is not None
                           else subprocess.DEVNULL)
        self.status = p.returncode
        self.body = p.stdout[:-1] if p.stdout.endswith(b"\n") else p.stdout
        w = p.stderr.decode(errors="replace").split("\n")[-1].split()
        w += ["0"] * 4
        self.code = int(w[0]) if w[0].isdigit() else 0
        self.size = int(w[1]) if w[1].isdigit() else 0
        self.head = ""
        try:
            with open(path("head.%d" % id(self)), "rb") as f:
                self.head = f.read().decode("latin-1")
            os.unlink(path("head.%d" % id(self)))
        except OSError:
            pass

    def field(self, name):
        m = re.findall(r"(?im)^%s: *(.*?)\r?$" % re.escape(name), self.head)
        return m[-1] if m else None

    def __repr__(self):
        return "curl %d, HTTP %d: %r %r" % (self.status, self.code,
                                            self.head[:300],
                                            self.body[:200])


class Memory:
    """The most that processes of ours grow by, sampled until stop()."""

    def __init__(self, *procs):
        import threading
        self.pids = {"%s %s" % (p.proc.name, k): v for p in procs
                     for k, v in p.children().items()}
        self.first = {k: rss(v) for k, v in self.pids.items()}
        self.most = dict(self.first)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.over.wait(0.1):
            for k, v in self.pids.items():
                self.most[k] = max(self.most[k], rss(v))

    def stop(self):
        """KiB grown by the one that grew most, and all."""
        self.over.set()
        self.thread.join()
        grown = {k: (self.most[k] - self.first[k]) >> 10 for k in self.pids}
        return max(grown.values()), grown
