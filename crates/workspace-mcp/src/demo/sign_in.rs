//! The demo user at the sandbox's consent page, played over HTTP like a browser would.

use anyhow::{Context, bail};

/// Opens the link, agrees as the first demo user, follows the way back to the server.
pub(super) async fn consent(link: &str) -> anyhow::Result<String> {
    let http = google_api::http_client()?;
    let page = http.get(link).send().await?.error_for_status().context("the consent page")?;
    let base = page.url().clone();
    let form = google_sandbox::ConsentForm::read(&page.text().await?)
        .context("the sandbox showed no consent form")?;
    let agreed = form.agree_as(0);
    let email = agreed.email.clone();
    let action = base.join(&agreed.action)?;
    let answer = http.post(action).form(&agreed.fields).send().await?;
    // The client follows no redirect, so the way back is taken by hand.
    let Some(back) = answer.headers().get("location") else {
        bail!("the sandbox did not send the browser back (status {})", answer.status());
    };
    let back = base.join(back.to_str()?)?;
    let done = http.get(back).send().await?;
    if !done.status().is_success() {
        bail!("the server refused the sign-in (status {})", done.status());
    }
    let page = done.text().await?;
    if !page.contains("Authentication Successful") {
        bail!("the server's page does not say that the sign-in succeeded");
    }
    Ok(email)
}
