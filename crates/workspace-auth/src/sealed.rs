//! What Google carries for us through a sign-in: the `state` parameter.
//!
//! Encrypted and authenticated, so that any task can finish what another began and nobody reads or
//! changes it on the way. Whether it was used before is the store's business. Invariant: only what
//! a holder of the key sealed less than [`LIFETIME`] ago opens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use foundation::Random;
use jiff::{SignedDuration, Timestamp};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
    hkdf::{HKDF_SHA256, Salt},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::PrincipalKind;

/// How long a sign-in may take.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How far the clocks of two tasks may differ.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Says what the sealed bytes are, so that nothing else sealed with the key opens as state.
const PURPOSE: &[u8] = b"workspace-mcp sign-in state v1";
const LONGEST: usize = 16 * 1024;

/// Everything that must survive the way through Google.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct FlowState {
    /// Unique for each sign-in.
    pub(crate) flow: String,
    /// The PKCE verifier.
    pub(crate) verifier: String,
    /// What the identity statement must repeat.
    pub(crate) nonce: String,
    pub(crate) redirect_uri: String,
    pub(crate) principal_id: String,
    pub(crate) principal_kind: Kind,
    pub(crate) requested_email: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) return_url: Option<String>,
    pub(crate) client_state: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) issued: Timestamp,
}

/// The kind of principal, as it travels.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Kind {
    Local,
    Service,
    User,
}

impl From<PrincipalKind> for Kind {
    fn from(kind: PrincipalKind) -> Self {
        match kind {
            PrincipalKind::Local => Self::Local,
            PrincipalKind::Service => Self::Service,
            PrincipalKind::User => Self::User,
        }
    }
}

impl From<Kind> for PrincipalKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Local => Self::Local,
            Kind::Service => Self::Service,
            Kind::User => Self::User,
        }
    }
}

/// Seals and opens state.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// A sealer whose key follows from `secret`: the same in all tasks that know it.
    pub(crate) fn new(secret: &SecretString) -> Self {
        let salt = Salt::new(HKDF_SHA256, b"workspace-mcp");
        let prk = salt.extract(secret.expose_secret().as_bytes());
        let info = [PURPOSE];
        let material = prk
            .expand(&info, &CHACHA20_POLY1305)
            .expect("HKDF yields keys of this length");
        Self(LessSafeKey::new(UnboundKey::from(material)))
    }

    /// The state as text for a URL.
    pub(crate) fn seal(&self, state: &FlowState, random: &dyn Random) -> String {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = serde_json::to_vec(state).expect("state consists of texts");
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(PURPOSE),
                &mut sealed,
            )
            .expect("state is far shorter than the cipher's limit");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The state in a text, if it is genuine and young enough.
    pub(crate) fn open(&self, text: &str, now: Timestamp) -> Option<FlowState> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(PURPOSE), &mut sealed)
            .ok()?;
        let state: FlowState = serde_json::from_slice(opened).ok()?;
        let age = now.duration_since(state.issued);
        (age <= LIFETIME && age >= -SKEW).then_some(state)
    }
}

/// A new PKCE verifier, and the challenge that belongs to it (S256).
pub(crate) fn pkce(random: &dyn Random) -> (String, String) {
    let mut bytes = Zeroizing::new([0; 48]);
    random.fill(&mut *bytes);
    let verifier = URL_SAFE_NO_PAD.encode(*bytes);
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    (verifier, challenge)
}

#[cfg(test)]
mod tests {
    use foundation::SeededRandom;
    use proptest::prelude::*;

    use super::*;

    fn state() -> FlowState {
        FlowState {
            flow: "f".to_owned(),
            verifier: "v".to_owned(),
            nonce: "n".to_owned(),
            redirect_uri: "http://localhost:8000/oauth2callback".to_owned(),
            principal_id: "local".to_owned(),
            principal_kind: Kind::Local,
            requested_email: Some("a@example.com".to_owned()),
            user_id: None,
            return_url: Some("http://localhost/x?y=%20+&z=😀".to_owned()),
            client_state: Some("100% +😀\r\n".to_owned()),
            scopes: vec!["openid".to_owned()],
            issued: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        state().issued + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn another_task_with_the_same_secret_opens_it_for_ten_minutes() {
        let sealed = Sealer::new(&"secret".into()).seal(&state(), &SeededRandom::new(1));
        let other_task = Sealer::new(&"secret".into());
        assert_eq!(other_task.open(&sealed, at(0)), Some(state()));
        assert_eq!(other_task.open(&sealed, at(600)), Some(state()));
        assert_eq!(other_task.open(&sealed, at(601)), None);
        assert_eq!(other_task.open(&sealed, at(-61)), None);
        assert_eq!(Sealer::new(&"other".into()).open(&sealed, at(0)), None);
        assert!(!sealed.contains("local") && !sealed.contains('='));
    }

    #[test]
    fn two_seals_of_the_same_state_differ() {
        let (sealer, random) = (Sealer::new(&"secret".into()), SeededRandom::new(1));
        assert_ne!(
            sealer.seal(&state(), &random),
            sealer.seal(&state(), &random)
        );
    }

    #[test]
    fn the_challenge_is_the_digest_of_the_verifier() {
        let (verifier, challenge) = pkce(&SeededRandom::new(3));
        assert_eq!(verifier.len(), 64);
        let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
        assert_eq!(challenge, URL_SAFE_NO_PAD.encode(digest));
    }

    proptest! {
        #[test]
        fn no_changed_byte_opens(position in 0usize..400, flip in 1u8..=255) {
            let sealer = Sealer::new(&"secret".into());
            let sealed = sealer.seal(&state(), &SeededRandom::new(1));
            let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
            let position = position % bytes.len();
            bytes[position] ^= flip;
            prop_assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(bytes), at(0)), None);
        }

        #[test]
        fn rubbish_never_opens(text in ".{0,200}") {
            prop_assert_eq!(Sealer::new(&"secret".into()).open(&text, at(0)), None);
        }
    }
}
