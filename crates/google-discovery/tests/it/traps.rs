//! The traps of calling any Google method by its description, one test each.

use google_discovery::{Access, GLOBAL_PARAMETERS, HttpMethod, Method, Type, catalogue};
use serde_json::json;

fn method(id: &str) -> &'static Method {
    catalogue().method(id).expect(id)
}

/// What a method does follows neither from its verb nor from its scopes.
#[test]
fn access_is_neither_verb_nor_scope() {
    for writes in [
        "drive.files.copy",
        "slides.presentations.batchUpdate",
        "drive.changes.watch",
    ] {
        let method = method(writes);
        assert!(
            method
                .scopes
                .iter()
                .any(|scope| scope.ends_with(".readonly")),
            "{writes} accepts a read-only scope"
        );
        assert_eq!(method.access, Access::Write, "{writes}");
    }
    for reads in [
        "calendar.freebusy.query",
        "chat.spaces.messages.search",
        "driveactivity.activity.query",
        "drive.files.download",
    ] {
        assert_eq!(method(reads).http_method, HttpMethod::Post, "{reads}");
        assert_eq!(method(reads).access, Access::Read, "{reads}");
    }
    for destroys in [
        "gmail.users.messages.delete",
        "gmail.users.messages.trash",
        "gmail.users.messages.batchDelete",
        "gmail.users.settings.cse.keypairs.obliterate",
        "sheets.spreadsheets.values.clear",
        "tasks.tasks.clear",
        "drive.files.emptyTrash",
        "cloudidentity.devices.wipe",
    ] {
        assert_eq!(method(destroys).access, Access::Destructive, "{destroys}");
    }
}

/// The whole list of methods that are sent with POST and only look: a new one has to be judged.
#[test]
fn posts_that_only_look_are_listed() {
    let found: Vec<&str> = catalogue()
        .methods()
        .filter(|one| one.http_method != HttpMethod::Get && one.access == Access::Read)
        .map(|one| one.id)
        .collect();
    assert_eq!(
        found,
        [
            "drive.files.download",
            "calendar.freebusy.query",
            "sheets.spreadsheets.developerMetadata.search",
            "sheets.spreadsheets.getByDataFilter",
            "sheets.spreadsheets.values.batchGetByDataFilter",
            "chat.spaces.messages.search",
            "driveactivity.activity.query",
            "vault.matters.count",
            "gmailpostmastertools.domainStats.batchQuery",
            "gmailpostmastertools.domains.domainStats.query",
            "oauth2.tokeninfo",
        ]
    );
}

/// The scopes of a method are alternatives.
#[test]
fn one_scope_of_several_suffices() {
    const AUTH: &str = "https://www.googleapis.com/auth/";
    let auth = |short: &str| format!("{AUTH}{short}");
    let list = method("gmail.users.messages.list");
    assert!(list.scopes.len() > 1);
    for scope in &list.scopes {
        assert!(list.allows_scope(&[scope]), "{scope}");
    }
    assert!(!list.allows_scope(&[auth("gmail.send")]));
    assert!(!list.allows_scope::<&str>(&[]));

    let granted = [
        "https://mail.google.com/".to_owned(),
        auth("gmail.readonly"),
    ];
    assert_eq!(
        list.narrowest_granted(&granted),
        Some(auth("gmail.readonly").as_str())
    );
    // The metadata scope forbids `q`, so it comes last though it is the weakest.
    let granted = [auth("gmail.metadata"), auth("gmail.modify")];
    assert_eq!(
        list.narrowest_granted(&granted),
        Some(auth("gmail.modify").as_str())
    );
    let granted = [auth("gmail.metadata")];
    assert_eq!(
        list.narrowest_granted(&granted),
        Some(auth("gmail.metadata").as_str())
    );

    let first = |id: &str| method(id).scopes_narrowest_first()[0];
    assert_eq!(first("gmail.users.messages.send"), auth("gmail.send"));
    assert_eq!(first("gmail.users.messages.get"), auth("gmail.readonly"));
    assert_eq!(first("drive.files.list"), auth("drive.metadata.readonly"));
    assert_eq!(first("drive.files.create"), auth("drive"));
    assert_eq!(first("drive.files.get"), auth("drive.readonly"));
    assert_eq!(first("docs.documents.get"), auth("documents.readonly"));
    assert_eq!(
        first("sheets.spreadsheets.values.get"),
        auth("spreadsheets.readonly")
    );
}

/// One API answers with Atom unless `alt=json` is sent; it is known everywhere.
#[test]
fn alt_json_is_known_to_every_method() {
    for method in catalogue().methods() {
        let alt = method.parameter("alt").expect(method.id);
        assert!(
            matches!(&alt.ty, Type::Enum(values) if values.contains(&"json")),
            "{}",
            method.id
        );
    }
    let get = method("groupsSettings.groups.get");
    assert!(
        get.validate(&[("groupUniqueId", "a@example.com"), ("alt", "json")], None)
            .is_ok()
    );
}

/// Two methods take the page token in the body.
#[test]
fn page_tokens_in_the_body() {
    let in_body: Vec<&str> = catalogue()
        .apis()
        .take(16)
        .filter_map(|api| catalogue().api(api.name))
        .flat_map(|api| api.methods.values())
        .filter(|method| {
            method
                .request_schema()
                .is_some_and(|schema| schema.fields.contains_key("pageToken"))
        })
        .map(|method| method.id)
        .collect();
    assert_eq!(
        in_body,
        [
            "chat.spaces.messages.search",
            "driveactivity.activity.query"
        ]
    );
}

/// Some documents leave global parameters out, and `flatPath` has other names than the parameters.
#[test]
fn global_parameters_are_known_and_flat_paths_are_not_used() {
    for name in [
        "$.xgafv",
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "uploadType",
        "upload_protocol",
        "userIp",
    ] {
        assert!(GLOBAL_PARAMETERS.contains_key(name), "{name}");
        assert!(
            method("calendar.events.list").parameter(name).is_some(),
            "{name}"
        );
    }
    let calendar = method("calendar.calendarList.list");
    assert!(
        calendar
            .validate(&[("$.xgafv", "2"), ("quotaUser", "me")], None)
            .is_ok()
    );
    assert_eq!(
        method("slides.presentations.get").path,
        "v1/presentations/{+presentationId}"
    );
    assert_eq!(method("chat.spaces.messages.get").path, "v1/{+name}");
}

/// 64-bit numbers are strings; numbers are taken too and leave as strings.
#[test]
fn sixty_four_bit_numbers() {
    let modify = method("gmail.users.settings.updateVacation");
    let parameters = [("userId", "me")];
    for body in [
        json!({"startTime": "1774771200000"}),
        json!({"startTime": 1_774_771_200_000_u64}),
    ] {
        assert!(modify.validate(&parameters, Some(&body)).is_ok(), "{body}");
    }
    let mut body = json!({"startTime": 1_774_771_200_000_u64, "responseSubject": "Away"});
    modify.quote_integers(&mut body);
    assert_eq!(
        body,
        json!({"startTime": "1774771200000", "responseSubject": "Away"})
    );

    for wrong in [json!({"startTime": "soon"}), json!({"startTime": 1.5})] {
        assert!(
            modify.validate(&parameters, Some(&wrong)).is_err(),
            "{wrong}"
        );
    }
}

/// Nothing in the documents' schemas says what is required; prose and annotations do.
#[test]
fn what_is_required_is_known() {
    let insert = method("calendar.events.insert");
    let wrong = insert.validate(&[("calendarId", "primary")], Some(&json!({"summary": "x"})));
    let words = wrong.unwrap_err().to_string();
    assert!(words.contains("body.start: is required"), "{words}");
    assert!(words.contains("body.end: is required"), "{words}");

    // The same fields may be left out of a patch.
    let patch = method("calendar.events.patch");
    let parameters = [("calendarId", "primary"), ("eventId", "e1")];
    assert!(
        patch
            .validate(&parameters, Some(&json!({"summary": "x"})))
            .is_ok()
    );

    let setup = method("chat.spaces.setup");
    assert!(setup.validate::<&str, &str>(&[], Some(&json!({}))).is_err());

    // Beside a mask, an object carries only what changes.
    let update = method("forms.forms.batchUpdate");
    let body = json!({"requests": [{"updateFormInfo": {
        "info": {"description": "d"}, "updateMask": "description"
    }}]});
    assert!(update.validate(&[("formId", "f")], Some(&body)).is_ok());
}

/// An answer may hold fields that are not known yet; a request may not.
#[test]
fn unknown_fields_are_errors_in_requests_only() {
    let create = method("gmail.users.labels.create");
    let wrong = create.validate(
        &[("userId", "me")],
        Some(&json!({"nmae": "x", "name": "x"})),
    );
    let words = wrong.unwrap_err().to_string();
    assert!(
        words.contains("body.nmae: is unknown; did you mean `name`? known are color"),
        "{words}"
    );
    let profile = method("gmail.users.getProfile");
    assert!(
        profile
            .check_answer(&json!({"emailAddress": "a@example.com"}))
            .is_ok()
    );
    assert!(
        profile
            .check_answer(&json!({"emailAdress": "a@example.com"}))
            .is_err()
    );
}

/// Custom search knows no scopes, only an API key.
#[test]
fn search_needs_a_key_and_no_scope() {
    let search = method("search.cse.list");
    assert!(search.scopes.is_empty());
    assert!(search.allows_scope::<&str>(&[]));
    assert!(
        search
            .validate(&[("q", "rust"), ("key", "k")], None)
            .is_ok()
    );
}

/// Repeated parameters come as repeated keys, and booleans in lower case.
#[test]
fn repeated_keys_and_small_booleans() {
    let list = method("gmail.users.messages.list");
    assert!(list.parameters["labelIds"].repeated);
    let twice = [
        ("userId", "me"),
        ("labelIds", "INBOX"),
        ("labelIds", "UNREAD"),
    ];
    assert!(list.validate(&twice, None).is_ok());
    let wrong = [("userId", "me"), ("q", "a"), ("q", "b")];
    assert!(
        list.validate(&wrong, None)
            .unwrap_err()
            .to_string()
            .contains("only once")
    );
    let flag = |value| list.validate(&[("userId", "me"), ("includeSpamTrash", value)], None);
    assert!(flag("true").is_ok());
    assert!(flag("True").unwrap_err().to_string().contains("lower case"));
}
