// What every TypeScript client does with the server, whatever its era and transport.

import assert from "node:assert";

export const url = new URL(process.env.SERVER_URL);

export const child = {
  command: process.env.SERVER_BINARY,
  args: ["stdio", "--port", "0"],
  env: {
    GOOGLE_API_BASE: process.env.GOOGLE_API_BASE,
    GOOGLE_MCP_CREDENTIALS_DIR: process.env.GOOGLE_MCP_CREDENTIALS_DIR,
    GOOGLE_OAUTH_CLIENT_ID: "sandbox-client.apps.googleusercontent.com",
    GOOGLE_OAUTH_CLIENT_SECRET: "sandbox-client-secret",
  },
};

export async function use(name, client, transport) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  assert(tools.some((tool) => tool.name === "search_gmail_messages"));
  // The client checks structured content against the output schema.
  const labels = await client.callTool({ name: "list_gmail_labels", arguments: {} });
  assert(labels.structuredContent.labels.length > 5);
  const query = "mimeType = 'image/png'";
  const found = await client.callTool({ name: "search_drive_files", arguments: { query } });
  const file_id = found.structuredContent.files[0].id;
  const picture = await client.callTool({ name: "get_drive_file_content", arguments: { file_id } });
  const image = picture.content.find((block) => block.type === "image");
  assert.equal(image.mimeType, "image/png");
  const wrong = await client.callTool({
    name: "get_gmail_message_content",
    arguments: { message_id: "nothing" },
  });
  assert.equal(wrong.isError, true);
  await client.close();
  console.log(`${name}: ${tools.length} tools, ${image.data.length} characters of image`);
}
