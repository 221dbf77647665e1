//! What takes messages in native tests, where nothing is sent.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use super::{Message, MessageError, Outcome, Until};

/// Answers in place of all receivers; none while there is no answer yet.
pub(crate) type Receiver = Rc<dyn Fn(&Message) -> Option<Outcome>>;

thread_local! {
    /// The messages of the tests that are going on, the innermost last.
    static ENTERED: RefCell<Vec<Rc<Mail>>> = const { RefCell::new(Vec::new()) };
}

/// Lets this take messages, until [`leave`] is called.
pub(crate) fn enter(mail: &Rc<Mail>) {
    ENTERED.with_borrow_mut(|entered| entered.push(Rc::clone(mail)));
}

pub(crate) fn leave() {
    ENTERED.with_borrow_mut(Vec::pop);
}

fn current() -> Option<Rc<Mail>> {
    ENTERED.with_borrow(|entered| entered.last().cloned())
}

/// The messages of an app of a test.
#[derive(Default)]
pub(crate) struct Mail {
    receiver: Option<Receiver>,
    /// Those of the call that is going on, with their ids.
    queued: RefCell<Vec<(String, Message)>>,
    left: RefCell<Vec<(String, Message)>>,
    /// Those of which a handler was told what became of them.
    told: RefCell<HashSet<String>>,
}

impl Mail {
    /// Returns that of an app that may send, to whom this answers.
    pub(crate) fn answered_by(receiver: Receiver) -> Self {
        Self {
            receiver: Some(receiver),
            ..Self::default()
        }
    }

    /// Has all that is queued leave, as at the end of a call that went well.
    pub(crate) fn leave(&self) {
        self.left.borrow_mut().append(&mut self.queued.borrow_mut());
    }

    /// Drops what is queued, as at the end of a call that failed.
    pub(crate) fn forget(&self) {
        self.queued.borrow_mut().clear();
    }

    /// Returns what has left.
    pub(crate) fn sent(&self) -> Vec<Message> {
        let left = self.left.borrow();
        left.iter().map(|(_, message)| message.clone()).collect()
    }

    /// Returns what left and names a handler, with what became of it where that is known.
    pub(crate) fn ended(&self, handler: &str) -> Vec<(String, Message, Outcome)> {
        let is_its = |message: &Message| {
            let reply_to = message.reply_to.as_ref();
            reply_to.is_some_and(|reply_to| reply_to.handler == handler)
        };
        let left = self.left.borrow().clone();
        let told = self.told.borrow();
        let its = left.into_iter();
        let its = its.filter(|(id, message)| is_its(message) && !told.contains(id));
        its.filter_map(|(id, message)| {
            let outcome = self.outcome(&message)?;
            Some((id, message, outcome))
        })
        .collect()
    }

    /// Takes note that a handler was told what became of a message.
    pub(crate) fn told(&self, id: &str) {
        self.told.borrow_mut().insert(id.to_owned());
    }

    fn outcome(&self, message: &Message) -> Option<Outcome> {
        self.receiver
            .as_ref()
            .and_then(|receiver| receiver(message))
    }

    fn take(&self, message: Message) -> String {
        let mut queued = self.queued.borrow_mut();
        let n = queued.len() + self.left.borrow().len() + 1;
        let id = format!("00000000-0000-4000-9000-{n:012}");
        queued.push((id.clone(), message));
        id
    }

    /// Has a message leave, if it did not, and returns it.
    fn post(&self, id: &str) -> Option<Message> {
        let mut left = self.left.borrow_mut();
        let mut queued = self.queued.borrow_mut();
        if let Some(at) = queued.iter().position(|(its, _)| its == id) {
            left.push(queued.remove(at));
        }
        let found = left.iter().find(|(its, _)| its == id);
        found.map(|(_, message)| message.clone())
    }
}

pub(super) fn send(message: Message) -> Result<String, MessageError> {
    match current() {
        Some(mail) if mail.receiver.is_some() => Ok(mail.take(message)),
        _ => Err(MessageError::NotGranted(format!(
            "this app may not send to {}: a native test needs test::App::with_messages",
            message.url
        ))),
    }
}

pub(super) fn receive(
    ids: &[&str],
    _: Until,
    _: Duration,
) -> Result<Vec<Option<Outcome>>, MessageError> {
    let mail = current().unwrap_or_default();
    let look = |id: &&str| match mail.post(id) {
        Some(message) if message.reply_to.is_some() => Err(MessageError::Invalid(format!(
            "what becomes of {id} goes to its handler"
        ))),
        Some(message) => Ok(mail.outcome(&message)),
        None => Err(MessageError::Unknown(format!(
            "this app sent no message {id}"
        ))),
    };
    ids.iter().map(look).collect()
}
