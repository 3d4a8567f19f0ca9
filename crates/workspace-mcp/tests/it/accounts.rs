//! Whose account a call reaches, and how accounts come and go.

use serde_json::{Value, json};
use testkit::{EMAIL, Mcp, World, WorldOptions, http};

use crate::{program, world, world_with};

/// Walks through the sandbox's consent page as a browser would.
async fn consent(link: &str, email: &str) -> (u16, String) {
    let http = http();
    let page = http.get(link).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(email), "{page}");
    let agreed = [("user", email), ("decision", "allow")];
    let answer = http.post(link).form(&agreed).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap();
    let done = http.get(back).send().await.unwrap();
    (done.status().as_u16(), done.text().await.unwrap())
}

async fn link(mcp: &Mcp) -> String {
    let started = mcp
        .call("start_google_auth", json!({"service_name": "gmail"}))
        .await
        .unwrap();
    started["authorization_url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn signing_in_with_a_browser_makes_the_failed_call_succeed() {
    let options = WorldOptions {
        signed_out: true,
        watched: true,
        ..WorldOptions::default()
    };
    let world = World::start(program(), options).await.unwrap();
    let mcp = world.mcp();
    let failed = mcp.result("list_gmail_labels", json!({})).await.unwrap();
    assert_eq!(failed["isError"], true);
    let url = failed["_meta"]["error"]["authorization_url"]
        .as_str()
        .expect("a link");
    // Naming the account that is not linked yet gives a link for it.
    let named = json!({"user_google_email": EMAIL});
    let named = mcp.result("list_gmail_labels", named).await.unwrap();
    let for_it = named["_meta"]["error"]["authorization_url"].as_str();
    assert!(
        for_it.is_some_and(|url| url.contains("login_hint=alex")),
        "{named}"
    );
    let (status, page) = consent(url, EMAIL).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Authentication Successful") && page.contains(EMAIL));
    let labels = mcp.call("list_gmail_labels", json!({})).await.unwrap();
    assert!(labels["labels"].as_array().unwrap().len() > 5);
    // The same link a second time is refused: its state is spent.
    let (status, page) = consent(url, EMAIL).await;
    assert_eq!(status, 400, "{page}");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_selects_among_ones_own_accounts_and_gives_no_authority() {
    let world = world().await;
    let mcp = world.mcp();
    for own in [EMAIL.to_owned(), EMAIL.to_uppercase()] {
        mcp.call("list_gmail_labels", json!({"user_google_email": own}))
            .await
            .unwrap();
    }
    for foreign in [
        "sam@sandbox.example",
        "a.lex@sandbox.example",
        "alex+x@sandbox.example",
        "аlex@sandbox.example",
    ] {
        let arguments = json!({"user_google_email": foreign});
        let refused = mcp.result("list_gmail_labels", arguments).await.unwrap();
        assert_eq!(refused["isError"], true, "{foreign}");
        let text = refused["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(EMAIL) && !text.contains(foreign), "{text}");
    }
    // Neither does an identifier in the address of the endpoint.
    for (identifier, refused) in [(EMAIL, false), ("nobody", true)] {
        let mcp = Mcp::at(format!("{}/mcp?user_id={identifier}", world.base));
        let result = mcp.result("list_gmail_labels", json!({})).await.unwrap();
        assert_eq!(result["isError"], refused, "{identifier}");
    }
    world.stop().await.unwrap();
}

#[tokio::test]
async fn two_accounts_do_not_mix() {
    let world = world().await;
    let mcp = world.mcp();
    let (status, _) = consent(&link(&mcp).await, "sam@sandbox.example").await;
    assert_eq!(status, 200);
    let unclear = mcp.result("list_gmail_labels", json!({})).await.unwrap();
    assert!(
        unclear["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("sam@sandbox.example")
    );
    let mut subjects = Vec::new();
    for email in [EMAIL, "sam@sandbox.example"] {
        let arguments = json!({"user_google_email": email, "query": "in:sent", "page_size": 3});
        subjects.push(mcp.call("search_gmail_messages", arguments).await.unwrap());
    }
    assert_ne!(subjects[0]["messages"], subjects[1]["messages"]);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn an_expired_token_is_refreshed_inside_the_call_and_stored() {
    let world = world().await;
    let path = world.credentials.join(format!("{EMAIL}.json"));
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    stored["expiry"] = json!("2020-01-01T00:00:00");
    stored["a field of somebody else's"] = json!({"kept": true});
    let before = stored["token"].clone();
    std::fs::write(&path, stored.to_string()).unwrap();
    world
        .mcp()
        .call("list_gmail_labels", json!({}))
        .await
        .unwrap();
    let stored: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_ne!(stored["token"], before);
    assert!(stored["expiry"].as_str().unwrap() > "2020-01-01T00:00:00");
    assert!(stored["refresh_token"].is_string());
    assert_eq!(stored["a field of somebody else's"]["kept"], true);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn revoking_ends_access() {
    let world = world().await;
    let status: Value = http()
        .get(format!("{}/auth/status", world.base))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&status["authenticated"], &status["email"]),
        (&json!(true), &json!(EMAIL))
    );
    // What a foreign web page can send without being asked first ends nothing.
    let forged = http()
        .post(format!("{}/auth/revoke", world.base))
        .header("Origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(forged.status(), 403);
    let revoked: Value = http()
        .post(format!("{}/auth/revoke", world.base))
        .json(&json!({}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&revoked["success"], &revoked["revoked_with_google"]),
        (&json!(true), &json!(true))
    );
    let refused = world
        .mcp()
        .result("list_gmail_labels", json!({}))
        .await
        .unwrap();
    assert_eq!(refused["isError"], true);
    assert!(!world.credentials.join(format!("{EMAIL}.json")).exists());
    world.stop().await.unwrap();
}

#[tokio::test]
async fn beyond_loopback_a_service_token_is_needed() {
    let token = "0123456789abcdef0123456789abcdef";
    let world = world_with(&[("WORKSPACE_MCP_SERVICE_TOKEN", token)]).await;
    let post = |authorization: Option<String>| {
        let request = http().post(format!("{}/mcp", world.base)).json(&json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "list_gmail_labels", "arguments": {"user_google_email": EMAIL}},
        }));
        match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    };
    let refused = post(None).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let wrong = post(Some(format!("Bearer {}", token.replace('0', "1"))))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    let right: Value = post(Some(format!("Bearer {token}")))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(
        right["result"]["structuredContent"]["labels"].is_array(),
        "{right}"
    );
    let authorize = format!("{}/oauth2/authorize", world.base);
    for (query, status) in [("", 302_u16), ("?user_id=kim", 400)] {
        let answer = http().get(format!("{authorize}{query}")).send();
        assert_eq!(answer.await.unwrap().status(), status, "{query}");
    }
    world.stop().await.unwrap();
}
