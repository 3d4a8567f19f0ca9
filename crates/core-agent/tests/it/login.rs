//! `core-agent login` and `logout`, with the browser played by a request.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

use crate::stranger::Stranger;

fn program(folder: &Path, words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_core-agent"))
        .args(words)
        .arg("--config")
        .arg(folder.join("core-agent.toml"))
        .arg("--state")
        .arg(folder.join("state"))
        .env_clear()
        .env("PATH", "/nowhere")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// The address the program wants opened, and where the browser is sent from there.
async fn browse(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = loop {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("an address is printed");
        if line.trim().starts_with("http://127.0.0.1") {
            break line.trim().to_owned();
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    // Each test may be a process of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let answer = browser.get(address).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn output(child: Child) -> (bool, String) {
    let output = child.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text)
}

#[tokio::test]
async fn a_person_signs_in_by_browser_or_by_pasting_and_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = Stranger::start().await;
    let config = format!("[servers.stranger]\nurl = \"{}\"\n", stranger.mcp());
    std::fs::write(folder.path().join("core-agent.toml"), config).unwrap();

    // A machine without any browser: the address is printed all the same.
    let mut login = program(folder.path(), &["login", "stranger", "--scopes", "a,b"]);
    let back = browse(&mut login).await;
    let page = reqwest::get(back).await.unwrap().text().await.unwrap();
    assert!(page.contains("The answer has arrived"), "{page}");
    let (good, text) = output(login).await;
    assert!(good, "{text}");
    assert_eq!(
        text,
        format!(
            "signed in to stranger by {}\nscopes: a b\nit is renewed by itself\n",
            stranger.base
        )
    );

    let mut login = program(folder.path(), &["login", "stranger", "--paste"]);
    let back = browse(&mut login).await;
    let mut input = login.stdin.take().unwrap();
    input
        .write_all(format!("{back}\n").as_bytes())
        .await
        .unwrap();
    let (good, text) = output(login).await;
    assert!(
        good && text.starts_with("signed in to stranger by"),
        "{text}"
    );

    let (good, text) = output(program(folder.path(), &["logout", "stranger"])).await;
    assert!(good, "{text}");
    assert_eq!(
        text,
        "signed out of stranger\nthe authorization server has taken the token back\n"
    );
    assert_eq!(stranger.seen("/revoke").len(), 2);
    let (_, written) = output(program(folder.path(), &["audit", "list"])).await;
    let kinds: Vec<&str> = written
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(kinds, ["signed_in", "signed_in", "signed_out"], "{written}");
    let (good, text) = output(program(folder.path(), &["logout", "stranger"])).await;
    assert!(
        good && text == "there was no sign-in to stranger\n",
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_paste_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = Stranger::start().await;
    let config = format!("[servers.stranger]\nurl = \"{}\"\n", stranger.mcp());
    std::fs::write(folder.path().join("core-agent.toml"), config).unwrap();
    let child = program(folder.path(), &["login", "strager"]);
    let output = child.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("did you mean stranger?"), "{said}");

    let mut login = program(folder.path(), &["login", "stranger", "--paste"]);
    browse(&mut login).await;
    let mut input = login.stdin.take().unwrap();
    input
        .write_all(b"https://evil.example/?code=x&state=y\n")
        .await
        .unwrap();
    assert!(!login.wait().await.unwrap().success());
    assert!(stranger.seen("/token").is_empty());
}
