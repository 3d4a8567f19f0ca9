//! Which calendar a call means, and whether the caller may.
//!
//! Invariant: a calendar the caller has no access to answers exactly like one that does not exist.

use super::state::{Calendar, Role};
use crate::{call::Call, error::ApiError};

/// The id of the calendar in `calendarId`, once the caller's role there is at least `least`.
pub(super) fn calendar_id(call: &Call<'_>, least: Role) -> Result<String, ApiError> {
    named(call, call.required("calendarId"), least)
}

/// The id of the calendar called `name`, `primary` included.
pub(super) fn named(call: &Call<'_>, name: &str, least: Role) -> Result<String, ApiError> {
    let id = if name == "primary" {
        call.user.clone()
    } else {
        name.to_owned()
    };
    let calendar = call
        .world
        .calendar
        .calendars
        .get(&id)
        .ok_or_else(not_found)?;
    match calendar.role(&call.user) {
        Role::None => Err(not_found()),
        role if role >= least => Ok(id),
        _ if least == Role::Reader => Err(not_found()),
        _ => Err(ApiError::forbidden(
            "requiredAccessLevel",
            format!("You need to have {} access to this calendar.", least.name()),
        )
        .in_domain("calendar")),
    }
}

/// The calendar of an id that [`named`] has found.
pub(super) fn calendar<'a>(call: &'a Call<'_>, id: &str) -> &'a Calendar {
    call.world
        .calendar
        .calendars
        .get(id)
        .expect("access was checked on this very calendar")
}

/// The same, to change it.
pub(super) fn calendar_mut<'a>(call: &'a mut Call<'_>, id: &str) -> &'a mut Calendar {
    call.world
        .calendar
        .calendars
        .get_mut(id)
        .expect("access was checked on this very calendar")
}

/// Google's answer for whatever is not there.
pub(super) fn not_found() -> ApiError {
    ApiError::not_found("Not Found")
}

/// Google's answer for a field without its value.
pub(super) fn missing(message: &str) -> ApiError {
    ApiError::new(400, "required", message)
}

/// Google's answer for a value that cannot be.
pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "invalid", message)
}
