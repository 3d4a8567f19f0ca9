"""What every Python client does through the hub, whatever its era and transport."""

import json
import os

URL = os.environ["HUB_URL"]
BINARY = os.environ["HUB_BINARY"]
ARGUMENTS = json.loads(os.environ["HUB_ARGUMENTS"])
MERGED = os.environ["HUB_LISTING"] == "merged"

ROWS = 6_000


async def use(client, names, call):
    """`call(name, arguments)` answers whether it failed, the data and the content."""

    async def tool(name, arguments, writes=False):
        if MERGED:
            return await call(name, arguments)
        through = "call_write_tool" if writes else "call_read_tool"
        return await call(through, {"name": name, "arguments": arguments})

    if MERGED:
        assert {"search_gmail_messages", "ask", "table__table", "read_result"} <= set(names), names
    else:
        assert "find_tools" in names and len(names) < 20, names
        failed, found, _ = await call("find_tools", {"query": "search my mail"})
        assert not failed
        assert any(one["name"] == "search_gmail_messages" for one in found["tools"]), found
    failed, labels, _ = await tool("list_gmail_labels", {})
    assert not failed and labels["labels"]
    failed, found, _ = await tool("search_drive_files", {"query": "mimeType = 'image/png'"})
    file_id = found["files"][0]["id"]
    failed, _, content = await tool("get_drive_file_content", {"file_id": file_id})
    image = next(block for block in content if block.type == "image")
    assert not failed and image.mime_type == "image/png" and len(image.data) > 100
    failed, _, content = await tool("ask", {}, writes=True)
    assert not failed and "Ada" in content[0].text, content
    # Too large for a model: the words are shortened, the data a list promises are not.
    failed, data, content = await tool("table__table", {"rows": ROWS})
    assert not failed and "read_result" in content[0].text, content
    assert sum(len(block.text) for block in content) < 20_000
    assert (len(data["rows"]) == ROWS) if MERGED else (data is None)
    failed, _, _ = await tool("get_gmail_message_content", {"message_id": "nothing"})
    assert failed
    print(f"{client}: {len(names)} tools, an image, an answer, {ROWS} rows")
