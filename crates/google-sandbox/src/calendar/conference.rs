//! Google Meet links of events.
//!
//! Invariant: one request id makes one conference; asking again with the same id changes nothing.

use serde_json::{Value, json};

use super::state::Fields;
use crate::{error::ApiError, world::Chance};

/// Makes the conference that the body asks for, or keeps what was there.
///
/// `supported` is `conferenceDataVersion=1`; without it the client knows nothing of conferences
/// and must not lose one.
pub(super) fn settle(
    fields: &mut Fields,
    before: Option<&Fields>,
    supported: bool,
    chance: &mut Chance,
) -> Result<(), ApiError> {
    let kept = before.and_then(|before| before.get("conferenceData"));
    if !supported {
        fields.remove("conferenceData");
        if let Some(kept) = kept {
            fields.insert("conferenceData".into(), kept.clone());
        }
        return Ok(());
    }
    let Some(data) = fields
        .get("conferenceData")
        .filter(|data| !data.is_null())
        .cloned()
    else {
        fields.remove("conferenceData");
        return Ok(());
    };
    let Some(request) = data.get("createRequest") else {
        return Ok(());
    };
    if data.get("entryPoints").is_some() && kept.is_some() {
        return Ok(());
    }
    let id = request["requestId"].as_str().unwrap_or_default();
    if id.is_empty() {
        return Err(ApiError::new(
            400,
            "invalid",
            "Missing conference request ID.",
        ));
    }
    if let Some(kept) = kept.filter(|kept| kept["createRequest"]["requestId"] == id) {
        fields.insert("conferenceData".into(), kept.clone());
        return Ok(());
    }
    let kind = request["conferenceSolutionKey"]["type"]
        .as_str()
        .unwrap_or("hangoutsMeet");
    if kind != "hangoutsMeet" {
        return Err(ApiError::new(
            400,
            "invalid",
            "Invalid conference type value.",
        ));
    }
    fields.insert("conferenceData".into(), meet(id, chance));
    Ok(())
}

/// The address of the video meeting, shown as `hangoutLink`.
pub(super) fn link(fields: &Fields) -> Option<&str> {
    let points = fields
        .get("conferenceData")?
        .get("entryPoints")?
        .as_array()?;
    points
        .iter()
        .find(|point| point["entryPointType"] == "video")?["uri"]
        .as_str()
}

fn meet(request: &str, chance: &mut Chance) -> Value {
    let mut part = |length| chance.text("abcdefghijkmnopqrstuvwxyz", length);
    let code = format!("{}-{}-{}", part(3), part(4), part(3));
    json!({
        "createRequest": {
            "requestId": request,
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": "success"},
        },
        "entryPoints": [{
            "entryPointType": "video",
            "uri": format!("https://meet.google.com/{code}"),
            "label": format!("meet.google.com/{code}"),
        }],
        "conferenceSolution": {
            "key": {"type": "hangoutsMeet"},
            "name": "Google Meet",
            "iconUri": "https://fonts.gstatic.com/s/i/productlogos/meet_2020q4/v6/web-512dp/logo_meet_2020q4_color_2x_web_512dp.png",
        },
        "conferenceId": code,
    })
}
