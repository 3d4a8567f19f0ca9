// The TypeScript SDK of the handshake era through the hub, over HTTP and stdio.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

import { about, answer, capabilities, child, url, use } from "./shared.mjs";

function client() {
  const client = new Client(about, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, answer);
  return client;
}

await use("typescript sdk, http", client(), new StreamableHTTPClientTransport(url));
await use("typescript sdk, stdio", client(), new StdioClientTransport(child));
