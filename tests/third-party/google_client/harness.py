"""What every part needs: the sandbox's address, services on it, and counted operations.

Not a test runner: the first operation that fails ends the run. Invariant: nothing leaves loopback.
"""

import importlib.resources
import json
import os

from googleapiclient.discovery import build_from_document

BASE = os.environ["GOOGLE_API_BASE"]
COUNTS = {}


def operation(name, act, check=lambda result: True):
    """Runs one operation, judges its result, prints and counts it."""
    result = act()
    if not check(result):
        raise SystemExit(f"FAILED {name}: unexpected result {str(result)[:400]}")
    part = name.split(".")[0]
    COUNTS[part] = COUNTS.get(part, 0) + 1
    print(f"  {sum(COUNTS.values()):3} {name}", flush=True)
    return result


def refused(name, status, act):
    """Runs one operation that Google refuses with this status."""
    from googleapiclient.errors import HttpError

    def attempt():
        try:
            act()
        except HttpError as error:
            return error
        return None

    return operation(name, attempt, lambda error: error is not None and error.resp.status == status)


def service(name, version, credentials):
    """Google's client for an API, its document pointed at the sandbox."""
    documents = importlib.resources.files("googleapiclient.discovery_cache") / "documents"
    document = json.loads((documents / f"{name}.{version}.json").read_text())
    host = document["rootUrl"].removeprefix("https://").rstrip("/")
    document["rootUrl"] = f"{BASE}/{host}/"
    document["baseUrl"] = document["rootUrl"] + document["servicePath"]
    document.pop("mtlsRootUrl", None)
    return build_from_document(document, credentials=credentials)
