// What every TypeScript client does through the hub, whatever its era and transport.

import assert from "node:assert";

export const url = new URL(process.env.HUB_URL);
export const child = {
  command: process.env.HUB_BINARY,
  args: JSON.parse(process.env.HUB_ARGUMENTS),
};
export const about = { name: "suite", version: "1" };
export const capabilities = { elicitation: { form: {} } };
export const answer = async () => ({ action: "accept", content: { name: "Ada" } });

const merged = process.env.HUB_LISTING === "merged";
const ROWS = 6000;

export async function use(name, client, transport) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  const names = tools.map((tool) => tool.name);
  // The client checks structured content against the output schema that was listed.
  const call = (tool, args, writes = false) =>
    client.callTool(
      merged
        ? { name: tool, arguments: args }
        : {
            name: writes ? "call_write_tool" : "call_read_tool",
            arguments: { name: tool, arguments: args },
          },
    );
  if (merged) {
    assert(names.includes("search_gmail_messages") && names.includes("table__table"));
  } else {
    assert(names.includes("find_tools") && names.length < 20);
    const found = await client.callTool({
      name: "find_tools",
      arguments: { query: "search my mail" },
    });
    const tools = found.structuredContent.tools.map((tool) => tool.name);
    assert(tools.includes("search_gmail_messages"), tools);
  }
  const labels = await call("list_gmail_labels", {});
  assert(labels.structuredContent.labels.length > 5);
  const found = await call("search_drive_files", { query: "mimeType = 'image/png'" });
  const file_id = found.structuredContent.files[0].id;
  const picture = await call("get_drive_file_content", { file_id });
  const image = picture.content.find((block) => block.type === "image");
  assert.equal(image.mimeType, "image/png");
  const asked = await call("ask", {}, true);
  assert(!asked.isError && asked.content[0].text.includes("Ada"), JSON.stringify(asked));
  // Too large for a model: the words are shortened, the data a list promises are not.
  const table = await call("table__table", { rows: ROWS });
  assert(table.content[0].text.includes("read_result"));
  assert(JSON.stringify(table.content).length < 20000);
  assert.equal(table.structuredContent?.rows.length, merged ? ROWS : undefined);
  const wrong = await call("get_gmail_message_content", { message_id: "nothing" });
  assert.equal(wrong.isError, true);
  await client.close();
  console.log(`${name}: ${names.length} tools, an image, an answer, ${ROWS} rows`);
}
