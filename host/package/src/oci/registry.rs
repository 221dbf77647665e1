//! One registry: the few requests of its protocol that are needed.
//!
//! What it answers is a stranger's: each answer has a size and a time, where it sends us on is
//! as encrypted as the registry is, and who asks is told to the registry alone.
//!
//! Why: docs/decisions/43-we-speak-to-registries-ourselves.md

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use syft_manifest::sanitize::plain_excerpt;
use ureq::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use ureq::http::{Method, Request, Response, StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::auth::{Auth, Challenge};
use super::digest::OciDigest;
use super::error::OciError;
use super::manifest::{BlobDescriptor, MANIFEST};
use super::reference::{Reference, ReferenceVersion, is_loopback};
use super::{MAX_MANIFEST_BYTES, TransferBounds};

const DIGEST_HEADER: &str = "docker-content-digest";
/// Of several forms in which a registry could give a manifest we take one.
const WANTED: Option<(HeaderName, &str)> = Some((ACCEPT, MANIFEST));
const MAX_REDIRECTS: usize = 5;
/// The most that is read of a token, and of what a registry says of an error.
const MAX_TOKEN_BYTES: u64 = 64 << 10;
const MAX_MESSAGE_BYTES: u64 = 4 << 10;

/// What is to be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegistryAccess {
    Pull,
    Push,
}

/// A registry, and who asks it for what.
pub(super) struct Registry<'a> {
    agent: Agent,
    reference: &'a Reference,
    auth: &'a Auth,
    access: RegistryAccess,
    bounds: &'a TransferBounds,
    /// How it was last told who asks.
    authorization: Option<HeaderValue>,
}

/// A request.
struct Call<'b> {
    method: Method,
    uri: Uri,
    /// What kind of thing is wanted, or sent.
    kind: Option<(HeaderName, &'static str)>,
    body: Option<&'b [u8]>,
    within: Duration,
}

impl Call<'_> {
    fn get(uri: Uri, within: Duration) -> Self {
        Self {
            method: Method::GET,
            uri,
            kind: None,
            body: None,
            within,
        }
    }
}

impl<'a> Registry<'a> {
    pub(super) fn new(
        reference: &'a Reference,
        auth: &'a Auth,
        access: RegistryAccess,
        bounds: &'a TransferBounds,
    ) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .https_only(!reference.is_loopback())
            .tls_config(tls.build())
            .user_agent(concat!("syft-host/", env!("CARGO_PKG_VERSION")));
        if reference.is_loopback() {
            config = config.proxy(None);
        }
        Self {
            agent: config.build().new_agent(),
            reference,
            auth,
            access,
            bounds,
            authorization: None,
        }
    }

    /// Returns the digest of the manifest that is meant. A tag is looked up here, once.
    pub(super) fn resolve(&mut self) -> Result<OciDigest, OciError> {
        let tag = match self.reference.version() {
            ReferenceVersion::OciDigest(digest) => return Ok(digest.clone()),
            ReferenceVersion::Tag(tag) => tag.clone(),
        };
        let uri = self.own(&format!("manifests/{tag}"))?;
        let head = Call {
            method: Method::HEAD,
            kind: WANTED,
            ..Call::get(uri.clone(), self.bounds.answer)
        };
        let answer = self.follow(head)?;
        let answer = self.expect(answer, StatusCode::OK, &uri, "app")?;
        let named = answer.headers().get(DIGEST_HEADER);
        match named.and_then(|value| OciDigest::parse(value.to_str().ok()?)) {
            Some(digest) => Ok(digest),
            None => Ok(OciDigest::of(&self.read_manifest(uri)?)),
        }
    }

    /// Returns the manifest of this digest.
    pub(super) fn manifest(&mut self, digest: &OciDigest) -> Result<Vec<u8>, OciError> {
        let uri = self.own(&format!("manifests/{digest}"))?;
        let bytes = self.read_manifest(uri)?;
        check(bytes, digest, "manifest")
    }

    fn read_manifest(&mut self, uri: Uri) -> Result<Vec<u8>, OciError> {
        let get = Call {
            kind: WANTED,
            ..Call::get(uri.clone(), self.bounds.answer)
        };
        let answer = self.follow(get)?;
        let answer = self.expect(answer, StatusCode::OK, &uri, "app")?;
        let bytes = read(answer, &uri, self.bounds.answer, MAX_MANIFEST_BYTES)?;
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            Err(OciError::TooLarge {
                what: "manifest",
                limit: MAX_MANIFEST_BYTES,
            })
        } else {
            Ok(bytes)
        }
    }

    /// Returns the bytes that a manifest names. No more are read than it says there are.
    pub(super) fn component(&mut self, named: &BlobDescriptor) -> Result<Vec<u8>, OciError> {
        let (what, limit) = ("component", self.bounds.component_bytes);
        if named.size > limit {
            return Err(OciError::TooLarge { what, limit });
        }
        let uri = self.own(&format!("blobs/{}", named.digest))?;
        let within = self.bounds.transfer;
        let answer = self.follow(Call::get(uri.clone(), within))?;
        let answer = self.expect(answer, StatusCode::OK, &uri, what)?;
        let bytes = read(answer, &uri, within, named.size)?;
        check(bytes, &named.digest, what)
    }

    /// Gives it some bytes.
    pub(super) fn upload(&mut self, bytes: &[u8]) -> Result<(), OciError> {
        let uri = self.own("blobs/uploads/")?;
        let begin = Call {
            method: Method::POST,
            body: Some(b""),
            ..Call::get(uri.clone(), self.bounds.answer)
        };
        let answer = self.send(&begin)?;
        let answer = self.expect(answer, StatusCode::ACCEPTED, &uri, "repository")?;
        let place = location(&answer)
            .ok_or_else(|| OciError::Nonsense("it says no place to upload to".to_owned()))?;
        let mark = if place.contains('?') { '&' } else { '?' };
        let place = format!(
            "{place}{mark}digest={}",
            encode(&OciDigest::of(bytes).to_string())
        );
        let uri = self.locate(&uri, &place)?;
        let put = Call {
            method: Method::PUT,
            kind: Some((CONTENT_TYPE, "application/octet-stream")),
            body: Some(bytes),
            ..Call::get(uri.clone(), self.bounds.transfer)
        };
        let answer = self.send(&put)?;
        self.expect(answer, StatusCode::CREATED, &uri, "upload")?;
        Ok(())
    }

    /// Gives it a manifest under a tag.
    pub(super) fn tag(&mut self, tag: &str, manifest: &[u8]) -> Result<(), OciError> {
        let uri = self.own(&format!("manifests/{tag}"))?;
        let put = Call {
            method: Method::PUT,
            kind: Some((CONTENT_TYPE, MANIFEST)),
            body: Some(manifest),
            ..Call::get(uri.clone(), self.bounds.answer)
        };
        let answer = self.send(&put)?;
        self.expect(answer, StatusCode::CREATED, &uri, "repository")?;
        Ok(())
    }

    /// Returns an address below that of the repository.
    fn own(&self, path: &str) -> Result<Uri, OciError> {
        let scheme = if self.reference.is_loopback() {
            "http"
        } else {
            "https"
        };
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        parse_uri(&format!("{scheme}://{registry}/v2/{repository}/{path}"))
    }

    /// Returns the address that an answer from another one says.
    fn locate(&self, from: &Uri, place: &str) -> Result<Uri, OciError> {
        let is_path = place.starts_with('/') && !place.starts_with("//");
        let uri = match (is_path, from.scheme_str(), from.authority()) {
            (true, Some(scheme), Some(authority)) => {
                parse_uri(&format!("{scheme}://{authority}{place}"))?
            }
            _ => parse_uri(place)?,
        };
        let is_ours = self.reference.is_loopback() && uri.host().is_some_and(is_loopback);
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if is_ours => Ok(uri),
            _ => Err(OciError::NotEncrypted(plain_excerpt(place, 200))),
        }
    }

    /// Sends a request without a body, wherever the registry sends it on to.
    fn follow(&mut self, mut call: Call<'_>) -> Result<Response<Body>, OciError> {
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&call)?;
            match location(&answer).filter(|_| answer.status().is_redirection()) {
                Some(place) => call.uri = self.locate(&call.uri, place)?,
                None => return Ok(answer),
            }
        }
        Err(OciError::Redirects)
    }

    /// Sends a request, and again where the registry wants to know who asks.
    fn send(&mut self, call: &Call<'_>) -> Result<Response<Body>, OciError> {
        if !self.is_own(&call.uri)? {
            return self.send_as(call, None);
        }
        let answer = self.send_as(call, self.authorization.as_ref())?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let Some(authorization) = self.authorize(&call.uri, &answer)? else {
            return Ok(answer);
        };
        self.authorization = Some(authorization);
        self.send_as(call, self.authorization.as_ref())
    }

    /// Tells whether an address is the registry's, by host and port.
    fn is_own(&self, uri: &Uri) -> Result<bool, OciError> {
        Ok(origin(uri) == origin(&self.own("")?))
    }

    fn send_as(
        &self,
        call: &Call<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Body>, OciError> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.uri.clone());
        if let Some((name, value)) = &call.kind {
            request = request.header(name, *value);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(()).map_err(|error| nonsense(&error))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(call.within))
            .build();
        let answer = match call.body {
            Some(body) => self.agent.run(request.map(|()| body)),
            None => self.agent.run(request),
        };
        answer.map_err(|error| failed(error, &call.uri, call.within))
    }

    /// Finds out how to tell who asks; `None` where there is nothing to tell.
    fn authorize(
        &self,
        from: &Uri,
        answer: &Response<Body>,
    ) -> Result<Option<HeaderValue>, OciError> {
        let headers = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<Challenge> = headers
            .filter_map(|value| Challenge::parse(value.to_str().ok()?))
            .collect();
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service)),
            Challenge::Basic => None,
        });
        match bearer {
            Some((realm, service)) => {
                let token = self.fetch_token(from, realm, service.as_deref())?;
                secret(&format!("Bearer {token}")).map(Some)
            }
            None if challenges.is_empty() => Ok(None),
            None => self.auth.basic().map(|basic| secret(&basic)).transpose(),
        }
    }

    fn fetch_token(
        &self,
        from: &Uri,
        realm: &str,
        service: Option<&str>,
    ) -> Result<String, OciError> {
        let actions = match self.access {
            RegistryAccess::Pull => "pull",
            RegistryAccess::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.reference.repository());
        let mark = if realm.contains('?') { '&' } else { '?' };
        let mut place = format!("{realm}{mark}scope={}", encode(&scope));
        if let Some(service) = service {
            place.push_str(&format!("&service={}", encode(service)));
        }
        let uri = self.locate(from, &place)?;
        let basic = self.auth.basic().map(|basic| secret(&basic)).transpose()?;
        let within = self.bounds.answer;
        let answer = self.send_as(&Call::get(uri.clone(), within), basic.as_ref())?;
        let answer = self.expect(answer, StatusCode::OK, &uri, "account")?;
        let json = read(answer, &uri, within, MAX_TOKEN_BYTES)?;
        Token::parse(&json).ok_or_else(|| OciError::Nonsense("its token is invalid".to_owned()))
    }

    /// Returns an answer that has the status it should.
    fn expect(
        &self,
        answer: Response<Body>,
        status: StatusCode,
        uri: &Uri,
        what: &'static str,
    ) -> Result<Response<Body>, OciError> {
        let registry = self.reference.registry();
        match answer.status() {
            found if found == status => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(OciError::Unauthorized {
                registry,
                who: self.auth.to_string(),
            }),
            StatusCode::NOT_FOUND => Err(OciError::NotFound { registry, what }),
            other => Err(OciError::Refused {
                host: host(uri),
                status: other.as_u16(),
                message: message(answer, uri, self.bounds.answer),
            }),
        }
    }
}

fn check(bytes: Vec<u8>, promised: &OciDigest, what: &'static str) -> Result<Vec<u8>, OciError> {
    let promised = promised.clone();
    if OciDigest::of(&bytes) == promised {
        Ok(bytes)
    } else {
        Err(OciError::OtherBytes { what, promised })
    }
}

/// Reads an answer up to a size, and one byte more where there is more.
fn read(
    answer: Response<Body>,
    uri: &Uri,
    within: Duration,
    limit: u64,
) -> Result<Vec<u8>, OciError> {
    let mut bytes = Vec::new();
    let reader = answer.into_body().into_reader();
    match reader.take(limit + 1).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(failed(error.into(), uri, within)),
    }
}

/// Returns what a registry says about an error, where it does so in the way of the protocol.
fn message(answer: Response<Body>, uri: &Uri, within: Duration) -> String {
    #[derive(Deserialize)]
    struct Said {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        message: String,
    }
    let said = read(answer, uri, within, MAX_MESSAGE_BYTES).unwrap_or_default();
    let first = serde_json::from_slice(&said).ok();
    let first = first.and_then(|said: Said| said.errors.into_iter().next());
    first.map_or_else(String::new, |error| plain_excerpt(&error.message, 200))
}

/// What is needed of the answer with a token.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Token {
    fn parse(json: &[u8]) -> Option<String> {
        let found: Self = serde_json::from_slice(json).ok()?;
        found.token.or(found.access_token)
    }
}

/// Returns a header that is not shown in any log.
fn secret(text: &str) -> Result<HeaderValue, OciError> {
    let mut value = HeaderValue::from_str(text).map_err(|error| nonsense(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

fn location(answer: &Response<Body>) -> Option<&str> {
    answer.headers().get(LOCATION)?.to_str().ok()
}

fn parse_uri(text: &str) -> Result<Uri, OciError> {
    text.parse().map_err(|error| nonsense(&error))
}

/// Whom an address is of.
fn origin(uri: &Uri) -> (Option<&str>, Option<&str>, Option<u16>) {
    let default = match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    (uri.scheme_str(), uri.host(), uri.port_u16().or(default))
}

fn host(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    plain_excerpt(authority, 200)
}

fn nonsense(error: &dyn std::error::Error) -> OciError {
    OciError::Nonsense(plain_excerpt(&error.to_string(), 200))
}

fn failed(error: ureq::Error, uri: &Uri, within: Duration) -> OciError {
    let host = host(uri);
    match error {
        ureq::Error::Timeout(_) => OciError::TimedOut { host, within },
        ureq::Error::Protocol(error) => nonsense(&error),
        error => OciError::Unreachable {
            host,
            reason: plain_excerpt(&error.to_string(), 200),
        },
    }
}

/// Writes a value as it stands in a query.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
