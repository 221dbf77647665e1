//! A request, as a handler sees it.

use std::ops::Add;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::syft::app::types;
use crate::{Error, FromBody, Headers, Json, Text, query};

/// A request: a handler takes it as a parameter of this type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The UUID of the request.
    pub id: String,
    /// The path of the endpoint.
    pub endpoint: String,
    /// Who sent it, and how far that is known.
    pub sender: Sender,
    /// The full `syft://` URL as the caller wrote it, with its query.
    pub url: String,
    /// The method. The host calls handlers alike for all of them.
    pub method: Method,
    /// The headers.
    pub headers: Headers,
    /// The body. `None` where the caller sent none, empty where they sent an
    /// empty one.
    pub body: Option<Vec<u8>>,
    /// When the caller made it.
    pub created: Timestamp,
    /// When it is no longer answered.
    pub expires: Timestamp,
}

impl Request {
    /// Returns a request to `endpoint` with nothing in it, for tests: from
    /// `caller@example.com` to `owner@example.com`, with a claimed sender.
    pub fn new(endpoint: &str) -> Request {
        Request {
            id: "00000000-0000-4000-8000-000000000000".to_owned(),
            endpoint: endpoint.to_owned(),
            sender: Sender {
                email: "caller@example.com".to_owned(),
                proof: Proof::Claimed,
            },
            url: format!("syft://owner@example.com/app_data/app/rpc{endpoint}"),
            method: Method::Post,
            headers: Headers::new(),
            body: None,
            created: Timestamp(0),
            expires: Timestamp(0),
        }
    }

    /// Returns the header of that name, whatever the case of its letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Returns the value of that name in the query of the URL, decoded: `Ada Lovelace`
    /// of `…/hello?name=Ada+Lovelace`. Of several it is the first.
    pub fn query(&self, name: &str) -> Option<String> {
        let mut pairs = query::pairs(&self.url);
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Returns all names and values in the query of the URL, decoded, in their order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        query::pairs(&self.url).collect()
    }

    /// Returns how long the caller still waits for the answer. What is left for the
    /// call itself, which is less as a rule, is
    /// [`context::time_left`](crate::context::time_left).
    pub fn expires_in(&self) -> Duration {
        self.expires.since(Timestamp::now())
    }

    /// Returns the body, deserialised from JSON.
    ///
    /// A body that does not fit gives [`Error::bad_request`], so `?` answers it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let Json(value) = self.whole()?;
        Ok(value)
    }

    /// Returns the body as text; empty where there is none.
    ///
    /// A body that is not UTF-8 gives [`Error::bad_request`], so `?` answers it.
    pub fn text(&self) -> Result<String, Error> {
        let Text(text) = self.whole()?;
        Ok(text)
    }

    fn whole<T: FromBody>(&self) -> Result<T, Error> {
        T::from_body(self.body.clone()).map_err(Error::bad_request)
    }
}

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sender {
    /// Their email.
    pub email: String,
    /// How far it is known that it was them.
    pub proof: Proof,
}

impl Sender {
    /// Returns the email if it is more than a claim: what access may be decided by.
    ///
    /// ```
    /// # use syft_guest::prelude::*;
    /// #[on_request("/diary")]
    /// fn diary(request: Request) -> Result<&'static str, Error> {
    ///     match request.sender.proven() {
    ///         Some(email) if email == context::datasite() => Ok("Dear diary"),
    ///         _ => Err(Error::forbidden("it is the owner's")),
    ///     }
    /// }
    /// ```
    pub fn proven(&self) -> Option<&str> {
        match self.proof {
            Proof::Claimed => None,
            Proof::Folder | Proof::Signed => Some(&self.email),
        }
    }
}

/// How far the email of a sender is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Proof {
    /// Only the message says so. Anyone who may write into the endpoint's
    /// folder can claim any name, and anyone at all through SyftBox's HTTP API,
    /// which also writes into the folder of that name: never decide about
    /// access by it.
    Claimed,
    /// The request lies in a folder of that name, whose access rule lets only
    /// that user write there, and did not come through the HTTP API.
    Folder,
    /// The sender encrypted the body for this datasite with the key that is
    /// known as theirs. Method, URL and headers are not covered by that.
    Signed,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the time now.
    pub fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Timestamp(0) + since.unwrap_or_default()
    }

    /// Returns the time from `earlier` to this, nothing if that is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        let micros = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// Returns the time for the standard library, where it can represent it.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_micros(self.0.unsigned_abs());
        if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// The end of time is not passed.
    fn add(self, time: Duration) -> Timestamp {
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

impl From<types::Request> for Request {
    fn from(request: types::Request) -> Request {
        Request {
            id: request.id,
            endpoint: request.endpoint,
            sender: Sender {
                email: request.sender,
                proof: request.sender_proof.into(),
            },
            url: request.url,
            method: request.method.into(),
            headers: request.headers.into(),
            body: request.body,
            created: Timestamp(request.created),
            expires: Timestamp(request.expires),
        }
    }
}

impl From<types::SenderProof> for Proof {
    fn from(proof: types::SenderProof) -> Proof {
        match proof {
            types::SenderProof::Claimed => Proof::Claimed,
            types::SenderProof::Folder => Proof::Folder,
            types::SenderProof::Signed => Proof::Signed,
        }
    }
}

impl From<types::Method> for Method {
    fn from(method: types::Method) -> Method {
        match method {
            types::Method::Get => Method::Get,
            types::Method::Head => Method::Head,
            types::Method::Post => Method::Post,
            types::Method::Put => Method::Put,
            types::Method::Patch => Method::Patch,
            types::Method::Delete => Method::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_does_not_fit_is_the_callers_fault() {
        let mut request = Request::new("/f");
        assert_eq!(request.text().expect("no text"), "");
        assert_eq!(request.json::<i64>().expect_err("nothing").status(), 400);
        request.body = Some(b"5".to_vec());
        assert_eq!(request.json::<i64>().expect("a number"), 5);
        assert_eq!(request.json::<bool>().expect_err("no bool").status(), 400);
        request.body = Some(vec![0xff]);
        assert_eq!(request.text().expect_err("no text").status(), 400);
    }

    #[test]
    fn only_what_is_proven_tells_the_sender() {
        let mut sender = Request::new("/f").sender;
        assert_eq!(sender.proven(), None);
        for proof in [Proof::Folder, Proof::Signed] {
            sender.proof = proof;
            assert_eq!(sender.proven(), Some("caller@example.com"));
        }
    }

    #[test]
    fn the_query_is_found_by_name() {
        let mut request = Request::new("/f");
        assert_eq!(request.query("a"), None);
        request.url.push_str("?a=1&b=x+y&a=2");
        assert_eq!(request.query("a").as_deref(), Some("1"));
        assert_eq!(request.query("b").as_deref(), Some("x y"));
        assert_eq!(request.query_pairs().len(), 3);
    }

    #[test]
    fn times_are_added_and_compared() {
        let second = Duration::from_secs(1);
        let time = Timestamp(5) + second;
        assert_eq!(time, Timestamp(1_000_005));
        assert_eq!(time.since(Timestamp(5)), second);
        assert_eq!(Timestamp(5).since(time), Duration::ZERO);
        assert_eq!(Timestamp(1) + Duration::MAX, Timestamp(i64::MAX));
        let ends = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        assert_eq!(ends.0.since(ends.1), Duration::from_micros(u64::MAX));
        let mut request = Request::new("/f");
        assert_eq!(request.expires_in(), Duration::ZERO);
        request.expires = Timestamp::now() + 60 * second;
        assert!(request.expires_in() > 50 * second);
    }

    #[test]
    fn times_before_1970_are_times() {
        let second = Duration::from_secs(1);
        for (micros, expected) in [
            (1_000_000, SystemTime::UNIX_EPOCH + second),
            (-1_000_000, SystemTime::UNIX_EPOCH - second),
        ] {
            assert_eq!(Timestamp(micros).to_system_time(), Some(expected));
        }
    }
}
