"""Calendar through Google's client."""

from harness import operation, refused


def run(calendar):
    events = calendar.events()
    own = {"calendarId": "primary"}
    operation("calendar.calendarList.list", calendar.calendarList().list().execute, lambda got: any(one.get("primary") for one in got["items"]))
    operation("calendar.settings.list", calendar.settings().list().execute, lambda got: got["items"])
    operation("calendar.colors.get", calendar.colors().get().execute, lambda got: got["event"])
    operation("calendar.events.list", events.list(**own, singleEvents=True, orderBy="startTime", maxResults=20).execute, lambda got: got["items"])
    series = {
        "summary": "Review",
        "start": {"dateTime": "2027-03-15T10:00:00", "timeZone": "Europe/Prague"},
        "end": {"dateTime": "2027-03-15T10:30:00", "timeZone": "Europe/Prague"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
        "attendees": [{"email": "sam@sandbox.example"}],
        "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 10}]},
        "conferenceData": {"createRequest": {"requestId": "once", "conferenceSolutionKey": {"type": "hangoutsMeet"}}},
    }
    made = operation("calendar.events.insert.recurring", events.insert(**own, body=series, conferenceDataVersion=1, sendUpdates="all").execute, lambda got: got["recurrence"] and got["conferenceData"]["entryPoints"])
    instances = operation(
        "calendar.events.instances",
        events.instances(**own, eventId=made["id"]).execute,
        # The clocks change on 28 March: the meeting stays at ten o'clock.
        lambda got: [one["start"]["dateTime"] for one in got["items"]]
        == ["2027-03-15T10:00:00+01:00", "2027-03-22T10:00:00+01:00", "2027-03-29T10:00:00+02:00", "2027-04-05T10:00:00+02:00"],
    )["items"]
    operation("calendar.events.patch.instance", events.patch(**own, eventId=instances[1]["id"], body={"summary": "Review, moved"}).execute, lambda got: got["recurringEventId"] == made["id"])
    operation("calendar.events.delete.instance", events.delete(**own, eventId=instances[2]["id"]).execute)
    operation("calendar.events.instances.left", events.instances(**own, eventId=made["id"]).execute, lambda got: len(got["items"]) == 3)
    operation("calendar.events.get", events.get(**own, eventId=made["id"]).execute, lambda got: got["summary"] == "Review")
    request = events.update(**own, eventId=made["id"], body={**made, "location": "Room 2"}, conferenceDataVersion=1)
    operation("calendar.events.update", request.execute, lambda got: got["location"] == "Room 2")
    stale = events.patch(**own, eventId=made["id"], body={"location": "Room 3"})
    stale.headers["If-Match"] = '"0"'
    refused("calendar.events.patch.stale", 412, stale.execute)
    allday = {"summary": "Holiday", "start": {"date": "2027-05-03"}, "end": {"date": "2027-05-04"}}
    day = operation("calendar.events.insert.all_day", events.insert(**own, body=allday).execute, lambda got: got["start"] == {"date": "2027-05-03"})
    window = {"timeMin": "2027-03-15T00:00:00Z", "timeMax": "2027-03-16T00:00:00Z", "items": [{"id": "primary"}]}
    operation("calendar.freebusy.query", calendar.freebusy().query(body=window).execute, lambda got: {"start": "2027-03-15T09:00:00Z", "end": "2027-03-15T09:30:00Z"} in got["calendars"]["primary"]["busy"])
    operation("calendar.events.quickAdd", events.quickAdd(**own, text="Lunch tomorrow at noon").execute, lambda got: got["id"])
    operation("calendar.events.list.query", events.list(**own, q="Holiday").execute, lambda got: len(got["items"]) >= 1)
    second = operation("calendar.calendars.insert", calendar.calendars().insert(body={"summary": "Client", "timeZone": "Europe/Prague"}).execute)
    operation("calendar.events.move", events.move(**own, eventId=day["id"], destination=second["id"]).execute)
    rule = {"role": "reader", "scope": {"type": "user", "value": "sam@sandbox.example"}}
    operation("calendar.acl.insert", calendar.acl().insert(calendarId=second["id"], body=rule).execute)
    operation("calendar.acl.list", calendar.acl().list(calendarId=second["id"]).execute, lambda got: len(got["items"]) == 2)
    operation("calendar.calendars.delete", calendar.calendars().delete(calendarId=second["id"]).execute)
    operation("calendar.events.delete", events.delete(**own, eventId=made["id"], sendUpdates="none").execute)
    gone = operation("calendar.events.get.cancelled", events.get(**own, eventId=made["id"]).execute, lambda got: got["status"] == "cancelled")
    return gone
