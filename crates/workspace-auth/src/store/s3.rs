//! Credentials as objects in an S3 bucket.
//!
//! Built on `object_store`: signing, task roles, encryption headers, conditional writes and
//! repetition are its work. Only the conditional removal is ours, by a request of its own with
//! `If-Match`. Invariant: every operation ends within [`DEADLINE`], whatever the network
//! does, and no record shows a key, a signature or a document.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsAuthorizer},
    client::HttpRequestBody,
    path::Path,
    signer::Signer,
};
use tracing::{debug, error, info};
use url::Url;

use super::{
    Condition, Entry, Objects, StoreError, Stored, Version,
    s3_failure::{Bucket, CredentialSource, missing_credentials},
    shared_credentials,
};

const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(10);
const DEFAULT_REGION: &str = "us-east-1";

/// Settings that are handed to `object_store` under their own names.
const PASSED_ON: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_SSE_KMS_KEY_ID",
];

/// Objects below a prefix of a bucket.
pub struct S3Objects {
    store: AmazonS3,
    http: reqwest::Client,
    prefix: String,
    bucket: Bucket,
    /// Whether the source of credentials has given any yet.
    credentialed: AtomicBool,
}

impl S3Objects {
    /// Prepares the connection; nothing is contacted yet.
    ///
    /// `settings` holds the `AWS_…` variables by name, and `HOME` for the shared credentials file.
    /// `AWS_SERVER_SIDE_ENCRYPTION` is `AES256` (the default), `aws:kms`, `aws:kms:dsse`, or
    /// `bucket` to leave it to the bucket.
    pub fn open(
        bucket: &str,
        prefix: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, StoreError> {
        // Whoever installed a TLS provider first keeps it; all of this program use ring.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let region = settings
            .get("AWS_REGION")
            .or_else(|| settings.get("AWS_DEFAULT_REGION"))
            .map_or(DEFAULT_REGION, String::as_str);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            // The bulk request is not understood by all servers and saves nothing here.
            .with_disable_bulk_delete(true)
            .with_retry(retry())
            .with_client_options(
                ClientOptions::new()
                    .with_connect_timeout(CONNECT)
                    .with_timeout(ATTEMPT),
            );
        for name in PASSED_ON {
            if let (Some(value), Ok(key)) = (settings.get(*name), config_key(name)) {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(address) = settings.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            builder = builder.with_metadata_endpoint(address);
        }
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .iter()
            .find_map(|name| settings.get(*name));
        if let Some(endpoint) = endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let encryption = settings
            .get("AWS_SERVER_SIDE_ENCRYPTION")
            .map_or("AES256", |kind| kind);
        if encryption != "bucket" {
            let key = config_key("AWS_SERVER_SIDE_ENCRYPTION").expect("object_store knows it");
            builder = builder.with_config(key, encryption);
        }
        let (builder, source) = with_keys(builder, settings)?;
        let store = builder.build().map_err(|error| StoreError::Misconfigured {
            problem: format!("the S3 settings for bucket {bucket} cannot be used: {error}"),
        })?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| StoreError::Misconfigured {
                problem: "cannot prepare TLS connections to S3; install the system's certificate \
                          authorities (Debian: ca-certificates)"
                    .to_owned(),
            })?;
        let bucket = Bucket {
            name: bucket.to_owned(),
            region: region.to_owned(),
            credentials: source,
        };
        Ok(Self {
            store,
            http,
            prefix: prefix.to_owned(),
            bucket,
            credentialed: AtomicBool::new(false),
        })
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let full = if self.prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{}/{key}", self.prefix)
        };
        Path::parse(full).map_err(|_| StoreError::BadName {
            problem: "the account identifier cannot be used as an S3 key".to_owned(),
        })
    }

    async fn read(&self, key: &str) -> Result<Option<Stored>, StoreError> {
        let path = self.path(key)?;
        let read = async {
            let found = self.store.get(&path).await?;
            let version = found.meta.e_tag.clone().unwrap_or_default();
            Ok(Some(Stored {
                bytes: found.bytes().await?,
                version: Version(version),
            }))
        };
        self.run("get", key, read, |failure| {
            Bucket::absent(failure).then_some(None)
        })
        .await
    }

    async fn write(
        &self,
        key: &str,
        bytes: Bytes,
        condition: Condition,
    ) -> Result<Version, StoreError> {
        let path = self.path(key)?;
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(Version(e_tag)) => PutMode::Update(UpdateVersion {
                e_tag: Some(e_tag),
                version: None,
            }),
        };
        let json = Attributes::from_iter([(Attribute::ContentType, "application/json")]);
        let options = PutOptions {
            mode,
            attributes: json,
            ..PutOptions::default()
        };
        let write = async {
            let put = self
                .store
                .put_opts(&path, bytes.clone().into(), options)
                .await?;
            Ok(Some(Version(put.e_tag.unwrap_or_default())))
        };
        let written = self
            .run("put", key, write, |failure| {
                let conflict = matches!(
                    failure,
                    object_store::Error::AlreadyExists { .. }
                        | object_store::Error::Precondition { .. }
                );
                conflict.then_some(None)
            })
            .await?;
        match written {
            Some(version) => Ok(version),
            // A request repeated below us after its first answer got lost meets its own write.
            None => match self.read(key).await? {
                Some(stored) if stored.bytes == bytes => Ok(stored.version),
                _ => Err(StoreError::Conflict),
            },
        }
    }

    async fn remove(&self, key: &str, condition: Condition) -> Result<(), StoreError> {
        let path = self.path(key)?;
        match condition {
            Condition::Always => {
                let remove = async { self.store.delete(&path).await };
                let gone = |failure: &object_store::Error| Bucket::absent(failure).then_some(());
                self.run("delete", key, remove, gone).await
            }
            Condition::Absent => self
                .read(key)
                .await?
                .map_or(Ok(()), |_| Err(StoreError::Conflict)),
            Condition::Unchanged(version) => self.remove_version(key, &path, &version).await,
        }
    }

    async fn remove_version(
        &self,
        key: &str,
        path: &Path,
        version: &Version,
    ) -> Result<(), StoreError> {
        let Ok(mut request) = http::Request::delete(self.address(path).await?.as_str())
            .header(header::IF_MATCH, &version.0)
            .body(HttpRequestBody::empty())
        else {
            return Err(StoreError::Conflict);
        };
        let credential = self.store.credentials().get_credential();
        let credential = self.run("sign", key, credential, |_| None).await?;
        AwsAuthorizer::new(&credential, "s3", &self.bucket.region)
            .try_authorize(&mut request, None)
            .map_err(|error| self.bucket.failure(&error))?;
        let headers = std::mem::take(request.headers_mut());
        let begun = Instant::now();
        let answer = self
            .http
            .delete(request.uri().to_string())
            .headers(headers)
            .send()
            .await;
        let status = answer.as_ref().map(reqwest::Response::status);
        let failure = match status {
            Ok(status) if status.is_success() || status == StatusCode::NOT_FOUND => {
                info!("S3 delete {key} duration={}ms", begun.elapsed().as_millis());
                return Ok(());
            }
            Ok(StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT) => {
                return Err(StoreError::Conflict);
            }
            Ok(status) => {
                let body = match answer {
                    Ok(answer) => answer.text().await.unwrap_or_default(),
                    Err(_) => String::new(),
                };
                self.bucket.refusal(status, &body)
            }
            Err(_) => self.bucket.silent("no answer to a removal"),
        };
        error!("S3 storage error: delete {key}: {failure}");
        Err(failure)
    }

    /// The address of an object: the one `object_store` uses, without a signature.
    async fn address(&self, path: &Path) -> Result<Url, StoreError> {
        let signed = self.store.signed_url(Method::DELETE, path, DEADLINE).await;
        let mut url = signed.map_err(|error| self.bucket.failure(&error))?;
        url.set_query(None);
        Ok(url)
    }

    async fn entries(&self, folder: &str) -> Result<Vec<Entry>, StoreError> {
        let below = match (self.prefix.is_empty(), folder.is_empty()) {
            (true, true) => Path::ROOT,
            (false, true) => self.path_of_prefix()?,
            _ => self.path(folder)?,
        };
        let list = async { self.store.list_with_delimiter(Some(&below)).await };
        let found = self.run("list", folder, list, |_| None).await?;
        let entry = |object: object_store::ObjectMeta| {
            let name = object.location.filename()?;
            let key = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            let modified = Timestamp::from_second(object.last_modified.timestamp()).ok()?;
            Some(Entry { key, modified })
        };
        let mut entries: Vec<Entry> = found.objects.into_iter().filter_map(entry).collect();
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(entries)
    }

    fn path_of_prefix(&self) -> Result<Path, StoreError> {
        Path::parse(&self.prefix).map_err(|_| StoreError::Misconfigured {
            problem: "the prefix of the S3 location has characters that S3 keys should not have"
                .to_owned(),
        })
    }

    /// Fails with advice when roles and machine give no credentials: otherwise that would look
    /// like a bucket that does not answer.
    async fn credentialed(&self) -> Result<(), StoreError> {
        if self.credentialed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let asked = self.store.credentials().get_credential();
        let Ok(Ok(_)) = tokio::time::timeout(CONNECT, asked).await else {
            let failure = missing_credentials(self.bucket.credentials.without_answer());
            error!("S3 storage error: {failure}");
            return Err(failure);
        };
        self.credentialed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Runs one operation against the deadline, and records it. `expected` turns a failure that
    /// is a normal answer into a value.
    async fn run<T>(
        &self,
        verb: &str,
        key: &str,
        work: impl Future<Output = Result<T, object_store::Error>>,
        expected: impl Fn(&object_store::Error) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.credentialed().await?;
        let begun = Instant::now();
        let outcome = tokio::time::timeout(DEADLINE, work).await;
        let duration = begun.elapsed().as_millis();
        let failure = match outcome {
            Ok(Ok(value)) => {
                if matches!(verb, "put" | "delete") {
                    info!("S3 {verb} {key} duration={duration}ms");
                } else {
                    debug!("S3 {verb} {key} duration={duration}ms");
                }
                return Ok(value);
            }
            Ok(Err(failure)) => match expected(&failure) {
                Some(value) => {
                    debug!("S3 {verb} {key} duration={duration}ms");
                    return Ok(value);
                }
                None => self.bucket.failure(&failure),
            },
            Err(_) => self.bucket.silent("no answer in time"),
        };
        error!("S3 storage error: {verb} {key} duration={duration}ms: {failure}");
        Err(failure)
    }
}

impl Objects for S3Objects {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        Box::pin(self.read(key))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        condition: Condition,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        Box::pin(self.write(key, bytes, condition))
    }

    fn delete<'a>(
        &'a self,
        key: &'a str,
        condition: Condition,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.remove(key, condition))
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(self.entries(folder))
    }

    fn place(&self) -> String {
        format!("S3 bucket {}", self.bucket.name)
    }
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: DEADLINE,
    }
}

fn config_key(name: &str) -> Result<AmazonS3ConfigKey, object_store::Error> {
    name.to_ascii_lowercase().parse()
}

/// Where the keys come from, in the order AWS tools use: variables, a role by identity file, the
/// shared file, the task's role, the machine's role.
fn with_keys(
    builder: AmazonS3Builder,
    settings: &BTreeMap<String, String>,
) -> Result<(AmazonS3Builder, CredentialSource), StoreError> {
    let has = |name: &str| settings.contains_key(name);
    match (has("AWS_ACCESS_KEY_ID"), has("AWS_SECRET_ACCESS_KEY")) {
        (true, true) => return Ok((builder, CredentialSource::Variables)),
        (false, false) => {}
        _ => return Err(missing_credentials("only one of the two AWS keys is set")),
    }
    if has("AWS_WEB_IDENTITY_TOKEN_FILE") && has("AWS_ROLE_ARN") {
        return Ok((builder, CredentialSource::Role));
    }
    let file =
        shared_credentials::path(settings).and_then(|path| std::fs::read_to_string(path).ok());
    let profile = settings
        .get("AWS_PROFILE")
        .map_or("default", String::as_str);
    let keys = file.and_then(|text| shared_credentials::keys(&text, profile));
    match keys.map(|keys| {
        (
            keys.access_key_id,
            keys.secret_access_key,
            keys.session_token,
        )
    }) {
        Some((Some(id), Some(secret), token)) => {
            let builder = builder
                .with_access_key_id(id)
                .with_secret_access_key(secret);
            let builder = match token {
                Some(token) => builder.with_token(token),
                None => builder,
            };
            return Ok((builder, CredentialSource::SharedFile));
        }
        Some(_) => {
            return Err(missing_credentials(
                "the AWS profile lacks one of the two keys",
            ));
        }
        None if has("AWS_PROFILE") => {
            return Err(missing_credentials(
                "the AWS profile is not in the shared file",
            ));
        }
        None => {}
    }
    if has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") || has("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        return Ok((builder, CredentialSource::Role));
    }
    Ok((builder, CredentialSource::Machine))
}
