//! The demo user at the sandbox's consent page, played over HTTP like a browser would.

use anyhow::{Context, bail};

/// Opens the link, agrees as `email`, follows the way back to the server.
pub(super) async fn consent(link: &str, email: &str) -> anyhow::Result<()> {
    let http = crate::client::http()?;
    let page = http
        .get(link)
        .send()
        .await?
        .error_for_status()
        .context("the consent page")?;
    if !page.text().await?.contains(email) {
        bail!("the consent page does not offer {email}");
    }
    let agreed = [("user", email), ("decision", "allow")];
    let answer = http.post(link).form(&agreed).send().await?;
    // The client follows no redirect, so the way back is taken by hand.
    let Some(back) = answer.headers().get("location") else {
        bail!(
            "the sandbox did not send the browser back (status {})",
            answer.status()
        );
    };
    let done = http.get(back.to_str()?).send().await?;
    if !done.status().is_success() {
        bail!("the server refused the sign-in (status {})", done.status());
    }
    let page = done.text().await?;
    if !page.contains("Authentication Successful") {
        bail!("the server's page does not say that the sign-in succeeded");
    }
    Ok(())
}
