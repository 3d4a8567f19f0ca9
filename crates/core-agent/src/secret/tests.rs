//! Looking up against a real folder and real programs; nothing that is said shows a secret.

use std::{collections::BTreeMap, fs};

use foundation::ManualClock;

use super::*;

const CANARY: &str = "canary-3b1f-do-not-show";

fn secrets(pairs: &[(&str, &str)]) -> (Secrets, Arc<ManualClock>) {
    let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
    let env: BTreeMap<String, String> = pairs
        .iter()
        .chain(&[("PATH", path.as_str())])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    (Secrets::new(Arc::new(env), clock.clone()), clock)
}

async fn resolved(secrets: &Secrets, text: &str) -> Result<String, SecretFault> {
    let secret = secrets.resolve(&Template(text.to_owned())).await?;
    Ok(secret.expose_secret().to_owned())
}

#[tokio::test]
async fn references_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{CANARY}\n")).unwrap();
    let (secrets, clock) = secrets(&[("TOKEN", CANARY), ("HOME", "/home/somebody")]);

    assert_eq!(
        resolved(&secrets, "Bearer ${env:TOKEN}").await.unwrap(),
        format!("Bearer {CANARY}")
    );
    assert_eq!(resolved(&secrets, "${ABSENT:-else}").await.unwrap(), "else");
    assert_eq!(
        resolved(&secrets, "$${TOKEN} ${HOME}").await.unwrap(),
        "${TOKEN} /home/somebody"
    );
    let by_file = format!("${{file:{}}}", file.display());
    assert_eq!(resolved(&secrets, &by_file).await.unwrap(), CANARY);

    // Kept for a minute, then read again.
    fs::write(&file, "rotated-secret").unwrap();
    assert_eq!(resolved(&secrets, &by_file).await.unwrap(), CANARY);
    clock.advance(SignedDuration::from_secs(61));
    assert_eq!(
        resolved(&secrets, &by_file).await.unwrap(),
        "rotated-secret"
    );
    fs::write(&file, "rotated-again").unwrap();
    secrets.forget();
    assert_eq!(resolved(&secrets, &by_file).await.unwrap(), "rotated-again");

    // Every secret is known, folders everybody knows are not.
    let scrubbed = secrets
        .redactor()
        .scrub("canary-3b1f-do-not-show /home/somebody")
        .into_owned();
    assert_eq!(scrubbed, "[secret] /home/somebody");
}

#[cfg(unix)]
#[tokio::test]
async fn programs_answer_without_a_shell() {
    let (secrets, _) = secrets(&[]);
    assert_eq!(
        resolved(&secrets, "${command:printf '%s' '$HOME;x'}")
            .await
            .unwrap(),
        "$HOME;x"
    );
    let failed = resolved(&secrets, "${command:false}").await.unwrap_err();
    assert!(
        failed.to_string().contains("the program false ended with"),
        "{failed}"
    );
    let large = resolved(&secrets, "${command:head -c 70000 /dev/zero}")
        .await
        .unwrap_err();
    assert!(large.to_string().contains("at most 64 KiB"), "{large}");
    let absent = resolved(&secrets, "${command:no-such-program-here}")
        .await
        .unwrap_err();
    assert_eq!(
        absent,
        NotThere::Program("no-such-program-here".into()).into()
    );
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary");
    fs::write(&binary, [CANARY.as_bytes(), &[0xff]].concat()).unwrap();
    let (secrets, _) = secrets(&[("TOKEN", CANARY)]);
    let mut said = String::new();
    for text in [
        "${env:TOKEN}${env:ABSENT}".to_owned(),
        format!("${{env:TOKEN}}${{file:{}}}", binary.display()),
        format!("${{file:{}}}", folder.path().display()),
        format!("${{command:ls {CANARY}}}"),
    ] {
        let error = secrets.resolve(&Template(text)).await.unwrap_err();
        said += &format!("{error} {error:?}");
    }
    let held = secrets.resolve(&Template("${TOKEN}".into())).await.unwrap();
    said += &format!("{held:?} {secrets:?} {:?}", secrets.redactor());
    assert!(!said.contains(CANARY), "{said}");
}

#[cfg(unix)]
#[test]
fn checking_starts_nothing_and_warns_of_open_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, CANARY).unwrap();
    let env: BTreeMap<String, String> = BTreeMap::new();
    let reference = Reference::File(file.clone());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        check(&reference, &env)
            .unwrap()
            .unwrap()
            .contains("chmod 600")
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check(&reference, &env), Ok(None));
    let keyring = Reference::Keyring {
        service: "a".into(),
        account: "b".into(),
    };
    assert_eq!(check(&keyring, &env), Err(NotThere::NoKeyring));
}
