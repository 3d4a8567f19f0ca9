// The TypeScript client of the stateless era through the hub, over HTTP and stdio.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { about, answer, capabilities, child, url, use } from "./shared.mjs";

function client() {
  const client = new Client(about, { capabilities, versionNegotiation: { mode: "auto" } });
  client.setRequestHandler("elicitation/create", answer);
  return client;
}

await use("typescript client, http", client(), new StreamableHTTPClientTransport(url));
await use("typescript client, stdio", client(), new StdioClientTransport(child));
