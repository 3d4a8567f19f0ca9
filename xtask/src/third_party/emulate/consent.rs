//! Agreeing on a consent page as a person with a browser does.
//!
//! Not an HTML parser: it reads the forms of the two pages at hand. Invariant: what is sent was on
//! the page.

use anyhow::Context;
use testkit::http;

/// Opens `link`, chooses `email`, agrees, and goes back to the server: its status and page.
pub(super) async fn agree(link: &str, email: &str) -> anyhow::Result<(u16, String)> {
    let http = http();
    let page = http.get(link).send().await?.error_for_status()?;
    let here = page.url().clone();
    let page = page.text().await?;
    let form = page
        .split("<form")
        .skip(1)
        .filter_map(|rest| rest.split("</form>").next())
        .find(|form| form.contains(email))
        .with_context(|| format!("no form for {email} on {page}"))?;
    let mut tags = form.split('<');
    let own = tags.next().unwrap_or_default();
    let target = here.join(&attribute(own, "action").unwrap_or_default())?;
    let mut fields = Vec::new();
    for tag in tags {
        let Some(name) = attribute(tag, "name") else {
            continue;
        };
        let value = attribute(tag, "value").unwrap_or_default();
        let chosen = match attribute(tag, "type").as_deref() {
            Some("radio") => value == email,
            Some(_) => true,
            None => value == "allow",
        };
        if chosen {
            fields.push((name, value));
        }
    }
    let answer = http.post(target).form(&fields).send().await?;
    let back = answer
        .headers()
        .get("location")
        .context("agreeing leads nowhere")?
        .to_str()?
        .to_owned();
    let done = http.get(back).send().await?;
    Ok((done.status().as_u16(), done.text().await?))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    let plain = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
    ]
    .into_iter()
    .fold(value.to_owned(), |text, (from, to)| text.replace(from, to));
    Some(plain.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_whole_and_unescaped() {
        let tag = r#"input type="hidden" name="scope" value="a b&amp;&quot;c&#39;&amp;lt;"/>"#;
        assert_eq!(attribute(tag, "name").as_deref(), Some("scope"));
        assert_eq!(attribute(tag, "value").as_deref(), Some("a b&\"c'&lt;"));
        assert_eq!(attribute(tag, "action"), None);
    }
}
