"""Google's official Python client against the sandbox.

Prints every operation; ends with an error at the first one that does not do what Google does.
"""

import events
import files
import mail
import sign_in
from harness import COUNTS, refused, service

LEAST = 60


def main():
    alex = sign_in.sign_in("alex@sandbox.example")
    sam = sign_in.delegated("sam@sandbox.example")
    mail.run(service("gmail", "v1", alex), service("gmail", "v1", sam))
    files.run(service("drive", "v3", alex))
    events.run(service("calendar", "v3", alex))
    narrow = sign_in.granular("sam@sandbox.example")
    from google.oauth2.credentials import Credentials

    gmail = service("gmail", "v1", Credentials(narrow["access_token"]))
    refused("oauth.scope_missing", 403, gmail.users().getProfile(userId="me").execute)
    sign_in.revoke(alex)
    total = sum(COUNTS.values())
    parts = ", ".join(f"{part} {count}" for part, count in COUNTS.items())
    print(f"{total} operations: {parts}")
    if total < LEAST:
        raise SystemExit(f"only {total} operations ran; at least {LEAST} must")


main()
