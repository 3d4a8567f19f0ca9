// Stands before the emulator so that it answers under our convention for Google's hosts:
// http://127.0.0.1:PORT/HOST/PATH instead of https://HOST/PATH.
//
// It prints its address, then waits for POST /front/start with the seed, because the seed names a
// redirect address that is known only once the server under test runs. What it adds beyond
// addresses is listed in BRIDGES; everything else is the emulator's own answer. A request that the
// emulator has no route for is remembered, and so is one that a bridge answered: GET /front/aside
// gives these since the last time.

import http from "node:http";
import net from "node:net";

// The emulator listens on every interface; here nothing does.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((one) => typeof one === "function");
  return typeof port === "number"
    ? listen.call(this, { port, host: "127.0.0.1" }, callback)
    : listen.call(this, port, ...rest);
};

const { createEmulator } = await import("emulate");

// Where the emulator has a Google endpoint under another name.
const RENAMED = {
  "POST oauth2.googleapis.com/token": "/oauth2/token",
  "POST oauth2.googleapis.com/revoke": "/oauth2/revoke",
  "GET openidconnect.googleapis.com/v1/userinfo": "/oauth2/v2/userinfo",
};

// What our tools need on the way to something the emulator covers, made of what it has.
const BRIDGES = [
  {
    // Unused ids; the emulator then gives the file one of its own.
    method: "GET",
    path: /^\/drive\/v3\/files\/generateIds$/,
    answer: async () => [200, { kind: "drive#generatedIds", ids: [`id-${Date.now()}`] }],
  },
  {
    // One event, out of the list.
    method: "GET",
    path: /^\/calendar\/v3\/calendars\/([^/]+)\/events\/([^/]+)$/,
    answer: async ([, calendar, event], authorization) => {
      const [status, list] = await ask(
        `/calendar/v3/calendars/${calendar}/events?maxResults=250`,
        authorization,
      );
      if (status !== 200) return [status, list];
      const found = list.items.find((item) => item.id === decodeURIComponent(event));
      return found ? [200, found] : [404, { error: { code: 404, message: "Not Found" } }];
    },
  },
];

let emulatorPort = 0;
let aside = { missing: [], bridged: [] };

const route = (method, path) =>
  `${method} ${path.replace(/\/(calendars|events|files)\/(?!generateIds)[^/]+/g, "/$1/*")}`;

async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function ask(path, authorization) {
  const answer = await fetch(`http://127.0.0.1:${emulatorPort}${path}`, {
    headers: authorization ? { authorization } : {},
  });
  return [answer.status, await answer.json()];
}

async function wholeBody(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function reply(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

// The emulator's path for `/HOST/PATH`; a path without a host, such as its consent page's, stays.
function emulatorPath(method, url) {
  const [, host, path] = /^\/([^/?]+\.[^/?]+)(\/[^?]*)/.exec(url) ?? [];
  if (!host) return url;
  const query = url.slice(1 + host.length + path.length);
  return (RENAMED[`${method} ${host}${path}`] ?? path) + query;
}

async function pass(request, response) {
  const body = await wholeBody(request);
  const path = emulatorPath(request.method, request.url);
  const [bare] = path.split("?");
  for (const bridge of BRIDGES) {
    const match = bridge.method === request.method && bridge.path.exec(bare);
    if (match) {
      aside.bridged.push(route(request.method, bare));
      const [status, value] = await bridge.answer(match, request.headers.authorization);
      return reply(response, status, value);
    }
  }
  const { connection, host, ...headers } = request.headers;
  const options = { port: emulatorPort, host: "127.0.0.1", method: request.method, path, headers };
  const onward = http.request(options, async (answer) => {
    const content = await wholeBody(answer);
    // Its words for a path it does not know; a missing object is told in Google's form.
    if (answer.statusCode === 404 && content.includes('"documentation_url"')) {
      aside.missing.push(route(request.method, bare));
    }
    const { "transfer-encoding": _, ...kept } = answer.headers;
    response.writeHead(answer.statusCode, { ...kept, "content-length": content.length });
    response.end(content);
  });
  onward.on("error", (error) => reply(response, 502, { error: String(error) }));
  onward.end(body);
}

const front = http.createServer(async (request, response) => {
  try {
    if (request.url === "/front/start") {
      const seed = JSON.parse(await wholeBody(request));
      emulatorPort = await freePort();
      // The issuer of its identity statements.
      const baseUrl = "https://accounts.google.com";
      await createEmulator({ service: "google", port: emulatorPort, baseUrl, seed });
      for (;;) {
        const up = await ask("/oauth2/v3/certs").catch(() => null);
        if (up) break;
        await new Promise((done) => setImmediate(done));
      }
      return reply(response, 200, {});
    }
    if (request.url === "/front/aside") {
      const since = aside;
      aside = { missing: [], bridged: [] };
      return reply(response, 200, since);
    }
    await pass(request, response);
  } catch (error) {
    reply(response, 500, { error: String(error?.stack ?? error) });
  }
});
front.listen(0, () => console.log(`front at http://127.0.0.1:${front.address().port}/`));
process.on("SIGTERM", () => process.exit(0));
