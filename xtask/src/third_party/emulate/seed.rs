//! The mail that is there before the script begins, put in through Google's own API.
//!
//! Invariant: both sides get the same bytes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use testkit::http;

use super::backend::Backend;

struct Mail {
    labels: &'static [&'static str],
    lines: &'static [&'static str],
}

const MAIL: &[Mail] = &[
    Mail {
        labels: &["INBOX", "UNREAD", "IMPORTANT"],
        lines: &[
            "From: Kim Novak <kim@partner.example>",
            "To: alex@sandbox.example",
            "Cc: Sam Carter <sam@sandbox.example>",
            "Subject: Quarterly budget",
            "Date: Mon, 03 Mar 2025 09:00:00 +0000",
            "Message-ID: <budget@partner.example>",
            "MIME-Version: 1.0",
            "Content-Type: multipart/mixed; boundary=\"edge\"",
            "",
            "--edge",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "Hello Alex,",
            "",
            "the numbers for the second quarter are attached.",
            "",
            "Kim",
            "--edge",
            "Content-Type: text/csv; name=\"numbers.csv\"",
            "Content-Disposition: attachment; filename=\"numbers.csv\"",
            "Content-Transfer-Encoding: base64",
            "",
            "aXRlbSxldXJvcwpyZW50LDEyMDAKdG9vbHMsMzQwCg==",
            "--edge--",
            "",
        ],
    },
    Mail {
        labels: &["INBOX", "STARRED"],
        lines: &[
            "From: Sam Carter <sam@sandbox.example>",
            "To: Alex <alex@sandbox.example>",
            "Subject: Lunch on Thursday?",
            "Date: Tue, 04 Mar 2025 10:00:00 +0000",
            "Message-ID: <lunch-1@sandbox.example>",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "Shall we meet at the harbour at noon?",
            "",
        ],
    },
    Mail {
        labels: &["SENT"],
        lines: &[
            "From: Alex <alex@sandbox.example>",
            "To: Sam Carter <sam@sandbox.example>",
            "Subject: Re: Lunch on Thursday?",
            "Date: Tue, 04 Mar 2025 11:30:00 +0000",
            "Message-ID: <lunch-2@sandbox.example>",
            "In-Reply-To: <lunch-1@sandbox.example>",
            "References: <lunch-1@sandbox.example>",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "Gladly. I bring the plans.",
            "",
            "On Tue, 4 Mar 2025 at 10:00, Sam Carter wrote:",
            "> Shall we meet at the harbour at noon?",
            "",
        ],
    },
    Mail {
        labels: &["INBOX", "UNREAD", "CATEGORY_PROMOTIONS"],
        lines: &[
            "From: Garden Shop <news@garden.example>",
            "To: alex@sandbox.example",
            "Reply-To: help@garden.example",
            "Subject: Spring is here",
            "Date: Wed, 05 Mar 2025 06:15:00 +0000",
            "Message-ID: <spring@garden.example>",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative; boundary=\"leaf\"",
            "",
            "--leaf",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "Seeds and tools, this week at half price.",
            "--leaf",
            "Content-Type: text/html; charset=utf-8",
            "",
            "<h1>Spring</h1><p>Seeds and <b>tools</b>, this week at half price.</p>",
            "--leaf--",
            "",
        ],
    },
    Mail {
        labels: &["INBOX"],
        lines: &[
            "From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <juergen@partner.example>",
            "To: alex@sandbox.example",
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=",
            "Date: Thu, 06 Mar 2025 16:45:00 +0000",
            "Message-ID: <koeln@partner.example>",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            "Viele Gr=C3=BC=C3=9Fe vom Rhein.",
            "",
        ],
    },
    Mail {
        labels: &["SPAM", "UNREAD"],
        lines: &[
            "From: Winner <win@prize.example>",
            "To: alex@sandbox.example",
            "Subject: You have won",
            "Date: Fri, 07 Mar 2025 01:00:00 +0000",
            "Message-ID: <won@prize.example>",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "",
            "Send us your account number.",
            "",
        ],
    },
];

/// Inserts the mail.
pub(super) async fn fill(backend: &Backend) -> anyhow::Result<()> {
    let (http, token) = (http(), backend.token()?);
    let url = format!(
        "{}/gmail.googleapis.com/gmail/v1/users/me/messages?internalDateSource=dateHeader",
        backend.google
    );
    for mail in MAIL {
        let raw = URL_SAFE_NO_PAD.encode(mail.lines.join("\r\n"));
        http.post(&url)
            .bearer_auth(&token)
            .json(&json!({"raw": raw, "labelIds": mail.labels}))
            .send()
            .await?
            .error_for_status()?;
    }
    Ok(())
}
