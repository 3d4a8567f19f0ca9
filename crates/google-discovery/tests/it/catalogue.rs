//! Everything is embedded, whole and consistent.

use std::collections::BTreeSet;

use google_discovery::{Access, HttpMethod, Location, Type, catalogue};

#[test]
fn twenty_seven_apis_unpack_and_agree_with_the_index() {
    let mut names = BTreeSet::new();
    for summary in catalogue().apis() {
        let api = catalogue().api(summary.name).expect(summary.name);
        assert!(names.insert(summary.name), "{} twice", summary.name);
        assert_eq!(api.version, summary.version, "{}", api.name);
        assert_eq!(api.revision, summary.revision, "{}", api.name);
        assert_eq!(api.root_url, summary.root_url, "{}", api.name);
        assert_eq!(api.service_path, summary.service_path, "{}", api.name);
        assert_eq!(api.methods.len(), summary.methods, "{}", api.name);
        assert!(api.root_url.starts_with("https://") && api.root_url.ends_with('/'));
        assert!(api.service_path.is_empty() || api.service_path.ends_with('/'));
        assert!(api.revision.len() == 8 && api.batch_path.starts_with("batch"));
        assert!(!summary.title.is_empty());
    }
    assert_eq!(names.len(), 27);
}

#[test]
fn the_everyday_apis_have_327_methods_and_all_have_772() {
    let everyday: usize = catalogue().apis().take(12).map(|api| api.methods).sum();
    assert_eq!(everyday, 327);
    let schemas: usize = catalogue()
        .apis()
        .take(12)
        .filter_map(|api| catalogue().api(api.name))
        .flat_map(|api| api.schemas.keys())
        // Inline objects have become schemas with a dot in their name.
        .filter(|name| !name.contains('.'))
        .count();
    assert_eq!(schemas, 1150);
    assert_eq!(catalogue().methods().count(), 772);
}

#[test]
fn every_method_is_found_by_its_id_and_knows_its_api() {
    for method in catalogue().methods() {
        let found = catalogue().method(method.id).expect(method.id);
        assert!(std::ptr::eq(found, method), "{} leads elsewhere", method.id);
        assert_eq!(method.api().name, method.api_name);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for api in catalogue()
        .apis()
        .filter_map(|one| catalogue().api(one.name))
    {
        for method in api.methods.values() {
            for name in method.request.iter().chain(&method.response) {
                assert!(api.schema(name).is_some(), "{}: {name}", method.id);
            }
        }
        for schema in api.schemas.values() {
            let types = schema
                .fields
                .values()
                .map(|field| &field.ty)
                .chain(&schema.values);
            for name in types.filter_map(Type::schema_name) {
                assert!(
                    api.schema(name).is_some(),
                    "{}.{}: {name}",
                    api.name,
                    schema.name
                );
            }
        }
    }
}

#[test]
fn every_path_variable_is_a_required_path_parameter() {
    for method in catalogue().methods() {
        let mut variables: Vec<&str> = method
            .path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .map(|name| name.trim_start_matches('+'))
            .collect();
        for name in &variables {
            let parameter = method.parameters.get(name).expect(method.id);
            assert_eq!(parameter.location, Location::Path, "{}.{name}", method.id);
            assert!(parameter.required, "{}.{name}", method.id);
        }
        let mut declared: Vec<&str> = method
            .parameters
            .values()
            .filter(|one| one.location == Location::Path)
            .map(|one| one.name)
            .collect();
        variables.sort_unstable();
        declared.sort_unstable();
        assert_eq!(variables, declared, "{}", method.id);
        assert!(method.path.matches("{+").count() <= 1, "{}", method.id);
    }
}

#[test]
fn every_method_has_a_class_that_its_verb_allows() {
    for method in catalogue().methods() {
        match (method.http_method, method.access) {
            (HttpMethod::Get, access) => assert_eq!(access, Access::Read, "{}", method.id),
            (HttpMethod::Delete, access) => {
                assert_eq!(access, Access::Destructive, "{}", method.id);
            }
            (HttpMethod::Put | HttpMethod::Patch, access) => {
                assert_eq!(access, Access::Write, "{}", method.id);
            }
            (HttpMethod::Post, _) => {}
        }
        assert!(method.access != Access::Read || method.http_method != HttpMethod::Put);
    }
}

#[test]
fn uploads_and_downloads_are_the_known_ones() {
    let uploads: Vec<&str> = catalogue()
        .methods()
        .filter(|method| method.upload.is_some())
        .map(|method| method.id)
        .collect();
    assert_eq!(
        uploads,
        [
            "gmail.users.drafts.create",
            "gmail.users.drafts.send",
            "gmail.users.drafts.update",
            "gmail.users.messages.import",
            "gmail.users.messages.insert",
            "gmail.users.messages.send",
            "drive.files.create",
            "drive.files.update",
            "chat.media.upload",
        ]
    );
    let send = catalogue()
        .method("gmail.users.messages.send")
        .unwrap()
        .upload
        .as_ref()
        .unwrap();
    assert_eq!(send.max_bytes, Some(36_700_160));
    assert_eq!(
        send.simple_path,
        "/upload/gmail/v1/users/{userId}/messages/send"
    );
    assert_eq!(
        send.resumable_path,
        Some("/resumable/upload/gmail/v1/users/{userId}/messages/send")
    );
    assert_eq!(send.accept, ["message/*"]);
    let downloads: Vec<&str> = catalogue()
        .methods()
        .filter(|method| method.supports_download)
        .map(|method| method.id)
        .collect();
    assert_eq!(
        downloads,
        [
            "drive.files.export",
            "drive.files.get",
            "drive.revisions.get",
            "chat.media.download",
            "keep.media.download"
        ]
    );
}

#[test]
fn batches_go_where_each_api_takes_them() {
    let at = |name: &str| {
        let api = catalogue().api(name).unwrap();
        format!("{}{}", api.root_url, api.batch_path)
    };
    assert_eq!(at("gmail"), "https://gmail.googleapis.com/batch");
    assert_eq!(at("drive"), "https://www.googleapis.com/batch/drive/v3");
    assert_eq!(
        at("calendar"),
        "https://www.googleapis.com/batch/calendar/v3"
    );
}

#[test]
fn an_unknown_method_is_answered_with_the_nearest() {
    let wrong = catalogue().method("gmail.users.messages.lst").unwrap_err();
    assert_eq!(wrong.nearest.first(), Some(&"gmail.users.messages.list"));
    assert!(
        wrong
            .to_string()
            .contains("did you mean gmail.users.messages.list")
    );

    let without_users = catalogue().method("gmail.messages.list").unwrap_err();
    assert_eq!(
        without_users.nearest.first(),
        Some(&"gmail.users.messages.list")
    );

    let wrong_api = catalogue().method("gdrive.files.list").unwrap_err();
    assert_eq!(wrong_api.nearest.first(), Some(&"drive.files.list"));

    let hopeless = catalogue().method("zzz").unwrap_err();
    assert_eq!(hopeless.to_string(), "there is no Google method `zzz`");
    assert!(catalogue().method("").is_err());
    assert!(catalogue().method(&"gmail.".repeat(10_000)).is_err());
}

#[test]
fn prefixes_that_differ_from_our_names_work() {
    assert_eq!(
        catalogue().method("search.cse.list").unwrap().api_name,
        "customsearch"
    );
    assert_eq!(
        catalogue()
            .method("groupsSettings.groups.get")
            .unwrap()
            .api_name,
        "groupssettings"
    );
    let printers = "admin.customers.chrome.printers.list";
    assert_eq!(catalogue().method(printers).unwrap().api_name, "directory");
    // Google gives this id twice.
    assert_eq!(
        catalogue().method("admin.channels.stop").unwrap().api_name,
        "directory"
    );
    assert_eq!(
        catalogue()
            .method("reports.channels.stop")
            .unwrap()
            .api_name,
        "reports"
    );
}

#[test]
fn no_prose_is_embedded() {
    for api in catalogue()
        .apis()
        .filter_map(|one| catalogue().api(one.name))
    {
        let fields = api
            .schemas
            .values()
            .flat_map(|schema| schema.fields.values());
        for text in fields.filter_map(|field| field.default) {
            assert!(!text.contains(' '), "{}: {text:?}", api.name);
        }
    }
}
