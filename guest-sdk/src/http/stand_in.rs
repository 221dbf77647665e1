//! What answers requests in native tests, where nothing is sent.

use std::cell::RefCell;
use std::rc::Rc;

use super::{HttpError, HttpRequest, HttpResponse};

/// Answers in place of all servers.
pub(crate) type Answerer = Rc<dyn Fn(&HttpRequest) -> Result<HttpResponse, HttpError>>;

thread_local! {
    /// Those of the tests that are going on, the innermost last.
    static ENTERED: RefCell<Vec<Option<Answerer>>> = const { RefCell::new(Vec::new()) };
}

/// Lets this answer, until [`leave`] is called.
pub(crate) fn enter(answerer: Option<Answerer>) {
    ENTERED.with_borrow_mut(|entered| entered.push(answerer));
}

pub(crate) fn leave() {
    ENTERED.with_borrow_mut(Vec::pop);
}

pub(super) fn send(
    request: &HttpRequest,
    url: &super::url::Url<'_>,
) -> Result<HttpResponse, HttpError> {
    let answerer = ENTERED.with_borrow(|entered| entered.last().cloned().flatten());
    match answerer {
        Some(answer) => answer(request),
        None => Err(HttpError::NotAllowed(url.origin())),
    }
}
