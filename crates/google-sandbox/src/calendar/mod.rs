//! Google Calendar: calendars, events with recurrence, invitations, free and busy times.
//!
//! Not simulated: push channels (`watch`) and Google's own "working location" kinds of events.
//! Invariant: a user sees an event only through a calendar whose access rules name them.

use jiff::Timestamp;

use crate::{call::Service, world::World};

mod access;
mod acl;
mod calendar_list;
mod calendars;
mod colors;
mod conference;
mod event;
mod events;
mod free_busy;
mod invitations;
mod quick_add;
mod recurrence;
mod seed;
mod settings;
mod state;
mod when;

pub(crate) use state::State;

/// The simulated methods.
pub(crate) const SERVICE: Service = Service {
    name: "calendar",
    routes: &[
        ("calendar.acl.delete", acl::delete),
        ("calendar.acl.get", acl::get),
        ("calendar.acl.insert", acl::insert),
        ("calendar.acl.list", acl::list),
        ("calendar.calendarList.delete", calendar_list::delete),
        ("calendar.calendarList.get", calendar_list::get),
        ("calendar.calendarList.insert", calendar_list::insert),
        ("calendar.calendarList.list", calendar_list::list),
        ("calendar.calendarList.patch", calendar_list::patch),
        ("calendar.calendarList.update", calendar_list::patch),
        ("calendar.calendars.clear", calendars::clear),
        ("calendar.calendars.delete", calendars::delete),
        ("calendar.calendars.get", calendars::get),
        ("calendar.calendars.insert", calendars::insert),
        ("calendar.calendars.patch", calendars::patch),
        ("calendar.calendars.update", calendars::patch),
        ("calendar.colors.get", colors::get),
        ("calendar.events.delete", events::delete),
        ("calendar.events.get", events::get),
        ("calendar.events.import", events::import),
        ("calendar.events.insert", events::insert),
        ("calendar.events.instances", events::instances),
        ("calendar.events.list", events::list),
        ("calendar.events.move", events::relocate),
        ("calendar.events.patch", events::patch),
        ("calendar.events.quickAdd", events::quick_add),
        ("calendar.events.update", events::update),
        ("calendar.freebusy.query", free_busy::query),
        ("calendar.settings.get", settings::get),
        ("calendar.settings.list", settings::list),
    ],
    open,
    seed: seed::seed,
};

/// The calendar every account begins with.
fn open(world: &mut World, now: Timestamp) {
    for user in world.users.clone() {
        world.calendar.open(&user.email, now);
    }
}

#[cfg(test)]
mod tests;
