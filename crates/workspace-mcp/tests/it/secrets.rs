//! Nothing secret and no content leaves by the wrong door, at the most talkative log level.

use serde_json::json;
use testkit::http;

use crate::world;

#[tokio::test]
async fn canaries_appear_in_no_log_error_page_or_figure() {
    let world = world().await;
    // The world's own are looked for in every test.
    assert!(world.canaries.len() >= 40, "{}", world.canaries.len());
    let mcp = world.mcp();
    let path = world.credentials.join(format!("{}.json", testkit::EMAIL));
    let credential: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut canaries: Vec<String> = ["token", "refresh_token", "client_secret"]
        .map(|name| credential[name].as_str().unwrap().to_owned())
        .into();
    for number in 0..12 {
        let (subject, body) = (
            format!("canary-subject-{number}"),
            format!("canary-body-{number}"),
        );
        let mail = json!({"to": "sam@sandbox.example", "subject": subject, "body": body});
        mcp.call("send_gmail_message", mail).await.unwrap();
        let name = format!("canary-content-{number}");
        let file = json!({"file_name": format!("f{number}.txt"), "content": name});
        mcp.call("create_drive_file", file).await.unwrap();
        let query = format!("canary-query-{number}");
        mcp.result("search_gmail_messages", json!({"query": query}))
            .await
            .unwrap();
        canaries.extend([subject, body, name, query]);
    }
    let state = format!(
        "{}/oauth2callback?state=canary-state&code=canary-code",
        world.base
    );
    let page = http()
        .get(state)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let failed = format!(
        "{}/oauth2callback?error=%3Cscript%3Ecanary-error",
        world.base
    );
    let page = page
        + &http()
            .get(failed)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
    canaries.extend(["canary-state", "canary-code", "canary-error"].map(str::to_owned));
    let figures = http()
        .get(format!("{}/metrics", world.base))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(canaries.len() >= 40, "{}", canaries.len());
    let log = world.server.said();
    assert!(log.contains("send_gmail_message"), "the log was read");
    for canary in &canaries {
        for (place, text) in [("log", &log), ("page", &page), ("figures", &figures)] {
            assert!(
                !text.contains(canary.as_str()),
                "{canary} is in the {place}"
            );
        }
    }
    world.canaries.assert_absent("a page", &page);
    world.canaries.assert_absent("the figures", &figures);
    for line in log.lines().filter(|line| line.starts_with('{')) {
        serde_json::from_str::<serde_json::Value>(line).expect("one line is one record");
    }
    world.stop().await.unwrap();
}
