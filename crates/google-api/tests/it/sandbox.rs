//! The client against the sandbox, which checks every request against Google's descriptions.
//!
//! Neither was written from the other, so what both agree on is more than a habit.

use std::sync::Arc;

use bytes::Bytes;
use foundation::{Clock, SystemClock};
use google_api::{
    Client, Google, GoogleConfig, Hosts, Media, MediaStream, OAuthError, Range, ServiceAccount,
    ServiceAccountKey, StaticToken,
};
use google_sandbox::{CLIENT_ID, CLIENT_SECRET, Running, Sandbox, service_account_key};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::google::NoJitter;

const ALEX: &str = "alex@sandbox.example";
const SCOPES: [&str; 3] = [
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/calendar",
];

struct Place {
    running: Running,
    google: Google,
}

impl Place {
    async fn start() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let address = ([127, 0, 0, 1], 0).into();
        let running = Sandbox::builder(Arc::clone(&clock))
            .start(address)
            .await
            .unwrap();
        let hosts = Hosts::behind(Url::parse(&running.base_url()).unwrap());
        let google = Google::new(GoogleConfig::new(hosts, clock, Arc::new(NoJitter)));
        Self { running, google }
    }

    fn alex(&self) -> Client {
        let minted = self.running.handle().mint(ALEX, &SCOPES).unwrap();
        self.google
            .client(ALEX, Arc::new(StaticToken(minted.access_token.into())))
    }
}

fn content(length: usize) -> Bytes {
    (0..length)
        .map(|number| u8::try_from(number % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn lists_are_walked_over_many_pages() {
    let place = Place::start().await;
    let list = || {
        place
            .alex()
            .call("gmail.users.messages.list")
            .param("userId", "me")
    };
    let (all, next): (Vec<Value>, _) = list().collect("messages", 10_000).await.unwrap();
    assert!(all.len() > 100 && next.is_none(), "{}", all.len());
    let (some, next): (Vec<Value>, _) = list()
        .param("maxResults", 7)
        .fields("messages/id")
        .collect("messages", 20)
        .await
        .unwrap();
    assert!(some.len() >= 20 && next.is_some());
    let mut ids: Vec<&str> = some
        .iter()
        .filter_map(|message| message["id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), some.len());
}

#[tokio::test]
async fn a_file_goes_up_in_pieces_and_comes_down_in_parts() {
    let place = Place::start().await;
    let alex = place.alex();
    let length = 12 * 1024 * 1024 + 17;
    let reader = Box::new(std::io::Cursor::new(content(length)));
    let stream = MediaStream {
        mime_type: "application/octet-stream".into(),
        length: None,
        reader,
    };
    let create = || {
        alex.call("drive.files.create")
            .body(json!({"name": "big.bin"}))
            .fields("id,size")
    };
    let file = create().upload_stream(stream).await.unwrap();
    assert_eq!(file["size"], length.to_string());

    let get = || {
        alex.call("drive.files.get")
            .param("fileId", file["id"].as_str().unwrap())
    };
    let whole = get().download(None, u64::MAX).await.unwrap();
    assert!(
        whole.bytes == content(length),
        "what came down is what went up"
    );
    let range = Some(Range {
        start: 1_000_000,
        end: None,
    });
    let part = get().download(range, 5000).await.unwrap();
    assert_eq!(part.bytes, content(length).slice(1_000_000..1_005_000));
    assert_eq!((part.total, part.truncated), (Some(length as u64), true));

    let small = Media {
        mime_type: "text/plain".into(),
        bytes: "small".into(),
    };
    assert_eq!(create().upload(small).await.unwrap()["size"], "5");
}

#[tokio::test]
async fn a_lost_answer_creates_one_event_under_the_chosen_id() {
    let place = Place::start().await;
    place
        .running
        .handle()
        .lose_next_answer("calendar.events.insert");
    let event = json!({"id": "chosen0id1", "summary": "once",
        "start": {"date": "2026-11-23"}, "end": {"date": "2026-11-24"}});
    let error = place
        .alex()
        .call("calendar.events.insert")
        .param("calendarId", "primary")
        .body(event)
        .idempotency(google_api::Idempotency::Keyed)
        .send()
        .await
        .unwrap_err();
    assert!(error.took_effect, "{error:?}");
    let read = place
        .alex()
        .call("calendar.events.get")
        .param("calendarId", "primary")
        .param("eventId", "chosen0id1")
        .send();
    assert_eq!(read.await.unwrap()["summary"], "once");
    assert!(place.running.handle().unmet_faults().is_empty());
}

#[tokio::test]
async fn grants_are_refreshed_described_and_ended() {
    let place = Place::start().await;
    let minted = place.running.handle().mint(ALEX, &SCOPES).unwrap();
    let refresh: SecretString = minted.refresh_token.into();
    let client = place
        .google
        .oauth(CLIENT_ID, Some(CLIENT_SECRET.to_owned().into()));
    let answer = client.refresh(&refresh).await.unwrap();
    assert!(answer.scopes().contains(&SCOPES[1].to_owned()));
    let info = client.token_info(&answer.access_token).await.unwrap();
    assert_eq!(info.aud.as_deref(), Some(CLIENT_ID));
    client.revoke(&refresh).await.unwrap();
    assert!(matches!(
        client.refresh(&refresh).await,
        Err(OAuthError::Grant(_))
    ));
    assert!(matches!(
        client.token_info(&answer.access_token).await,
        Err(OAuthError::InvalidToken)
    ));
}

#[tokio::test]
async fn a_service_account_acts_for_a_user() {
    let place = Place::start().await;
    let file = service_account_key(&place.running.base_url()).to_string();
    let key = ServiceAccountKey::parse(&file).unwrap();
    let robot = ServiceAccount::new(&place.google, key, Vec::new());
    let client = place.google.client(ALEX, robot.act_as(ALEX));
    let profile = client
        .call("gmail.users.getProfile")
        .param("userId", "me")
        .send()
        .await
        .unwrap();
    assert_eq!(profile["emailAddress"], ALEX);
    let nobody = place
        .google
        .client("x", robot.act_as("nobody@sandbox.example"));
    let error = nobody
        .call("gmail.users.getProfile")
        .param("userId", "me")
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind, foundation::Kind::NeedsConsent);
}
