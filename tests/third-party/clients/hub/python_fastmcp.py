"""The FastMCP client through the hub, in both protocol eras, over HTTP and stdio."""

import asyncio

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from shared import ARGUMENTS, BINARY, URL, use


async def answer(message, response_type, params, context):
    return {"name": "Ada"}


async def main():
    for way in ("http", "stdio"):
        for mode in ("auto", "legacy"):
            server = URL if way == "http" else StdioTransport(BINARY, ARGUMENTS)
            async with Client(server, mode=mode, elicitation_handler=answer) as client:
                tools = await client.list_tools()

                async def call(name, arguments):
                    result = await client.call_tool(name, arguments, raise_on_error=False)
                    return result.is_error, result.structured_content, result.content

                name = f"fastmcp, {way}, {client.protocol_version}"
                await use(name, [tool.name for tool in tools], call)


asyncio.run(main())
