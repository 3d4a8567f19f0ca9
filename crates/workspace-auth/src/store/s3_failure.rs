//! What to tell people when S3 refuses.
//!
//! Invariant: of S3's answers only the error code is shown, never the body: it may repeat keys and
//! signatures.

use std::{error::Error as _, fmt::Write as _};

use http::StatusCode;

use super::StoreError;

/// What is known about the bucket when something fails.
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) credentials: CredentialSource,
}

/// Where AWS credentials come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CredentialSource {
    Variables,
    SharedFile,
    Role,
    Machine,
}

impl CredentialSource {
    /// What it means that this source gives none.
    pub(super) fn without_answer(self) -> &'static str {
        match self {
            Self::Variables | Self::SharedFile => "those that are set cannot be used",
            Self::Role => "the task's role gives none",
            Self::Machine => "none are set, and this machine has no role that gives any",
        }
    }
}

impl Bucket {
    /// Whether the failure only says that there is no such object.
    pub(super) fn absent(failure: &object_store::Error) -> bool {
        matches!(failure, object_store::Error::NotFound { .. })
            && code_in(&chain(failure)).as_deref() != Some("NoSuchBucket")
    }

    /// A failure in words.
    pub(super) fn failure(&self, failure: &object_store::Error) -> StoreError {
        let text = chain(failure);
        let code = code_in(&text);
        let status = match failure {
            object_store::Error::PermissionDenied { .. } => Some(StatusCode::FORBIDDEN),
            object_store::Error::Unauthenticated { .. } => Some(StatusCode::UNAUTHORIZED),
            object_store::Error::NotFound { .. } => Some(StatusCode::NOT_FOUND),
            _ => None,
        };
        match (code, status) {
            (Some(code), _) => self.explained(&code, status),
            (None, Some(status)) => self.explained("", Some(status)),
            (None, None) => self.silent("it cannot be reached"),
        }
    }

    /// A refused plain request in words.
    pub(super) fn refusal(&self, status: StatusCode, body: &str) -> StoreError {
        self.explained(&code_in(body).unwrap_or_default(), Some(status))
    }

    /// S3 did not answer.
    pub(super) fn silent(&self, problem: &str) -> StoreError {
        StoreError::Unavailable {
            place: format!("S3 bucket {}", self.name),
            problem: problem.to_owned(),
        }
    }

    fn explained(&self, code: &str, status: Option<StatusCode>) -> StoreError {
        let Self { name, region, .. } = self;
        let problem = match code {
            "NoSuchBucket" => format!(
                "S3 bucket {name} does not exist; create it with: aws s3 mb s3://{name} --region \
                 {region}"
            ),
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "InvalidToken"
            | "ExpiredToken"
            | "TokenRefreshRequired" => {
                return missing_credentials(&format!("S3 does not accept those in use ({code})"));
            }
            "RequestTimeTooSkewed" => {
                "this machine's clock differs from S3's by more than 15 minutes; set the clock"
                    .to_owned()
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraint" => {
                format!(
                    "S3 bucket {name} is not in region {region}; set AWS_REGION to the bucket's \
                     region"
                )
            }
            _ if code.starts_with("KMS.") => format!(
                "S3 bucket {name} cannot use its KMS key ({code}); allow kms:GenerateDataKey and \
                 kms:Decrypt on the key and check that it is enabled"
            ),
            _ if code == "AccessDenied"
                || status == Some(StatusCode::FORBIDDEN)
                || status == Some(StatusCode::UNAUTHORIZED) =>
            {
                access_denied(name)
            }
            "" => return self.silent("it failed without saying why"),
            _ => return self.silent(&format!("it answered {code}")),
        };
        StoreError::Misconfigured { problem }
    }
}

/// No usable AWS credentials, with the three ways to supply them.
pub(super) fn missing_credentials(problem: &str) -> StoreError {
    StoreError::Misconfigured {
        problem: format!(
            "no usable AWS credentials for S3: {problem}; supply them in one of three ways: (1) \
             set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary \
             ones), (2) run `aws configure`, or name a profile of ~/.aws/credentials with \
             AWS_PROFILE, (3) run on ECS or EC2 with a task or instance role that may use the \
             bucket"
        ),
    }
}

fn access_denied(bucket: &str) -> String {
    format!(
        "S3 denied access to bucket {bucket}; allow s3:ListBucket on the bucket and s3:GetObject, \
         s3:PutObject and s3:DeleteObject on its objects, for example with this policy: \
         {{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\
         \"s3:ListBucket\",\"Resource\":\"arn:aws:s3:::{bucket}\"}},{{\"Effect\":\"Allow\",\
         \"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\"],\"Resource\":\
         \"arn:aws:s3:::{bucket}/*\"}}]}}"
    )
}

/// The text of an error and of all its sources, for reading codes out of it only.
fn chain(failure: &object_store::Error) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        let _ = write!(text, "\n{cause}");
        source = cause.source();
    }
    text
}

/// The code in an S3 error document.
fn code_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    (code.len() <= 64 && code.chars().all(plain)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        Bucket {
            name: "tokens".to_owned(),
            region: "eu-west-1".to_owned(),
            credentials: CredentialSource::Variables,
        }
    }

    fn said(status: u16, code: &str) -> String {
        let body =
            format!("<Error><Code>{code}</Code><AWSAccessKeyId>AKIA</AWSAccessKeyId></Error>");
        bucket()
            .refusal(StatusCode::from_u16(status).unwrap(), &body)
            .to_string()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        assert!(said(404, "NoSuchBucket").contains("aws s3 mb s3://tokens --region eu-west-1"));
        let denied = said(403, "AccessDenied");
        assert!(denied.contains("s3:ListBucket") && denied.contains("arn:aws:s3:::tokens/*"));
        let (_, policy) = denied.split_once("this policy: ").unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(policy).is_ok(),
            "{policy}"
        );
        assert!(said(403, "InvalidAccessKeyId").contains("(3) run on ECS"));
        assert!(said(403, "RequestTimeTooSkewed").contains("clock"));
        assert!(said(301, "PermanentRedirect").contains("AWS_REGION"));
        assert!(said(400, "KMS.DisabledException").contains("kms:GenerateDataKey"));
        for code in [
            "NoSuchBucket",
            "AccessDenied",
            "InvalidAccessKeyId",
            "SlowDown",
        ] {
            assert!(!said(403, code).contains("AKIA"), "{code}");
        }
    }

    #[test]
    fn outages_are_not_configuration_faults() {
        let body = "<Error><Code>SlowDown</Code></Error>";
        let failure = bucket().refusal(StatusCode::SERVICE_UNAVAILABLE, body);
        assert!(
            matches!(failure, StoreError::Unavailable { .. }),
            "{failure:?}"
        );
        assert_eq!(failure.retry_after(), Some(2));
        let strange = bucket().refusal(StatusCode::BAD_GATEWAY, "<html>");
        assert!(matches!(strange, StoreError::Unavailable { .. }));
    }
}
