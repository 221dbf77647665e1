//! The configuration of the NATS server.

use std::fmt::Write as _;
use std::path::Path;

use super::{Accounts, AccountsError};
use crate::names::{ASKED, OWNER_ACCOUNT, WorkerName};

/// The most bytes of a message. Parts of ours are half of it.
const MOST_PAYLOAD: usize = 1 << 20;

/// Connections that one worker's key can have. Each process of it takes one.
const MOST_CONNECTIONS: usize = 256;

impl Accounts {
    /// Returns what the server reads.
    ///
    /// A worker has an account of its own: what it publishes stays there, but for the one
    /// subject that the owner's host listens to. An answer to it goes back into its account, and
    /// nowhere else, whatever subject the worker names for it.
    pub(super) fn server_config(&self) -> Result<String, AccountsError> {
        let server = &self.record.server;
        let mut text = String::from(
            "# Written by `syft-host workers`, and written again by it: change nothing here.\n",
        );
        let mut line = |text_of_it: &str| {
            text.push_str(text_of_it);
            text.push('\n');
        };
        line(&format!("listen: \"{}\"", server.listen));
        if let Some(monitor) = server.monitor {
            line(&format!("http: \"{monitor}\""));
        }
        if let Some((certificate, key)) = &server.tls {
            let (certificate, key) = (quoted(certificate)?, quoted(key)?);
            line(&format!(
                "tls {{ cert_file: {certificate}, key_file: {key} }}"
            ));
        }
        line(&format!(
            "jetstream {{ store_dir: {} }}",
            quoted(&server.store)?
        ));
        line(&format!("max_payload: {MOST_PAYLOAD}"));
        line("accounts {");
        self.owner_account(&mut text);
        for (name, key) in &self.record.workers {
            worker_account(&mut text, name, key);
        }
        text.push_str("}\n");
        Ok(text)
    }

    fn owner_account(&self, text: &mut String) {
        let mut exports = String::new();
        for name in self.record.workers.keys() {
            let account = account(name);
            write!(
                exports,
                "\n      {{ service: \"{ASKED}.{name}\", accounts: [\"{account}\"] }}"
            )
            .expect("a text takes everything");
        }
        write!(
            text,
            "  {OWNER_ACCOUNT} {{\n    jetstream: enabled\n    users: [ {{ nkey: {} }} ]\n    \
             exports: [{exports}\n    ]\n  }}\n",
            self.record.owner
        )
        .expect("a text takes everything");
    }
}

fn worker_account(text: &mut String, name: &str, key: &str) {
    let account = account(name);
    write!(
        text,
        "  {account} {{\n    limits {{ max_connections: {MOST_CONNECTIONS} }}\n    users: [ {{ \
         nkey: {key}, permissions {{ publish: \"{ASKED}.{name}\", subscribe: \"_INBOX.>\" }} }} \
         ]\n    imports: [ {{ service {{ account: {OWNER_ACCOUNT}, subject: \"{ASKED}.{name}\" }} \
         }} ]\n  }}\n"
    )
    .expect("a text takes everything");
}

fn account(name: &str) -> String {
    WorkerName::parse(name).map_or_else(|_| String::new(), |name| name.account())
}

/// Returns a path as a text of the configuration.
fn quoted(path: &Path) -> Result<String, AccountsError> {
    let wrong = || AccountsError::Path(path.to_owned());
    let text = path.to_str().ok_or_else(wrong)?;
    if text
        .chars()
        .any(|char| char.is_control() || matches!(char, '"' | '\\'))
    {
        return Err(wrong());
    }
    Ok(format!("\"{text}\""))
}
