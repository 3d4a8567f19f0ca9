//! The demo calendars: a believable few months around the day the sandbox starts.
//!
//! Invariant: the data follows from the seed and the starting day alone.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use serde_json::{Value, json};

use super::{
    invitations,
    recurrence::Start,
    state::{HOME_ZONE, Role, Rule},
    when,
};
use crate::world::World;

/// The holidays both users see.
const HOLIDAYS: &str = "en.czech#holiday@group.v.calendar.google.com";

/// The days off, by month and day.
const HOLIDAY_DAYS: &[(i8, i8, &str)] = &[
    (1, 1, "New Year's Day"),
    (5, 1, "Labour Day"),
    (5, 8, "Victory Day"),
    (7, 5, "Saints Cyril and Methodius Day"),
    (7, 6, "Jan Hus Day"),
    (9, 28, "Czech Statehood Day"),
    (10, 28, "Independent Czechoslovak State Day"),
    (11, 17, "Freedom and Democracy Day"),
    (12, 24, "Christmas Eve"),
    (12, 25, "Christmas Day"),
    (12, 26, "St. Stephen's Day"),
];

/// Opens the calendars and fills them.
pub(super) fn seed(world: &mut World, now: Timestamp) {
    super::open(world, now);
    let people: Vec<String> = world.users.iter().map(|user| user.email.clone()).collect();
    let mut seeding = Seeding {
        world,
        now,
        zone: zone(),
        number: 0,
    };
    seeding.holidays(&people);
    let [one, two, ..] = people.as_slice() else {
        return;
    };
    seeding.work(one, two);
    seeding.private_life(one);
    seeding.trips(one, two);
    seeding.of_the_other(one, two);
    seeding.team_calendar(one, two);
}

fn zone() -> TimeZone {
    TimeZone::get(HOME_ZONE).expect("the bundled zones have Prague")
}

struct Seeding<'a> {
    world: &'a mut World,
    now: Timestamp,
    zone: TimeZone,
    number: u32,
}

impl Seeding<'_> {
    fn work(&mut self, one: &str, two: &str) {
        let monday = self.monday();
        let long_ago = monday.saturating_sub(12.weeks());
        let both = json!([
            {"email": one, "responseStatus": "accepted", "organizer": true},
            {"email": two, "responseStatus": "accepted"},
        ]);
        self.add(
            one,
            "Team stand-up",
            &at(long_ago, 9, 30),
            15,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"],
                "attendees": both,
                "location": "Meeting room Vltava",
                "description": "What was done, what is next, what is in the way.",
                "conferenceData": meet("stn-dupx-daw"),
            }),
        );
        let tuesday = long_ago.saturating_add(1.day());
        self.add(
            one,
            "One-to-one with Sam",
            &at(tuesday, 14, 0),
            30,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"],
                "attendees": both,
                "conferenceData": meet("one-onex-sam"),
            }),
        );
        let first_friday = long_ago
            .first_of_month()
            .nth_weekday_of_month(1, Weekday::Friday);
        self.add(
            one,
            "All hands",
            &at(first_friday.unwrap_or(long_ago), 15, 0),
            60,
            &json!({
                "recurrence": ["RRULE:FREQ=MONTHLY;BYDAY=1FR"],
                "attendees": [
                    {"email": one, "responseStatus": "accepted", "organizer": true},
                    {"email": two, "responseStatus": "tentative"},
                    {"email": "everyone@sandbox.example", "responseStatus": "needsAction"},
                ],
                "location": "Auditorium",
            }),
        );
        self.add(one, "Quarterly planning", &at(monday.saturating_add(9.days()), 10, 0), 180, &json!({
            "attendees": both,
            "description": "Bring the figures of the last quarter.\nAgenda: results, goals, budget.",
            "location": "Meeting room Labe",
            "reminders": {"useDefault": false, "overrides": [
                {"method": "email", "minutes": 1440}, {"method": "popup", "minutes": 15}]},
        }));
        self.add(
            one,
            "Interview: backend engineer",
            &at(monday.saturating_add(3.days()), 13, 0),
            60,
            &json!({
                "attendees": [
                    {"email": one, "responseStatus": "accepted", "organizer": true},
                    {"email": "jordan.lee@candidate.example", "responseStatus": "accepted"},
                ],
                "conferenceData": meet("int-ervw-eng"),
                "visibility": "private",
            }),
        );
        for (days, hour, summary) in [
            (-40, 11, "Contract review with Northwind"),
            (-26, 16, "Retrospective"),
            (-12, 10, "Security review"),
            (4, 11, "Design review: search"),
            (17, 9, "Release 1.4"),
        ] {
            let day = monday.saturating_add(days.days());
            self.add(
                one,
                summary,
                &at(day, hour, 0),
                60,
                &json!({"attendees": both}),
            );
        }
    }

    fn private_life(&mut self, one: &str) {
        let monday = self.monday();
        self.add(
            one,
            "Dentist",
            &at(monday.saturating_add(8.days()), 8, 0),
            45,
            &json!({
                "location": "Dentist Karlin, Sokolovska 12, Prague",
                "visibility": "private",
            }),
        );
        let thursday = monday.saturating_sub(8.weeks()).saturating_add(3.days());
        self.add(
            one,
            "Yoga",
            &at(thursday, 18, 0),
            75,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=TH;COUNT=40"],
                "transparency": "transparent",
                "colorId": "10",
            }),
        );
        let birthday = Date::new(monday.year() - 1, 12, 3).unwrap_or(monday);
        self.add_days(
            one,
            "Birthday of Robin",
            birthday,
            1,
            &json!({
                "recurrence": ["RRULE:FREQ=YEARLY"],
                "transparency": "transparent",
            }),
        );
    }

    fn trips(&mut self, one: &str, two: &str) {
        let monday = self.monday();
        self.add_days(
            one,
            "Trip to Lisbon",
            monday.saturating_add(24.days()),
            5,
            &json!({
                "location": "Lisbon, Portugal",
                "description": "Flight TP1301, hotel near Rossio.",
            }),
        );
        self.add_days(
            one,
            "Conference in Vienna",
            monday.saturating_sub(20.days()),
            3,
            &json!({
                "location": "Vienna, Austria",
            }),
        );
        self.add_days(
            two,
            "Holiday",
            monday.saturating_add(31.days()),
            7,
            &json!({}),
        );
    }

    fn of_the_other(&mut self, one: &str, two: &str) {
        let monday = self.monday();
        let invite = |status: &str| {
            json!([
                {"email": two, "responseStatus": "accepted", "organizer": true},
                {"email": one, "responseStatus": status},
            ])
        };
        self.add(
            two,
            "Budget talk",
            &at(monday.saturating_add(2.days()), 11, 0),
            45,
            &json!({
                "attendees": invite("needsAction"),
                "description": "Can we move the travel money to training?",
                "conferenceData": meet("bud-getx-tlk"),
            }),
        );
        self.add(
            two,
            "Customer workshop",
            &at(monday.saturating_add(10.days()), 9, 0),
            240,
            &json!({
                "attendees": invite("declined"),
                "location": "Brno",
            }),
        );
        self.add(
            two,
            "Focus time",
            &at(monday, 8, 0),
            60,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE"],
            }),
        );
    }

    fn team_calendar(&mut self, one: &str, two: &str) {
        const TEAM: &str = "c_team@group.calendar.google.com";
        self.world.calendar.add(TEAM, one, "Team", HOME_ZONE);
        if let Some(team) = self.world.calendar.calendars.get_mut(TEAM) {
            team.description = Some("On-call duty, releases and days off.".to_owned());
            team.rules.push(Rule::user(two, Role::Writer));
        }
        self.world.calendar.show(two, TEAM, "9");
        let monday = self.monday();
        self.add_days(
            TEAM,
            "On call: Alex",
            monday.saturating_sub(8.weeks()),
            7,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2"], "transparency": "transparent",
            }),
        );
        self.add_days(
            TEAM,
            "On call: Sam",
            monday.saturating_sub(7.weeks()),
            7,
            &json!({
                "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2"], "transparency": "transparent",
            }),
        );
        self.add(
            TEAM,
            "Code freeze",
            &at(monday.saturating_add(15.days()), 17, 0),
            30,
            &json!({}),
        );
    }

    fn holidays(&mut self, people: &[String]) {
        self.world.calendar.add(
            HOLIDAYS,
            "calendar@google.com",
            "Holidays in Czechia",
            HOME_ZONE,
        );
        if let Some(holidays) = self.world.calendar.calendars.get_mut(HOLIDAYS) {
            let (kind, value) = ("default".to_owned(), String::new());
            holidays.rules.push(Rule {
                kind,
                value,
                role: Role::Reader,
            });
        }
        for person in people {
            self.world.calendar.show(person, HOLIDAYS, "8");
        }
        let year = self.monday().year();
        for year in year - 1..=year + 1 {
            for (month, day, summary) in HOLIDAY_DAYS {
                if let Ok(date) = Date::new(year, *month, *day) {
                    self.add_days(
                        HOLIDAYS,
                        summary,
                        date,
                        1,
                        &json!({
                            "transparency": "transparent", "visibility": "public",
                        }),
                    );
                }
            }
        }
    }

    /// The Monday of the week the sandbox starts in.
    fn monday(&self) -> Date {
        let today = self.zone.to_datetime(self.now).date();
        let past = i32::from(today.weekday().since(Weekday::Monday));
        today.saturating_sub(past.days())
    }

    fn add(
        &mut self,
        calendar: &str,
        summary: &str,
        start: &(Date, Time),
        minutes: i64,
        more: &Value,
    ) {
        let local = start.0.to_datetime(start.1);
        let begin = self
            .zone
            .to_ambiguous_timestamp(local)
            .compatible()
            .unwrap_or(self.now);
        let end = begin + jiff::SignedDuration::from_mins(minutes);
        let (begin, end) = (
            Start::Moment(begin, self.zone.clone()),
            Start::Moment(end, self.zone.clone()),
        );
        self.store(calendar, summary, &begin, &end, more);
    }

    fn add_days(&mut self, calendar: &str, summary: &str, first: Date, days: i32, more: &Value) {
        let last = first.saturating_add(days.days());
        self.store(
            calendar,
            summary,
            &Start::Day(first),
            &Start::Day(last),
            more,
        );
    }

    fn store(&mut self, calendar: &str, summary: &str, start: &Start, end: &Start, more: &Value) {
        self.number += 1;
        let id = format!(
            "{:04}{}",
            self.number,
            self.world
                .chance
                .text("0123456789abcdefghijklmnopqrstuv", 22)
        );
        let created = self
            .now
            .checked_sub(jiff::SignedDuration::from_hours(24 * 90));
        let created = json!(when::stamp(created.unwrap_or(self.now)));
        let name = self.world.user(calendar).map(|user| user.name.clone());
        let name =
            name.or_else(|| Some(self.world.calendar.calendars.get(calendar)?.summary.clone()));
        let mut fields = json!({
            "id": id,
            "iCalUID": format!("{id}@google.com"),
            "status": "confirmed",
            "summary": summary,
            "start": when::write(start, &self.zone),
            "end": when::write(end, &self.zone),
            "created": created,
            "updated": created,
            "sequence": 0,
            "creator": {"email": calendar},
            "organizer": {"email": calendar, "displayName": name},
            "reminders": {"useDefault": true},
            "eventType": "default",
        })
        .as_object()
        .cloned()
        .unwrap_or_default();
        fields.extend(more.as_object().cloned().unwrap_or_default());
        self.world.calendar.store(calendar, &id, fields);
        invitations::spread(self.world, calendar, &id, None);
    }
}

fn at(day: Date, hour: i8, minute: i8) -> (Date, Time) {
    (day, Time::constant(hour, minute, 0, 0))
}

/// A Meet conference that exists already.
fn meet(code: &str) -> Value {
    json!({
        "entryPoints": [{
            "entryPointType": "video",
            "uri": format!("https://meet.google.com/{code}"),
            "label": format!("meet.google.com/{code}"),
        }],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    })
}
