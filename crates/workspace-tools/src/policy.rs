//! What tools may do without asking, beyond what scopes can express.
//!
//! OAuth scopes cannot say "drafts only" or "only to these people"; this can. Invariant: a rule is
//! applied to the recipients that are really in the request, after aliases and reply-all.

use crate::{Question, ToolError};
use foundation::Kind;

/// What happens when a tool is about to do something; the strictest is the greatest.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// Do it.
    #[default]
    Allow,
    /// Have a person confirm it.
    Ask,
    /// Never do it.
    Refuse,
}

/// The rules of this server.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Sending mail and invitations.
    pub send: Rule,
    /// Sharing with somebody outside [`Policy::home_domains`].
    pub share_outside: Rule,
    /// Deleting what cannot be brought back.
    pub delete_forever: Rule,
    /// Addresses and `@domain` entries mail may go to; empty means anybody.
    pub recipients: Vec<String>,
    /// Domains that count as inside, besides the account's own.
    pub home_domains: Vec<String>,
}

/// Something a tool is about to do that the policy may have a say in.
#[derive(Clone, Debug)]
pub(crate) enum Action<'a> {
    /// Mail or invitations to these addresses.
    Send { what: &'a str, to: &'a [String] },
    /// Access to `what` for somebody (an address, a domain, or anyone), `mailed` when Google tells
    /// them by mail.
    Share {
        what: &'a str,
        with: &'a str,
        mailed: bool,
    },
    /// Removal of `what` for good.
    DeleteForever { what: &'a str },
}

impl Policy {
    /// Whether the account `own` may do `action`; `confirmed` is the key of the question a person
    /// has said yes to.
    pub(crate) fn permit(
        &self,
        own: &str,
        confirmed: Option<&str>,
        action: &Action<'_>,
    ) -> Result<(), ToolError> {
        let (rule, message) = match action {
            Action::Send { what, to } => {
                self.check_recipients(to)?;
                (self.send, format!("send {what} to {}", to.join(", ")))
            }
            Action::Share { what, with, mailed } => {
                let mut rule = if self.is_home(own, with) {
                    Rule::Allow
                } else {
                    self.share_outside
                };
                let mut message = format!("share {what} with {with}");
                // Words of the caller's go with that mail, so it is one like any other.
                if *mailed {
                    self.check_recipients(&[(*with).to_owned()])?;
                    rule = rule.max(self.send);
                    message.push_str(" and tell them by mail");
                }
                (rule, message)
            }
            Action::DeleteForever { what } => {
                (self.delete_forever, format!("delete {what} for good"))
            }
        };
        match rule {
            Rule::Allow => Ok(()),
            // The message names the action and everybody it reaches, so it is the key.
            Rule::Ask if confirmed == Some(message.as_str()) => Ok(()),
            Rule::Ask => Err(ToolError::ask(Question {
                key: message.clone(),
                message,
            })),
            Rule::Refuse => Err(ToolError::new(
                Kind::Forbidden,
                format!("the policy of this server does not let tools {message}"),
            )
            .hint("an administrator can change the policy; a draft may do instead of sending")),
        }
    }

    fn check_recipients(&self, to: &[String]) -> Result<(), ToolError> {
        let allowed = |address: &String| {
            self.recipients.is_empty()
                || self
                    .recipients
                    .iter()
                    .any(|entry| match entry.strip_prefix('@') {
                        Some(domain) => domain_of(address).eq_ignore_ascii_case(domain),
                        None => entry.eq_ignore_ascii_case(address),
                    })
        };
        match to.iter().find(|address| !allowed(address)) {
            None => Ok(()),
            Some(refused) => Err(ToolError::new(
                Kind::Forbidden,
                format!("the policy of this server does not let mail go to {refused}"),
            )
            .hint(format!("allowed are: {}", self.recipients.join(", ")))),
        }
    }

    fn is_home(&self, own: &str, with: &str) -> bool {
        let domain = if with.contains('@') {
            domain_of(with)
        } else {
            with
        };
        domain.eq_ignore_ascii_case(domain_of(own))
            || self
                .home_domains
                .iter()
                .any(|home| home.eq_ignore_ascii_case(domain))
    }
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(addresses: &[&str]) -> Vec<String> {
        addresses
            .iter()
            .map(|&address| address.to_owned())
            .collect()
    }

    #[test]
    fn asking_ends_when_that_very_action_was_confirmed() {
        let policy = Policy {
            send: Rule::Ask,
            ..Policy::default()
        };
        let one = to(&["kim@sandbox.example"]);
        let action = Action::Send {
            what: "a message",
            to: &one,
        };
        let error = policy
            .permit("me@sandbox.example", None, &action)
            .unwrap_err();
        let key = error.question.expect("a question").key;
        assert!(
            policy
                .permit("me@sandbox.example", Some(&key), &action)
                .is_ok()
        );
        let other = to(&["kim@sandbox.example", "eve@elsewhere.example"]);
        let wider = Action::Send {
            what: "a message",
            to: &other,
        };
        assert!(
            policy
                .permit("me@sandbox.example", Some(&key), &wider)
                .is_err()
        );
    }

    #[test]
    fn recipients_outside_the_list_are_refused_whatever_the_rule() {
        let policy = Policy {
            recipients: to(&["@sandbox.example"]),
            ..Policy::default()
        };
        let inside = to(&["Kim@SANDBOX.example"]);
        let sibling = to(&["kim@sandbox.example.evil.example"]);
        let send = |to| policy.permit("me@x", None, &Action::Send { what: "mail", to });
        assert!(send(&inside).is_ok());
        assert!(send(&sibling).is_err());
    }

    #[test]
    fn sharing_inside_the_own_domain_needs_no_question() {
        let policy = Policy {
            share_outside: Rule::Refuse,
            ..Policy::default()
        };
        let share = |with| {
            policy.permit(
                "me@sandbox.example",
                None,
                &Action::Share {
                    what: "a file",
                    with,
                    mailed: false,
                },
            )
        };
        assert!(share("sam@sandbox.example").is_ok());
        assert!(share("sandbox.example").is_ok());
        assert!(share("anyone").is_err());
        assert!(share("sam@elsewhere.example").is_err());
    }

    #[test]
    fn a_mail_about_sharing_is_a_mail() {
        let share = |policy: &Policy, mailed| {
            let action = Action::Share {
                what: "a file",
                with: "sam@elsewhere.example",
                mailed,
            };
            policy.permit("me@sandbox.example", None, &action)
        };
        let drafts_only = Policy {
            send: Rule::Refuse,
            ..Policy::default()
        };
        let colleagues_only = Policy {
            recipients: to(&["@sandbox.example"]),
            ..Policy::default()
        };
        for policy in [drafts_only, colleagues_only] {
            assert!(share(&policy, true).is_err());
            assert!(share(&policy, false).is_ok());
        }
    }
}
