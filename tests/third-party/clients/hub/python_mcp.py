"""The official Python client through the hub, in both protocol eras, over HTTP and stdio."""

import asyncio

from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

from shared import ARGUMENTS, BINARY, URL, use

STDIO = StdioServerParameters(command=BINARY, args=ARGUMENTS)


async def answer(context, params):
    return ElicitResult(action="accept", content={"name": "Ada"})


async def main():
    for way, server in (("http", URL), ("stdio", STDIO)):
        for mode, expected in (("auto", "2026-07-28"), ("legacy", "2025-11-25")):
            async with Client(server, mode=mode, elicitation_callback=answer) as client:
                assert client.protocol_version == expected, client.protocol_version
                tools = (await client.list_tools()).tools

                async def call(name, arguments):
                    # The client checks the data against the output schema that was listed.
                    result = await client.call_tool(name, arguments)
                    return result.is_error, result.structured_content, result.content

                await use(f"python mcp, {way}, {expected}", [tool.name for tool in tools], call)


asyncio.run(main())
