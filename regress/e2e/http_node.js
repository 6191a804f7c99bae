// A device's web server, for tests: node http_node.js PORT [MORE.js].  NODE_PATH
// says where ws is.
"use strict";
const http = require("http");
const crypto = require("crypto");
const { WebSocketServer } = require("ws");

const stats = { requests: 0, aborted: [], websockets: 0, log: [] };
const block = Buffer.alloc(1 << 16);
for (let i = 0; i < block.length; i++)
	block[i] = i * 7 & 255;

function number(url, name, fallback) {
	return Number(url.searchParams.get(name) ?? fallback);
}

function text(res, status, body, fields) {
	res.writeHead(status, { "Content-Type": "text/plain",
	    "Content-Length": Buffer.byteLength(body), ...fields });
	res.end(body);
}

// So many bytes, as fast as they are taken.
function download(res, n) {
	function more() {
		while (n > 0) {
			const b = n < block.length ? block.subarray(0, n) :
			    block;
			n -= b.length;
			if (!res.write(b) && n > 0) {
				res.once("drain", more);
				return;
			}
		}
		res.end();
	}
	more();
}

function upload(req, res) {
	const hash = crypto.createHash("sha256");
	let n = 0;
	req.on("data", (b) => {
		n += b.length;
		if (n <= 64 << 20)
			hash.update(b);
	});
	req.on("end", () => text(res, 200, JSON.stringify({ bytes: n,
	    sha256: hash.digest("hex"), trailers: req.trailers,
	    framing: req.headers["transfer-encoding"] ?? "length" }),
	    { "Content-Type": "application/json" }));
}

// An event every so many ms, then an end or, with quiet, a long silence.
function events(res, url) {
	const every = number(url, "every", 1000);
	const count = number(url, "count", 5);
	let n = 0;
	res.writeHead(200, { "Content-Type": "text/event-stream",
	    "Cache-Control": "no-store" });
	res.write("retry: 1000\n\n");
	const tick = () => {
		res.write(`id: ${n}\ndata: ${Date.now()}\n\n`);
		if (++n >= count) {
			clearInterval(timer);
			if (!url.searchParams.has("stay"))
				res.end();
		}
	};
	const timer = setInterval(tick, every);
	tick();
	res.on("close", () => clearInterval(timer));
}

const routes = {
	"/": (req, res) => text(res, 200, "hello\n"),
	"/stats": (req, res) => text(res, 200, JSON.stringify(stats)),
	"/head": (req, res) => text(res, 200, JSON.stringify(req.rawHeaders)),
	"/big": (req, res, url) => {
		const n = number(url, "n", 1 << 20);
		res.writeHead(200, url.searchParams.has("chunked") ? {} :
		    { "Content-Length": n });
		download(res, n);
	},
	"/upload": upload,
	"/echo": (req, res) => {
		res.writeHead(200, { "Content-Type":
		    req.headers["content-type"] ?? "text/plain" });
		req.pipe(res);
	},
	"/events": (req, res, url) => events(res, url),
	"/trailers": (req, res) => {
		res.writeHead(200, { "Trailer": "X-Sum" });
		res.write("body");
		res.addTrailers({ "X-Sum": "4" });
		res.end();
	},
	"/hints": (req, res) => {
		res.writeEarlyHints({ link: "</a.css>; rel=preload" });
		setTimeout(() => text(res, 200, "hinted\n"), 50);
	},
	"/refuse": (req, res) => text(res, 403, "no\n",
	    { "Connection": "close" }),
	"/wait": (req, res, url) => setTimeout(() => text(res, 200, "at last\n"),
	    number(url, "ms", 1000)),
	"/never": () => {}
};

const extra = process.argv[3] ? require(process.argv[3]) : null;
const server = http.createServer((req, res) => {
	if (extra && extra.request(req, res))
		return;
	const url = new URL(req.url, "http://x");
	stats.requests++;
	res.on("close", () => {
		if (!res.writableFinished)
			stats.aborted.push({ url: req.url, at: Date.now() });
	});
	req.on("error", () => {});
	if (stats.log.length < 2000)
		stats.log.push(`${req.method} ${req.url}`);
	if (url.pathname in routes)
		routes[url.pathname](req, res, url);
	else
		text(res, 404, "not here\n");
});
server.on("checkContinue", (req, res) => {
	if (req.url.startsWith("/refuse"))
		routes["/refuse"](req, res);
	else {
		res.writeContinue();
		server.emit("request", req, res);
	}
});
server.keepAliveTimeout = 60000;
server.requestTimeout = 0;
server.headersTimeout = 0;

const sockets = new WebSocketServer({ server, path: "/ws",
    perMessageDeflate: true, handleProtocols: (list) =>
    list.has("chat") ? "chat" : false });
sockets.on("connection", (ws) => {
	stats.websockets++;
	ws.on("error", () => {});
	ws.on("message", (data, binary) => {
		const to = ws.protocol === "chat" ? sockets.clients : [ws];
		for (const peer of to)
			peer.send(data, { binary });
	});
});

if (extra && extra.server)
	extra.server(server, sockets);
server.listen(Number(process.argv[2]), "127.0.0.1", () =>
    console.log("serves"));
