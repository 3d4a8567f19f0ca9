"""Gmail through Google's client."""

import base64
import io
from email.message import EmailMessage
from email.utils import make_msgid

from googleapiclient.http import MediaIoBaseUpload

from harness import operation, refused


def letter(to, subject, text, reply_to=None, attachment=None):
    message = EmailMessage()
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = make_msgid(domain="client.example")
    if reply_to:
        message["In-Reply-To"] = reply_to
        message["References"] = reply_to
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    if attachment:
        message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="zahlen ä.bin")
    return message


def raw(message):
    return base64.urlsafe_b64encode(message.as_bytes()).decode()


def header(message, name):
    return next(one["value"] for one in message["payload"]["headers"] if one["name"].lower() == name.lower())


def run(gmail, other):
    users = gmail.users()
    me = {"userId": "me"}
    start = operation("gmail.getProfile", users.getProfile(**me).execute, lambda got: got["messagesTotal"] > 200)
    operation("gmail.labels.list", users.labels().list(**me).execute, lambda got: len(got["labels"]) > 14)
    label = operation("gmail.labels.create", users.labels().create(**me, body={"name": "Client"}).execute)
    operation("gmail.labels.get", users.labels().get(**me, id=label["id"]).execute, lambda got: got["messagesTotal"] == 0)
    operation("gmail.labels.patch", users.labels().patch(**me, id=label["id"], body={"name": "Client 2"}).execute)
    refused("gmail.labels.create_again", 409, users.labels().create(**me, body={"name": "client 2"}).execute)

    messages = users.messages()
    request, pages, found = messages.list(**me, q="has:attachment newer_than:120d", maxResults=10), 0, []
    while request is not None and pages < 3:
        page = operation("gmail.messages.list", request.execute, lambda got: got["messages"])
        found += page["messages"]
        pages += 1
        request = messages.list_next(request, page)
    budget = messages.list(**me, q='subject:"quarterly budget"').execute()["messages"]
    thread = operation(
        "gmail.threads.get",
        users.threads().get(**me, id=budget[0]["threadId"]).execute,
        lambda got: len(got["messages"]) == 4,
    )
    operation("gmail.threads.list", users.threads().list(**me, labelIds=["INBOX"]).execute, lambda got: got["threads"])
    first = thread["messages"][0]
    part = next(one for one in first["payload"]["parts"] if one["filename"].endswith(".xlsx"))
    operation(
        "gmail.attachments.get",
        messages.attachments().get(**me, messageId=first["id"], id=part["body"]["attachmentId"]).execute,
        lambda got: base64.urlsafe_b64decode(got["data"]).startswith(b"PK") and got["size"] == part["body"]["size"],
    )
    for kind in ("minimal", "metadata", "raw", "full"):
        operation(f"gmail.messages.get.{kind}", messages.get(**me, id=first["id"], format=kind).execute)

    last = header(thread["messages"][-1], "Message-ID")
    reply = letter("sam@sandbox.example", "Re: Quarterly budget", "Looks good, thank you.", last)
    sent = operation(
        "gmail.messages.send.reply",
        messages.send(**me, body={"raw": raw(reply), "threadId": thread["id"]}).execute,
        lambda got: got["threadId"] == thread["id"] and "SENT" in got["labelIds"],
    )
    content = letter("sam@sandbox.example", "Numbers", "Attached.", attachment=bytes(range(256)) * 4096)
    media = MediaIoBaseUpload(io.BytesIO(content.as_bytes()), mimetype="message/rfc822", resumable=True)
    operation("gmail.messages.send.resumable", lambda: messages.send(**me, body={}, media_body=media).execute())
    arrived = other.users().messages().list(**me, q="subject:numbers from:alex has:attachment").execute()
    operation("gmail.delivered", lambda: arrived, lambda got: len(got["messages"]) == 1)

    operation(
        "gmail.messages.modify",
        messages.modify(**me, id=sent["id"], body={"addLabelIds": ["STARRED", label["id"]]}).execute,
        lambda got: "STARRED" in got["labelIds"],
    )
    ids = [one["id"] for one in found[:5]]
    operation("gmail.messages.batchModify", messages.batchModify(**me, body={"ids": ids, "addLabelIds": [label["id"]]}).execute)
    operation("gmail.messages.trash", messages.trash(**me, id=ids[0]).execute, lambda got: "TRASH" in got["labelIds"])
    operation("gmail.messages.untrash", messages.untrash(**me, id=ids[0]).execute, lambda got: "TRASH" not in got["labelIds"])
    inserted = operation(
        "gmail.messages.insert",
        messages.insert(**me, body={"raw": raw(letter("alex@sandbox.example", "Kept", "x")), "labelIds": ["INBOX"]}).execute,
    )
    operation("gmail.messages.delete", messages.delete(**me, id=inserted["id"]).execute)
    refused("gmail.messages.get.gone", 404, messages.get(**me, id=inserted["id"]).execute)

    drafts = users.drafts()
    draft = operation("gmail.drafts.create", drafts.create(**me, body={"message": {"raw": raw(letter("sam@sandbox.example", "Draft", "one"))}}).execute)
    operation("gmail.drafts.update", drafts.update(**me, id=draft["id"], body={"message": {"raw": raw(letter("sam@sandbox.example", "Draft", "two"))}}).execute)
    operation("gmail.drafts.get", drafts.get(**me, id=draft["id"]).execute, lambda got: got["message"]["snippet"].startswith("two"))
    operation("gmail.drafts.list", drafts.list(**me).execute, lambda got: len(got["drafts"]) == 3)
    operation("gmail.drafts.send", drafts.send(**me, body={"id": draft["id"]}).execute, lambda got: got["labelIds"] == ["SENT"])

    answers = {}
    batch = gmail.new_batch_http_request(callback=lambda id, answer, error: answers.update({id: (answer, error)}))
    for one in ids:
        batch.add(messages.get(**me, id=one, format="minimal"), request_id=one)
    batch.add(messages.get(**me, id="19ffffffffffffff"), request_id="missing")
    operation("gmail.batch", batch.execute)
    operation("gmail.batch.answers", lambda: answers, lambda got: all(got[one][0]["id"] == one for one in ids) and got["missing"][1].resp.status == 404)

    operation("gmail.history.list", users.history().list(**me, startHistoryId=start["historyId"]).execute, lambda got: len(got["history"]) > 8)
    operation("gmail.sendAs.list", users.settings().sendAs().list(**me).execute, lambda got: got["sendAs"][0]["isPrimary"])
    operation("gmail.filters.list", users.settings().filters().list(**me).execute, lambda got: got["filter"])
    operation("gmail.getVacation", users.settings().getVacation(**me).execute, lambda got: not got["enableAutoReply"])
    operation("gmail.labels.delete", users.labels().delete(**me, id=label["id"]).execute)
    refused("gmail.delegation_denied", 403, users.messages().list(userId="sam@sandbox.example").execute)
