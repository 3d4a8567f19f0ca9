"""The FastMCP client, in both protocol eras, over HTTP and stdio."""

import asyncio
import os

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

CHILD = {name: os.environ[name] for name in ("GOOGLE_API_BASE", "GOOGLE_MCP_CREDENTIALS_DIR")}
CHILD |= {
    "GOOGLE_OAUTH_CLIENT_ID": "sandbox-client.apps.googleusercontent.com",
    "GOOGLE_OAUTH_CLIENT_SECRET": "sandbox-client-secret",
}


def stdio():
    return StdioTransport(os.environ["SERVER_BINARY"], ["stdio", "--port", "0"], env=CHILD)


async def use(server, mode):
    async with Client(server, mode=mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool("search_gmail_messages", {"query": "in:inbox", "page_size": 2})
        assert len(result.structured_content["messages"]) == 2
        found = await client.call_tool("search_drive_files", {"query": "mimeType = 'image/png'"})
        file_id = found.structured_content["files"][0]["id"]
        picture = await client.call_tool("get_drive_file_content", {"file_id": file_id})
        assert any(block.type == "image" for block in picture.content)
        print(f"fastmcp {mode:10} {client.protocol_version}: {len(tools)} tools")


async def main():
    for mode in ("auto", "legacy"):
        await use(os.environ["SERVER_URL"], mode)
        await use(stdio(), mode)


asyncio.run(main())
