//! A request of a native test, and its answer.

use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::app::App;
use crate::{Handler, Headers, Method, Proof, Request, Response, Timestamp};

/// A request that a test makes: see [`App::request`].
#[must_use = "nothing happens before it is sent"]
pub struct Call<'a, H> {
    app: &'a App,
    request: Request,
    handler: PhantomData<fn() -> H>,
}

impl<'a, H: Handler> Call<'a, H> {
    pub(super) fn new(app: &'a App, n: u32) -> Self {
        let mut request = Request::new(H::PATH);
        let (datasite, name) = app.address();
        request.id = format!("00000000-0000-4000-8000-{n:012}");
        request.url = format!("syft://{datasite}/app_data/{name}/rpc{}", H::PATH);
        request.sender.proof = Proof::Folder;
        request.created = Timestamp::now();
        request.expires = request.created + Duration::from_secs(15 * 60);
        Self {
            app,
            request,
            handler: PhantomData,
        }
    }

    /// Sets the sender, whom the folder of the request proves.
    pub fn sender(self, email: &str) -> Self {
        self.sent_by(email, Proof::Folder)
    }

    /// Sets the sender, as anybody could have written it.
    pub fn claimed_sender(self, email: &str) -> Self {
        self.sent_by(email, Proof::Claimed)
    }

    fn sent_by(mut self, email: &str, proof: Proof) -> Self {
        email.clone_into(&mut self.request.sender.email);
        self.request.sender.proof = proof;
        self
    }

    /// Sets the method. `POST` elsewhere.
    pub fn method(mut self, method: Method) -> Self {
        self.request.method = method;
        self
    }

    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.set(name, value);
        self
    }

    /// Sets the query of the URL, `a=1&b=2`.
    pub fn query(mut self, query: &str) -> Self {
        self.request.url.push('?');
        self.request.url.push_str(query);
        self
    }

    /// Sets the body: bytes or text.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self
    }

    /// Sets the body to JSON.
    ///
    /// # Panics
    /// Where the value has no JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let body = serde_json::to_vec(value);
        self.body(body.unwrap_or_else(|error| panic!("the body of a test: {error}")))
    }

    /// Changes what has no method of its own.
    pub fn with(mut self, change: impl FnOnce(&mut Request)) -> Self {
        change(&mut self.request);
        self
    }

    /// Calls the handler.
    pub fn send(self) -> Answer {
        self.app.answer(|| H::call(self.request))
    }
}

/// The answer to a request of a test, as the caller gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// Returns the body as text; empty where there is none.
    ///
    /// # Panics
    /// Where it is no text.
    pub fn text(&self) -> String {
        let body = self.body.clone().unwrap_or_default();
        String::from_utf8(body).unwrap_or_else(|error| panic!("the body is no text: {error}"))
    }

    /// Returns the body, deserialised from JSON.
    ///
    /// # Panics
    /// Where it does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let body = self.body.as_deref().unwrap_or_default();
        serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text()))
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }
    }
}
