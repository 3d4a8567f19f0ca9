// The Inspector's command line, in both eras.

import assert from "node:assert";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("./node_modules/.bin/mcp-inspector", import.meta.url));

function inspect(era, ...words) {
  const eraWords = era === "modern" ? ["--protocol-era", "modern"] : [];
  const output = execFileSync(
    process.execPath,
    [bin, "--cli", process.env.SERVER_URL, "--transport", "http", ...eraWords, ...words],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  return JSON.parse(output);
}

for (const era of ["handshake", "modern"]) {
  // Strict: the Inspector's own opinion of how portable the schemas are.
  const { tools } = inspect(era, "--method", "tools/list", "--strict");
  const call = ["--method", "tools/call", "--tool-name"];
  const labels = inspect(era, ...call, "list_gmail_labels");
  assert(labels.structuredContent.labels.length > 5);
  const query = "query=mimeType = 'image/png'";
  const found = inspect(era, ...call, "search_drive_files", "--tool-arg", query);
  const file = `file_id=${found.structuredContent.files[0].id}`;
  const picture = inspect(era, ...call, "get_drive_file_content", "--tool-arg", file);
  assert(picture.content.some((block) => block.type === "image"));
  console.log(`inspector, ${era}: ${tools.length} tools`);
}
