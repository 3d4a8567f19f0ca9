//! The authorisation endpoint: checks the question, asks the person, sends the answer back.
//!
//! Not the page itself. Invariant: nothing is sent to an address that is not the client's.

use http::StatusCode;
use jiff::Timestamp;

use super::{
    consent,
    state::{self, Code},
};
use crate::{
    door::{Answer, Incoming},
    shared::SignInKnobs,
    world::World,
};

/// The question a client asks.
pub(super) struct Question {
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    pub(super) login_hint: Option<String>,
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Option<(String, String)>,
    offline: bool,
    prompt: Vec<String>,
    include_granted: bool,
}

/// Shows the consent page, or takes its answer.
pub(super) fn answer(
    world: &mut World,
    knobs: &SignInKnobs,
    incoming: &Incoming,
    now: Timestamp,
) -> Answer {
    let question = match read(world, incoming) {
        Ok(question) => question,
        Err((status, code, explanation)) => {
            return Answer::html(status, consent::refusal(code, &explanation));
        }
    };
    if incoming.method == http::Method::POST {
        return decide(world, knobs, &question, &incoming.form(), now);
    }
    if question.prompt.iter().any(|word| word == "none") {
        return silently(world, &question, now);
    }
    let action = format!(
        "{}?{}",
        incoming.host.as_ref().map_or_else(
            || incoming.path.clone(),
            |host| format!("/{host}{}", incoming.path)
        ),
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&incoming.query)
            .finish()
    );
    Answer::html(
        StatusCode::OK,
        consent::page(&question, &world.users, &action),
    )
}

type Refused = (StatusCode, &'static str, String);

fn read(world: &World, incoming: &Incoming) -> Result<Question, Refused> {
    let bad = |code, text: &str| (StatusCode::BAD_REQUEST, code, text.to_owned());
    let text = |name| {
        incoming
            .query(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    };
    let client_id = text("client_id")
        .ok_or_else(|| bad("invalid_request", "Missing required parameter: client_id"))?;
    if state::client(&client_id, None).is_none() {
        let text = "The OAuth client was not found.".to_owned();
        return Err((StatusCode::UNAUTHORIZED, "invalid_client", text));
    }
    let redirect_uri = text("redirect_uri").ok_or_else(|| {
        bad(
            "invalid_request",
            "Missing required parameter: redirect_uri",
        )
    })?;
    if !world.oauth.allows_redirect(&redirect_uri) {
        return Err(bad(
            "redirect_uri_mismatch",
            "The redirect URI is neither a loopback address nor registered for this client.",
        ));
    }
    if text("response_type").as_deref() != Some("code") {
        return Err(bad(
            "unsupported_response_type",
            "response_type must be code.",
        ));
    }
    let scopes: Vec<String> = text("scope")
        .ok_or_else(|| bad("invalid_request", "Missing required parameter: scope"))?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let scopes = state::normalised(&scopes);
    let known = |scope: &String| {
        state::is_identity(scope)
            || scope.starts_with("https://www.googleapis.com/auth/")
            || scope == "https://mail.google.com/"
    };
    if let Some(wrong) = scopes.iter().find(|scope| !known(scope)) {
        return Err(bad(
            "invalid_scope",
            &format!("Some requested scopes were invalid: {wrong}"),
        ));
    }
    let method = text("code_challenge_method").unwrap_or_else(|| "plain".to_owned());
    let challenge = text("code_challenge");
    if challenge.is_some() && method != "S256" && method != "plain" {
        return Err(bad(
            "invalid_request",
            "code_challenge_method must be S256 or plain.",
        ));
    }
    Ok(Question {
        client_id,
        scopes,
        login_hint: text("login_hint"),
        redirect_uri,
        state: incoming.query("state").map(str::to_owned),
        nonce: text("nonce"),
        challenge: challenge.map(|challenge| (method, challenge)),
        offline: text("access_type").as_deref() == Some("offline"),
        prompt: text("prompt")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        include_granted: text("include_granted_scopes").as_deref() == Some("true"),
    })
}

/// The form: `user`, `scope` once for each tick, `decision`. A form that carries `ticked` lists
/// all its ticks; one that does not, and has no `scope`, means all of them.
fn decide(
    world: &mut World,
    knobs: &SignInKnobs,
    question: &Question,
    form: &[(String, String)],
    now: Timestamp,
) -> Answer {
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if field("decision") != Some("allow") {
        return redirect(question, &[("error", "access_denied")]);
    }
    let email = field("user")
        .or(question.login_hint.as_deref())
        .unwrap_or_default();
    let Some(user) = world.user(email) else {
        let text = "Couldn't find that account; choose one of those listed.";
        return Answer::html(
            StatusCode::BAD_REQUEST,
            consent::refusal("invalid_request", text),
        );
    };
    let (email, domain) = (user.email.clone(), user.domain().to_owned());
    let ticks: Vec<&str> = form
        .iter()
        .filter(|(key, _)| key == "scope")
        .map(|(_, value)| value.as_str())
        .collect();
    let all = ticks.is_empty() && field("ticked").is_none();
    let granted: Vec<String> = question
        .scopes
        .iter()
        .filter(|scope| {
            let ticked = all || ticks.contains(&scope.as_str());
            state::is_identity(scope) || (ticked && !knobs.denied_scopes.contains(scope))
        })
        .cloned()
        .collect();
    allow(world, question, &email, &domain, &granted, now)
}

fn allow(
    world: &mut World,
    question: &Question,
    email: &str,
    domain: &str,
    granted: &[String],
    now: Timestamp,
) -> Answer {
    let first = world
        .oauth
        .live(&question.client_id, email)
        .is_none_or(|grant| !world.oauth.has_refresh(grant));
    let asked_again = question.prompt.iter().any(|word| word == "consent");
    let grant = world.oauth.grant(&question.client_id, email, granted);
    let scopes = if question.include_granted {
        world.oauth.at(grant).scopes.clone()
    } else {
        granted.to_vec()
    };
    let text = scopes.join(" ");
    let code = Code {
        grant,
        scopes,
        redirect_uri: question.redirect_uri.clone(),
        challenge: question.challenge.clone(),
        nonce: question.nonce.clone(),
        wants_refresh: question.offline && (first || asked_again),
        issued: now,
        used: false,
    };
    let code = world.oauth.issue_code(&mut world.chance, code);
    redirect(
        question,
        &[
            ("iss", "https://accounts.google.com"),
            ("code", &code),
            ("scope", &text),
            ("authuser", "0"),
            ("hd", domain),
            ("prompt", if asked_again { "consent" } else { "none" }),
        ],
    )
}

/// `prompt=none`: yes, if the person would not have to be asked.
fn silently(world: &mut World, question: &Question, now: Timestamp) -> Answer {
    let hint = question.login_hint.as_deref().unwrap_or_default();
    let Some((email, domain)) = world
        .user(hint)
        .map(|user| (user.email.clone(), user.domain().to_owned()))
    else {
        return redirect(question, &[("error", "interaction_required")]);
    };
    let covered = world
        .oauth
        .live(&question.client_id, &email)
        .is_some_and(|grant| {
            let has = &world.oauth.at(grant).scopes;
            question.scopes.iter().all(|scope| has.contains(scope))
        });
    if covered {
        let granted = question.scopes.clone();
        allow(world, question, &email, &domain, &granted, now)
    } else {
        redirect(question, &[("error", "consent_required")])
    }
}

fn redirect(question: &Question, pairs: &[(&str, &str)]) -> Answer {
    let mut target =
        url::Url::parse(&question.redirect_uri).expect("the redirect address was parsed before");
    {
        let mut query = target.query_pairs_mut();
        if let Some(state) = &question.state {
            query.append_pair("state", state);
        }
        query.extend_pairs(pairs);
    }
    Answer {
        status: StatusCode::FOUND,
        headers: vec![
            ("location", target.into()),
            ("cache-control", "no-store".into()),
        ],
        body: bytes::Bytes::new(),
    }
}
