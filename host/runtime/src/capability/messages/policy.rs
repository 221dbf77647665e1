//! The one decision about messages: what an app asked for and what its owner approved.
//!
//! Why: docs/decisions/24-granted-is-requested-and-approved.md

use syft_manifest::Grants;
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::{PathPattern, Pattern};

use crate::capability::Advice;

/// Why a message is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SendDenied {
    /// The manifest does not ask for it.
    NotRequested,
    /// The owner did not approve it.
    NotApproved,
    /// The owner denies it, whatever was approved.
    ByOwner,
}

/// The endpoints of one app's messages, ready to decide.
#[derive(Debug, Default)]
pub(super) struct MessagePolicy {
    requested: Vec<Pattern>,
    approved: Vec<Pattern>,
    denied: Vec<Pattern>,
}

impl MessagePolicy {
    pub(super) fn new(grants: &Grants, datasite: &Datasite, app: &AppName) -> Self {
        let resolve = |patterns: &[PathPattern]| -> Vec<Pattern> {
            let patterns = patterns.iter();
            patterns
                .map(|pattern| pattern.resolve(datasite, app))
                .collect()
        };
        Self {
            requested: resolve(&grants.messages.requested.send),
            approved: resolve(&grants.messages.approved.send),
            denied: resolve(&grants.denied),
        }
    }

    /// Decides about a message by the path of its endpoint's folder, below all datasites.
    pub(super) fn decide(&self, path: &str) -> Result<(), SendDenied> {
        let names: Vec<&str> = path.split('/').collect();
        let is_among = |patterns: &[Pattern]| patterns.iter().any(|it| it.matches(&names));
        if !is_among(&self.requested) {
            return Err(SendDenied::NotRequested);
        }
        // What is denied takes all below it along.
        let is_denied = |pattern: &Pattern| (0..=names.len()).any(|n| pattern.matches(&names[..n]));
        if self.denied.iter().any(is_denied) {
            return Err(SendDenied::ByOwner);
        }
        if is_among(&self.approved) {
            Ok(())
        } else {
            Err(SendDenied::NotApproved)
        }
    }
}

/// Says what would allow it.
pub(super) fn hint(path: &str, denied: SendDenied, advice: Advice) -> String {
    match denied {
        SendDenied::NotRequested => advice.to_ask_for(&format!("[messages] send = [{path:?}]")),
        SendDenied::NotApproved => advice.to_approve(&format!("--allow-send {path:?}")),
        SendDenied::ByOwner => advice.denied(),
    }
}

#[cfg(test)]
mod tests {
    use syft_manifest::{MessageGrants, Messages};

    use super::*;

    fn messages(patterns: &[&str]) -> Messages {
        let send = patterns.iter().map(|text| PathPattern::parse(text));
        Messages {
            send: send.collect::<Result<_, _>>().expect("patterns"),
        }
    }

    fn policy(requested: &[&str], approved: &[&str], denied: &[&str]) -> MessagePolicy {
        let grants = Grants {
            denied: messages(denied).send,
            messages: MessageGrants {
                requested: messages(requested),
                approved: messages(approved),
            },
            ..Grants::default()
        };
        let owner = Datasite::parse("alice@example.org").expect("an email");
        let app = AppName::parse("ping").expect("a name");
        MessagePolicy::new(&grants, &owner, &app)
    }

    #[test]
    fn grants_what_is_both_requested_and_approved() {
        use SendDenied::{ByOwner, NotApproved, NotRequested};
        let all = "*/app_data/pong/rpc/**";
        let of_bob = "bob@x.org/app_data/pong/rpc/**";
        let bob = "bob@x.org/app_data/pong/rpc/ping";
        for (requested, approved, denied, path, expected) in [
            (&[all][..], &[all][..], &[][..], bob, Ok(())),
            (&[all], &[of_bob], &[], bob, Ok(())),
            (&[of_bob], &[all], &[], bob, Ok(())),
            (&[], &[all], &[], bob, Err(NotRequested)),
            (&[all], &[], &[], bob, Err(NotApproved)),
            (
                &[all],
                &[all],
                &[],
                "bob@x.org/app_data/pong2/rpc/ping",
                Err(NotRequested),
            ),
            (&[all], &[all], &["bob@x.org/**"], bob, Err(ByOwner)),
            (&[all], &[all], &["bob@x.org/app_data"], bob, Err(ByOwner)),
            (&[all], &[all], &["eve@x.org/**"], bob, Ok(())),
            (
                &["{datasite}/app_data/counter/rpc/add"],
                &["{datasite}/app_data/counter/rpc/add"],
                &[],
                "alice@example.org/app_data/counter/rpc/add",
                Ok(()),
            ),
            (
                &["{datasite}/app_data/counter/rpc/add"],
                &["{datasite}/app_data/counter/rpc/add"],
                &[],
                "bob@x.org/app_data/counter/rpc/add",
                Err(NotRequested),
            ),
        ] {
            let decided = policy(requested, approved, denied).decide(path);
            assert_eq!(decided, expected, "{requested:?} {approved:?} {denied:?}");
        }
        let decided = MessagePolicy::default().decide(bob);
        assert_eq!(decided, Err(NotRequested), "nothing is granted at first");
    }

    #[test]
    fn refusals_name_what_would_allow_it() {
        let path = "bob@x.org/app_data/pong/rpc/ping";
        let hint = |denied| hint(path, denied, Advice::ToAuthor);
        assert_eq!(
            hint(SendDenied::NotRequested),
            "to allow it, add to the app's syft-app.toml: \
             [messages] send = [\"bob@x.org/app_data/pong/rpc/ping\"]"
        );
        assert_eq!(
            hint(SendDenied::NotApproved),
            "to allow it, run the app with: --allow-send \"bob@x.org/app_data/pong/rpc/ping\""
        );
        assert!(hint(SendDenied::ByOwner).contains("--deny"));
    }
}
