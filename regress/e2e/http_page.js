// Beside http_node.js: the page of regress/e2e/page, and its assets.
"use strict";
const fs = require("fs");
const path = require("path");
const types = { ".html": "text/html; charset=utf-8", ".css": "text/css",
    ".js": "text/javascript", ".svg": "image/svg+xml" };

exports.request = (req, res) => {
	const asset = /^\/asset\/(\d+)$/.exec(req.url);
	if (asset) {
		res.writeHead(200, { "Content-Type": "text/plain" });
		res.end(`asset ${asset[1]}`);
		return true;
	}
	const name = req.url === "/" ? "/index.html" : req.url;
	const type = types[path.extname(name)];
	if (!/^\/[a-z.]+$/.test(name) || type === undefined)
		return false;
	res.writeHead(200, { "Content-Type": type,
	    "Cache-Control": "max-age=60" });
	fs.createReadStream(path.join(__dirname, "page", name)).pipe(res);
	return true;
};
