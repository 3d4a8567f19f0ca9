//! Faults on order: what to break, how often, and in which way.
//!
//! Not chance of its own: whoever asks brings the repeatable sequence. Invariant: a planned fault
//! is used up exactly as often as it was ordered.

use std::str::FromStr;

use serde::Deserialize;

use crate::{
    error::{ApiError, Info},
    world::Chance,
};

/// How a request goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Google answers with an error and does nothing.
    Status {
        /// The HTTP status.
        code: u16,
        /// The reason in the error body; Google's usual one for the status when absent.
        reason: Option<String>,
        /// Seconds for `Retry-After`.
        retry_after: Option<u64>,
    },
    /// Google does the work, and the answer never arrives.
    LoseAnswer,
    /// The connection breaks before Google does anything.
    Drop,
}

impl Fault {
    /// A plain error status.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            reason: None,
            retry_after: None,
        }
    }

    /// 429 with a `Retry-After`.
    pub fn rate_limited(retry_after: u64) -> Self {
        Self::Status {
            code: 429,
            reason: None,
            retry_after: Some(retry_after),
        }
    }

    /// An error status with a reason of one's own, such as 403 `domainPolicy`.
    pub fn reason(code: u16, reason: &str) -> Self {
        Self::Status {
            code,
            reason: Some(reason.to_owned()),
            retry_after: None,
        }
    }

    /// The error body this fault stands for; nothing for broken connections.
    pub(crate) fn error(&self) -> Option<ApiError> {
        let Self::Status {
            code,
            reason,
            retry_after,
        } = self
        else {
            return None;
        };
        let (usual, message) = match code {
            400 => ("badRequest", "Bad Request"),
            401 => ("authError", "Invalid Credentials"),
            403 => ("userRateLimitExceeded", "User Rate Limit Exceeded"),
            404 => ("notFound", "Not Found"),
            409 => ("aborted", "The operation was aborted."),
            410 => ("gone", "Gone"),
            412 => ("conditionNotMet", "Precondition Failed"),
            429 => ("rateLimitExceeded", "Rate Limit Exceeded"),
            500 => ("backendError", "Backend Error"),
            502 => ("backendError", "Bad Gateway"),
            503 => ("backendError", "The service is currently unavailable."),
            504 => ("backendError", "Deadline exceeded."),
            _ => ("backendError", "Injected fault"),
        };
        let mut error = ApiError::new(*code, reason.as_deref().unwrap_or(usual), message);
        let limit = error.reason.ends_with("LimitExceeded") || error.reason == "quotaExceeded";
        if limit {
            error = error.in_domain("usageLimits");
        }
        if *code == 429 {
            error.info = Some(Info {
                reason: "RATE_LIMIT_EXCEEDED",
                metadata: Vec::new(),
            });
        }
        error.retry_after = *retry_after;
        Some(error)
    }
}

/// A fault with the requests it hits.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Requests whose method id is this or begins with this and a dot: `gmail`,
    /// `drive.files.create`, `oauth.token`. Empty hits everything.
    pub target: String,
    /// The share of requests hit, from 0 to 1.
    pub rate: f64,
    /// How many requests will still be hit; unlimited when absent.
    pub remaining: Option<u32>,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// Hits the next `times` requests of `target`.
    pub fn next(times: u32, target: &str, fault: Fault) -> Self {
        Self {
            target: target.to_owned(),
            rate: 1.0,
            remaining: Some(times),
            fault,
        }
    }

    /// Hits a share of the requests of `target`, for ever.
    pub fn share(rate: f64, target: &str, fault: Fault) -> Self {
        Self {
            target: target.to_owned(),
            rate,
            remaining: None,
            fault,
        }
    }

    fn hits(&self, id: &str) -> bool {
        self.remaining != Some(0)
            && (self.target.is_empty()
                || id == self.target
                || id
                    .strip_prefix(self.target.as_str())
                    .is_some_and(|rest| rest.starts_with('.')))
    }
}

/// The first rule that hits this request, used up by one.
pub(crate) fn choose(rules: &mut [FaultRule], chance: &mut Chance, id: &str) -> Option<Fault> {
    for rule in rules.iter_mut().filter(|rule| rule.hits(id)) {
        if rule.rate >= 1.0 || chance.fraction() < rule.rate {
            if let Some(remaining) = &mut rule.remaining {
                *remaining -= 1;
            }
            return Some(rule.fault.clone());
        }
    }
    None
}

/// A fault rule that cannot be read.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "fault `{text}` is not understood: {problem}; write [method:]status=share[,retry-after=s][,reason=word], \
     such as 503=2%, gmail:429=10%,retry-after=1 or drive.files.create:lost=1%"
)]
pub struct UnreadableFault {
    text: String,
    problem: &'static str,
}

impl FromStr for FaultRule {
    type Err = UnreadableFault;

    fn from_str(text: &str) -> Result<Self, UnreadableFault> {
        let wrong = |problem| UnreadableFault {
            text: text.to_owned(),
            problem,
        };
        let mut pieces = text.split(',').map(str::trim);
        let head = pieces.next().unwrap_or_default();
        let (what, share) = head
            .split_once('=')
            .ok_or_else(|| wrong("the share is missing"))?;
        let (target, kind) = what.rsplit_once(':').unwrap_or(("", what));
        let rate = share
            .strip_suffix('%')
            .map_or_else(
                || share.parse(),
                |percent| percent.parse().map(|rate: f64| rate / 100.0),
            )
            .map_err(|_| wrong("the share is not a number"))?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(wrong("the share is not between 0% and 100%"));
        }
        let mut fault = match kind {
            "lost" => Fault::LoseAnswer,
            "drop" => Fault::Drop,
            code => Fault::status(
                code.parse()
                    .ok()
                    .filter(|code| (400..600).contains(code))
                    .ok_or_else(|| wrong("the status is neither 400 to 599, lost nor drop"))?,
            ),
        };
        for piece in pieces {
            let Fault::Status {
                reason,
                retry_after,
                ..
            } = &mut fault
            else {
                return Err(wrong("lost and drop take no further words"));
            };
            match piece.split_once('=') {
                Some(("retry-after", seconds)) => {
                    let seconds = seconds.trim_end_matches('s').parse();
                    *retry_after = Some(seconds.map_err(|_| wrong("retry-after is no number"))?);
                }
                Some(("reason", word)) => *reason = Some(word.to_owned()),
                _ => return Err(wrong("a word after the comma is unknown")),
            }
        }
        Ok(Self {
            target: target.to_owned(),
            rate,
            remaining: None,
            fault,
        })
    }
}

/// A fault as the control endpoint takes it.
#[derive(Debug, Deserialize)]
pub(crate) struct FaultOrder {
    /// The text form, instead of the fields below.
    #[serde(default)]
    pub(crate) rule: Option<String>,
    #[serde(default)]
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) retry_after: Option<u64>,
    /// `lost` or `drop`, instead of a status.
    #[serde(default)]
    pub(crate) connection: Option<String>,
    /// How many requests to hit.
    #[serde(default)]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) rate: Option<f64>,
}

impl FaultOrder {
    /// The rule ordered, or what is wrong with the order.
    pub(crate) fn into_rule(self) -> Result<FaultRule, String> {
        if let Some(text) = self.rule {
            return text
                .parse()
                .map_err(|error: UnreadableFault| error.to_string());
        }
        let fault = match (self.status, self.connection.as_deref()) {
            (Some(code), None) => Fault::Status {
                code,
                reason: self.reason,
                retry_after: self.retry_after,
            },
            (None, Some("lost")) => Fault::LoseAnswer,
            (None, Some("drop")) => Fault::Drop,
            _ => return Err("give either `status` or `connection` (lost, drop)".to_owned()),
        };
        Ok(FaultRule {
            target: self.target,
            rate: self.rate.unwrap_or(1.0),
            remaining: self
                .times
                .or(if self.rate.is_none() { Some(1) } else { None }),
            fault,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_text() {
        let rule: FaultRule = "gmail:429=10%,retry-after=1"
            .parse()
            .expect("the documented form");
        assert_eq!(rule, FaultRule::share(0.1, "gmail", Fault::rate_limited(1)));
        let rule: FaultRule = "503=2%".parse().expect("the documented form");
        assert_eq!(rule, FaultRule::share(0.02, "", Fault::status(503)));
        for wrong in [
            "503",
            "99=1%",
            "503=200%",
            "503=2%,soon",
            "lost=1%,reason=x",
        ] {
            assert!(wrong.parse::<FaultRule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn planned_faults_are_used_up_and_meet_only_their_target() {
        let mut rules = vec![FaultRule::next(2, "gmail.users", Fault::status(503))];
        let mut chance = Chance::new(1);
        let mut hit = |id| choose(&mut rules, &mut chance, id).is_some();
        assert!(!hit("gmail.usersettings"));
        assert!(!hit("drive.files.list"));
        assert!(hit("gmail.users.messages.list"));
        assert!(hit("gmail.users.getProfile"));
        assert!(!hit("gmail.users.getProfile"));
    }

    #[test]
    fn shares_come_out_near_what_was_asked_and_repeat_with_the_seed() {
        let count = |seed| {
            let mut rules = vec![FaultRule::share(0.1, "", Fault::Drop)];
            let mut chance = Chance::new(seed);
            (0..10_000)
                .filter(|_| choose(&mut rules, &mut chance, "x").is_some())
                .count()
        };
        assert!((900..1100).contains(&count(3)));
        assert_eq!(count(3), count(3));
    }
}
