// The TypeScript SDK of the handshake era, over HTTP and stdio.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { child, url, use } from "./shared.mjs";

const client = () => new Client({ name: "suite", version: "1" });
await use("typescript sdk, http", client(), new StreamableHTTPClientTransport(url));
await use("typescript sdk, stdio", client(), new StdioClientTransport(child));
