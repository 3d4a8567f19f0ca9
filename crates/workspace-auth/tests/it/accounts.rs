//! Who owns which account, and which one a call means.

use std::{sync::atomic::Ordering, time::Duration};

use google_api::TokenError;
use secrecy::ExposeSecret as _;
use workspace_auth::{
    AuthError, CredentialKey, Principal, ServiceAccountConfig, SignInRequest, store::Condition,
};

use crate::world::{World, expired_credential, local};

async fn chosen(world: &World, wanted: Option<&str>) -> Result<String, AuthError> {
    world
        .accounts
        .select(&local(), wanted, None)
        .await
        .map(|account| account.email)
}

#[tokio::test(start_paused = true)]
async fn one_account_needs_no_name_and_several_do() {
    let world = World::new();
    assert!(matches!(
        chosen(&world, None).await,
        Err(AuthError::NoAccount)
    ));
    world.link("b@example.com").await;
    assert_eq!(chosen(&world, None).await.unwrap(), "b@example.com");
    assert_eq!(chosen(&world, Some("")).await.unwrap(), "b@example.com");
    world.link("a@example.com").await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let refused = chosen(&world, None).await.unwrap_err().to_string();
    assert!(
        refused.contains("a@example.com, b@example.com"),
        "{refused}"
    );
    assert_eq!(
        chosen(&world, Some(" A@Example.COM ")).await.unwrap(),
        "a@example.com"
    );
    let listed = world.accounts.list(&local()).await.unwrap();
    let emails: Vec<&str> = listed.iter().map(|info| info.email.as_str()).collect();
    assert_eq!(emails, ["a@example.com", "b@example.com"]);
    assert!(listed[0].expired && listed[0].refreshable);
}

/// Every way to name somebody else's account ends in a refusal that names one's own only.
#[tokio::test(start_paused = true)]
async fn other_accounts_are_refused() {
    let world = World::new();
    let alice = Principal::user("alice");
    let bob = Principal::user("bob");
    for (person, email) in [(&alice, "alice@example.com"), (&bob, "bob@example.com")] {
        sign_in_as(&world, person, email).await;
    }
    let own = world.accounts.select(&alice, None, None).await.unwrap();
    assert_eq!(own.email, "alice@example.com");
    let foreign = [
        "bob@example.com",
        "BOB@example.com",
        "b.ob@example.com",
        "bob+x@example.com",
        "bob@example.com\0",
        "ｂob@example.com",
        "bob%2Fbob@example.com",
        "../bob@example.com",
        "bob/bob@example.com",
        "unknown@example.com",
        "[\"bob@example.com\"]",
        "*",
    ];
    for email in foreign {
        for user_id in [
            None,
            Some("bob"),
            Some("bob@example.com"),
            Some("bob/bob@example.com"),
        ] {
            let refused = world.accounts.select(&alice, Some(email), user_id).await;
            let refused = refused
                .err()
                .unwrap_or_else(|| panic!("{email} {user_id:?}"));
            let text = refused.to_string();
            assert!(
                matches!(refused, AuthError::NotYours { .. }),
                "{email}: {text}"
            );
            assert!(
                text.contains("alice@example.com") && !text.contains("bob"),
                "{text}"
            );
        }
    }
    for user_id in ["bob", "bob@example.com", "bob/bob@example.com"] {
        assert!(
            world
                .accounts
                .select(&alice, None, Some(user_id))
                .await
                .is_err(),
            "{user_id}"
        );
    }
    assert!(
        world
            .accounts
            .revoke(&alice, "bob@example.com")
            .await
            .is_err()
    );
    assert!(
        world
            .accounts
            .status(&alice, Some("bob@example.com"))
            .await
            .is_err()
    );
    assert_eq!(world.accounts.list(&alice).await.unwrap().len(), 1);
    // Two people may link the same Google account, each for themselves.
    sign_in_as(&world, &alice, "shared@example.com").await;
    sign_in_as(&world, &bob, "shared@example.com").await;
    world
        .accounts
        .revoke(&alice, "shared@example.com")
        .await
        .unwrap();
    let bobs = world
        .accounts
        .select(&bob, Some("shared@example.com"), None)
        .await;
    assert!(bobs.is_ok(), "removing one leaves the other");
    // Prefixes of a name are other people.
    let bo = Principal::user("bo");
    assert!(world.accounts.list(&bo).await.unwrap().is_empty());
}

async fn sign_in_as(world: &World, person: &Principal, email: &str) {
    let link = world
        .accounts
        .start_sign_in(person, SignInRequest::default())
        .await
        .unwrap();
    let code = world.issuer.consent(&link.url, email);
    let (_, state) = link
        .url
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let query = workspace_auth::CallbackQuery {
        state: Some(state.into_owned()),
        code: Some(code),
        error: None,
    };
    let outcome = world.accounts.callback_as(Some(person), query).await;
    assert!(
        matches!(outcome, workspace_auth::CallbackOutcome::Success { .. }),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_must_name_the_account_and_learns_of_no_other() {
    let world = World::new();
    let service = Principal::service("core-agent");
    world.link("a@example.com").await;
    world.link("b@example.com").await;
    let key = CredentialKey::for_user_id("user-7").unwrap();
    let refresh = world.issuer.grant("c@example.com");
    let credential = expired_credential(
        "c@example.com",
        &refresh,
        foundation::Clock::now(&*world.clock),
    );
    world
        .store
        .write(&key, &credential, Condition::Always)
        .await
        .unwrap();
    let email = |wanted, user_id| {
        let (accounts, service) = (world.accounts.clone(), service.clone());
        async move {
            accounts
                .select(&service, wanted, user_id)
                .await
                .map(|found| found.email)
        }
    };
    assert_eq!(
        email(Some("A@example.com"), None).await.unwrap(),
        "a@example.com"
    );
    assert_eq!(email(None, Some("user-7")).await.unwrap(), "c@example.com");
    assert_eq!(
        email(Some("c@example.com"), None).await.unwrap(),
        "c@example.com"
    );
    assert_eq!(
        email(Some("a@example.com"), Some("user-8")).await.unwrap(),
        "a@example.com"
    );
    assert!(matches!(
        email(None, None).await,
        Err(AuthError::Input { .. })
    ));
    for (wanted, user_id) in [(Some("x@example.com"), None), (None, Some("user-8"))] {
        let refused = email(wanted, user_id).await.unwrap_err();
        assert!(!refused.to_string().contains("a@example.com"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn defaults_and_single_user_mode_choose() {
    let world = World::with(|config| config.default_email = Some("B@example.com".to_owned()));
    world.link("a@example.com").await;
    world.link("b@example.com").await;
    assert_eq!(chosen(&world, None).await.unwrap(), "b@example.com");
    assert_eq!(
        chosen(&world, Some("a@example.com")).await.unwrap(),
        "a@example.com"
    );

    let world = World::with(|config| config.single_user = true);
    world.link("b@example.com").await;
    world.link("a@example.com").await;
    assert_eq!(chosen(&world, None).await.unwrap(), "a@example.com");
    // Expiry is honoured: the token is a fresh one.
    let account = world.accounts.select(&local(), None, None).await.unwrap();
    let token = account.tokens.token(&[]).await.unwrap();
    assert_ne!(token.secret.expose_secret(), "ya29.old");
    assert!(chosen(&world, Some("x@example.com")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn documents_named_by_user_id_belong_to_the_address_inside() {
    let world = World::new();
    let now = foundation::Clock::now(&*world.clock);
    for (user_id, email) in [("u1", "a@example.com"), ("u2", "a@example.com")] {
        let credential = expired_credential(email, &world.issuer.grant(email), now);
        let key = CredentialKey::for_user_id(user_id).unwrap();
        world
            .store
            .write(&key, &credential, Condition::Always)
            .await
            .unwrap();
    }
    assert_eq!(
        chosen(&world, None).await.unwrap(),
        "a@example.com",
        "one address, one account"
    );
    let by_id = world
        .accounts
        .select(&local(), None, Some("u2"))
        .await
        .unwrap();
    let first = world.accounts.select(&local(), None, None).await.unwrap();
    assert_ne!(by_id.key, first.key);
    let mismatch = world
        .accounts
        .select(&local(), Some("b@example.com"), Some("u2"))
        .await;
    assert!(matches!(mismatch, Err(AuthError::NotYours { .. })));
    assert!(!by_id.key.contains('@'));
}

#[tokio::test(start_paused = true)]
async fn an_account_linked_by_another_task_is_found_at_once() {
    let world = World::new();
    let other = world.second_task();
    assert!(chosen(&world, None).await.is_err());
    world.link("first@example.com").await;
    assert!(chosen(&world, None).await.is_ok());
    other.link("second@example.com").await;
    assert_eq!(
        chosen(&world, Some("second@example.com")).await.unwrap(),
        "second@example.com"
    );
}

#[tokio::test(start_paused = true)]
async fn revoking_ends_access_here_at_google_and_soon_everywhere() {
    let world = World::new();
    let other = world.second_task();
    let key = world.link("a@example.com").await;
    world.link("b@example.com").await;
    world.token("a@example.com").await.unwrap();
    let elsewhere = other
        .accounts
        .select(&local(), Some("a@example.com"), None)
        .await
        .unwrap();
    elsewhere.tokens.token(&[]).await.unwrap();
    let revoked = world
        .accounts
        .revoke(&local(), "A@example.com")
        .await
        .unwrap();
    assert!(revoked.revoked_with_google);
    assert_eq!(revoked.email, "a@example.com");
    assert!(world.stored(&key).await.is_none());
    assert!(world.token("a@example.com").await.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let gone = elsewhere.tokens.token(&[]).await;
    assert!(
        matches!(gone, Err(TokenError::NeedsConsent { .. })),
        "{gone:?}"
    );
    assert!(world.token("b@example.com").await.is_ok(), "others go on");
    // Google not answering does not keep the credential alive here.
    world.issuer.down.store(true, Ordering::SeqCst);
    let revoked = world
        .accounts
        .revoke(&local(), "b@example.com")
        .await
        .unwrap();
    assert!(!revoked.revoked_with_google);
    assert!(world.accounts.list(&local()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn revoking_removes_every_document_of_the_address() {
    for as_service in [false, true] {
        let world = World::new();
        let now = foundation::Clock::now(&*world.clock);
        world.link("a@example.com").await;
        world.link("b@example.com").await;
        let mut keys = vec![CredentialKey::for_email("a@example.com").unwrap()];
        for user_id in ["u1", "u2"] {
            let grant = world.issuer.grant("a@example.com");
            let credential = expired_credential("a@example.com", &grant, now);
            let key = CredentialKey::for_user_id(user_id).unwrap();
            world
                .store
                .write(&key, &credential, Condition::Always)
                .await
                .unwrap();
            keys.push(key);
        }
        // The same address, linked by somebody for themselves.
        let other = Principal::user("bob");
        sign_in_as(&world, &other, "a@example.com").await;
        let caller = if as_service {
            Principal::service("agent")
        } else {
            local()
        };
        let revoked = world
            .accounts
            .revoke(&caller, "a@example.com")
            .await
            .unwrap();
        assert!(revoked.revoked_with_google);
        assert_eq!(world.issuer.revocations.load(Ordering::SeqCst), 3);
        for key in &keys {
            assert!(world.stored(key).await.is_none(), "{key}");
        }
        for user_id in ["u1", "u2"] {
            let gone = world.accounts.select(&caller, None, Some(user_id)).await;
            assert!(gone.is_err(), "{user_id}");
        }
        assert!(world.token("b@example.com").await.is_ok(), "others go on");
        let bobs = world.accounts.select(&other, None, None).await;
        assert!(bobs.is_ok(), "somebody else's document stays");
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_account_costs_no_request_to_the_store() {
    let world = World::new();
    world.link("a@example.com").await;
    world.token("a@example.com").await.unwrap();
    let requests =
        || world.place.reads.load(Ordering::SeqCst) + world.place.lists.load(Ordering::SeqCst);
    let before = requests();
    for _ in 0..1000 {
        world.token("a@example.com").await.unwrap();
    }
    assert_eq!(requests(), before);
}

#[tokio::test(start_paused = true)]
async fn corrupt_documents_count_as_none_and_are_replaced_by_a_sign_in() {
    let world = World::new();
    let key = CredentialKey::for_email("a@example.com").unwrap();
    let bytes = bytes::Bytes::from_static(b"{\"token\": ");
    let place: &dyn workspace_auth::store::Objects = &*world.place;
    place
        .put(key.as_str(), bytes, Condition::Always)
        .await
        .unwrap();
    assert!(matches!(
        chosen(&world, None).await,
        Err(AuthError::NoAccount)
    ));
    sign_in_as(&world, &local(), "a@example.com").await;
    assert_eq!(chosen(&world, None).await.unwrap(), "a@example.com");
}

#[tokio::test]
async fn a_service_account_acts_only_for_its_subjects() {
    let key = serde_json::json!({
        "type": "service_account", "client_email": "robot@project.iam.gserviceaccount.com",
        "private_key": include_str!("../../../google-api/tests/it/test_key.pem"),
    });
    let world = World::with(|config| {
        config.service_account = Some(ServiceAccountConfig {
            key_json: key.to_string().into(),
            subjects: vec!["Boss@corp.example".to_owned(), "@team.example".to_owned()],
        });
    });
    assert_eq!(
        chosen(&world, Some("boss@corp.example")).await.unwrap(),
        "boss@corp.example"
    );
    assert_eq!(
        chosen(&world, Some("any@Team.example")).await.unwrap(),
        "any@team.example"
    );
    for foreign in [
        "x@corp.example",
        "@team.example",
        "x@sub.team.example",
        "x@team.example.evil",
    ] {
        assert!(chosen(&world, Some(foreign)).await.is_err(), "{foreign}");
    }
    let listed = world.accounts.list(&local()).await.unwrap();
    assert!(listed.len() == 1 && listed[0].delegated);
    let person = Principal::user("p");
    assert!(
        world
            .accounts
            .select(&person, Some("boss@corp.example"), None)
            .await
            .is_err()
    );
}
