// The Inspector's command line through the hub, in both eras. It cannot be asked questions.

import assert from "node:assert";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("./node_modules/.bin/mcp-inspector", import.meta.url));
const merged = process.env.HUB_LISTING === "merged";

function inspect(era, ...words) {
  const eraWords = era === "modern" ? ["--protocol-era", "modern"] : [];
  const output = execFileSync(
    process.execPath,
    [bin, "--cli", process.env.HUB_URL, "--transport", "http", ...eraWords, ...words],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  return JSON.parse(output);
}

for (const era of ["handshake", "modern"]) {
  const { tools } = inspect(era, "--method", "tools/list");
  const call = (name, args) => {
    const words = ["--method", "tools/call", "--tool-name"];
    const values = merged
      ? [name, ...Object.entries(args).flatMap(([key, value]) => ["--tool-arg", `${key}=${value}`])]
      : ["call_read_tool", "--tool-arg", `name=${name}`, "--tool-arg", `arguments=${JSON.stringify(args)}`];
    return inspect(era, ...words, ...values);
  };
  const labels = call("list_gmail_labels", {});
  assert(labels.structuredContent.labels.length > 5);
  const found = call("search_drive_files", { query: "mimeType = 'image/png'" });
  const picture = call("get_drive_file_content", { file_id: found.structuredContent.files[0].id });
  assert(picture.content.some((block) => block.type === "image"));
  console.log(`inspector, ${era}: ${tools.length} tools, an image`);
}
