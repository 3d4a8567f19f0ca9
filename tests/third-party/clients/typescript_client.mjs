// The TypeScript client of the stateless era, over HTTP and stdio.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { child, url, use } from "./shared.mjs";

const client = () =>
  new Client({ name: "suite", version: "1" }, { versionNegotiation: { mode: "auto" } });
await use("typescript client, http", client(), new StreamableHTTPClientTransport(url));
await use("typescript client, stdio", client(), new StdioClientTransport(child));
