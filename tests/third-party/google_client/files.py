"""Drive through Google's client."""

import hashlib
import io

from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

from harness import operation, refused

MIB = 1024 * 1024
DOCUMENT = "application/vnd.google-apps.document"
SHEET = "application/vnd.google-apps.spreadsheet"


def listed(files, **question):
    """All files over all pages."""
    found, request = [], files.list(fields="nextPageToken,files(id,name,mimeType)", **question)
    while request is not None:
        page = request.execute()
        found += page.get("files", [])
        request = files.list_next(request, page)
    return found


def run(drive):
    files = drive.files()
    operation("drive.about", drive.about().get(fields="user,storageQuota").execute, lambda got: got["user"]["emailAddress"])
    everything = operation("drive.files.list", lambda: listed(files, pageSize=10), lambda got: len(got) > 10)
    operation("drive.files.list.query", lambda: listed(files, q="mimeType = 'application/vnd.google-apps.folder' and trashed = false"), lambda got: got and len(got) < len(everything))
    folder = operation("drive.files.create.folder", files.create(body={"name": "Client", "mimeType": "application/vnd.google-apps.folder"}, fields="id").execute)
    small = MediaIoBaseUpload(io.BytesIO(b"a small text"), mimetype="text/plain")
    note = operation("drive.files.create.multipart", lambda: files.create(body={"name": "note.txt", "parents": [folder["id"]]}, media_body=small, fields="id,size,md5Checksum,parents").execute(), lambda got: got["size"] == "12" and got["parents"] == [folder["id"]])
    operation("drive.files.get", files.get(fileId=note["id"], fields="id,name,mimeType").execute, lambda got: got["name"] == "note.txt")
    operation("drive.files.get_media", lambda: files.get_media(fileId=note["id"]).execute(), lambda got: got == b"a small text")
    operation("drive.files.list.parent", lambda: listed(files, q=f"'{folder['id']}' in parents"), lambda got: len(got) == 1)

    content = b"".join(hashlib.sha256(str(at).encode()).digest() for at in range(12 * MIB // 32))
    media = MediaIoBaseUpload(io.BytesIO(content), mimetype="application/octet-stream", chunksize=MIB, resumable=True)
    request = files.create(body={"name": "large.bin", "parents": [folder["id"]]}, media_body=media, fields="id,size,md5Checksum")
    chunks = []

    def upload():
        done = None
        while done is None:
            progress, done = request.next_chunk()
            if progress:
                chunks.append(progress.resumable_progress)
        return done

    large = operation("drive.files.create.resumable_12MB", upload, lambda got: int(got["size"]) == len(content) and got["md5Checksum"] == hashlib.md5(content).hexdigest() and len(chunks) == 11)

    def download():
        sink = io.BytesIO()
        loader = MediaIoBaseDownload(sink, files.get_media(fileId=large["id"]), chunksize=5 * MIB)
        done, pieces = False, 0
        while not done:
            _, done = loader.next_chunk()
            pieces += 1
        return sink.getvalue(), pieces

    operation("drive.files.download.ranged", download, lambda got: got[0] == content and got[1] == 3)
    fresh = MediaIoBaseUpload(io.BytesIO(b"changed"), mimetype="text/plain", resumable=True)
    operation("drive.files.update.content", lambda: files.update(fileId=note["id"], media_body=fresh, fields="size").execute(), lambda got: got["size"] == "7")
    operation("drive.files.update.metadata", files.update(fileId=note["id"], body={"name": "renamed.txt", "starred": True}, fields="name,starred").execute, lambda got: got["starred"])
    operation("drive.files.list.name", lambda: listed(files, q="name contains 'renamed' and starred = true"), lambda got: len(got) == 1)
    operation("drive.files.copy", files.copy(fileId=note["id"], body={"name": "copy.txt"}, fields="id").execute)

    document = next(one for one in everything if one["mimeType"] == DOCUMENT)
    sheet = next(one for one in everything if one["mimeType"] == SHEET)
    operation("drive.files.export.text", lambda: files.export(fileId=document["id"], mimeType="text/plain").execute(), lambda got: len(got) > 20)
    operation("drive.files.export.pdf", lambda: files.export(fileId=document["id"], mimeType="application/pdf").execute(), lambda got: got.startswith(b"%PDF"))
    operation("drive.files.export.csv", lambda: files.export(fileId=sheet["id"], mimeType="text/csv").execute(), lambda got: b"," in got)
    operation("drive.files.export.xlsx", lambda: files.export(fileId=sheet["id"], mimeType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet").execute(), lambda got: got.startswith(b"PK"))

    permissions = drive.permissions()
    right = operation("drive.permissions.create", permissions.create(fileId=note["id"], body={"type": "user", "role": "reader", "emailAddress": "sam@sandbox.example"}, sendNotificationEmail=False, fields="id,role").execute, lambda got: got["role"] == "reader")
    operation("drive.permissions.update", permissions.update(fileId=note["id"], permissionId=right["id"], body={"role": "writer"}).execute, lambda got: got["role"] == "writer")
    operation("drive.permissions.list", permissions.list(fileId=note["id"]).execute, lambda got: len(got["permissions"]) == 2)
    operation("drive.permissions.delete", permissions.delete(fileId=note["id"], permissionId=right["id"]).execute)
    comment = operation("drive.comments.create", drive.comments().create(fileId=note["id"], body={"content": "Nice"}, fields="id,content").execute)
    operation("drive.comments.list", drive.comments().list(fileId=note["id"], fields="comments(id)").execute, lambda got: got["comments"][0]["id"] == comment["id"])
    operation("drive.revisions.list", drive.revisions().list(fileId=note["id"]).execute, lambda got: len(got["revisions"]) >= 2)
    ids = operation("drive.files.generateIds", files.generateIds(count=2).execute, lambda got: len(got["ids"]) == 2)["ids"]
    operation("drive.files.create.own_id", files.create(body={"id": ids[0], "name": "once"}, fields="id").execute, lambda got: got["id"] == ids[0])
    refused("drive.files.create.own_id_again", 409, files.create(body={"id": ids[0], "name": "once"}).execute)
    operation("drive.files.update.trash", files.update(fileId=ids[0], body={"trashed": True}, fields="trashed").execute, lambda got: got["trashed"])
    operation("drive.files.delete", files.delete(fileId=folder["id"]).execute)
    refused("drive.files.get.gone", 404, files.get(fileId=large["id"]).execute)
