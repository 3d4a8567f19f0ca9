"""The official Python client, in both protocol eras, over HTTP and stdio."""

import asyncio
import os

from mcp import Client, StdioServerParameters

URL = os.environ["SERVER_URL"]
CHILD = {name: os.environ[name] for name in ("GOOGLE_API_BASE", "GOOGLE_MCP_CREDENTIALS_DIR")}
CHILD |= {
    "GOOGLE_OAUTH_CLIENT_ID": "sandbox-client.apps.googleusercontent.com",
    "GOOGLE_OAUTH_CLIENT_SECRET": "sandbox-client-secret",
}
STDIO = StdioServerParameters(
    command=os.environ["SERVER_BINARY"], args=["stdio", "--port", "0"], env=CHILD
)


async def use(server, mode, expected):
    async with Client(server, mode=mode) as client:
        assert client.protocol_version == expected, (client.protocol_version, expected)
        tools = (await client.list_tools()).tools
        names = {tool.name for tool in tools}
        assert {"search_gmail_messages", "create_event", "get_drive_file_content"} <= names
        assert all(tool.output_schema for tool in tools)
        labels = await client.call_tool("list_gmail_labels", {})
        assert not labels.is_error and labels.structured_content["labels"]
        found = await client.call_tool("search_drive_files", {"query": "mimeType = 'image/png'"})
        file_id = found.structured_content["files"][0]["id"]
        picture = await client.call_tool("get_drive_file_content", {"file_id": file_id})
        image = next(block for block in picture.content if block.type == "image")
        assert image.mime_type == "image/png" and len(image.data) > 100
        wrong = await client.call_tool("get_gmail_message_content", {"message_id": "nothing"})
        assert wrong.is_error
        print(f"python mcp {mode:10} {expected}: {len(tools)} tools, {len(image.data)} characters of image")


async def main():
    for server in (URL, STDIO):
        await use(server, "auto", "2026-07-28")
        await use(server, "legacy", "2025-11-25")


asyncio.run(main())
