//! The unit by which systemd starts the host.

use super::starter::{Comment, Starter, marked};
use super::{plain_path, plain_text};
use crate::config::{StartCommand, user_units};
use crate::error::CommandError;
use crate::settings::HostSettings;

/// What of systemd's hardening is possible in a service of a user. What needs a namespace of
/// its own (PrivateTmp, ProtectSystem) is left out: many systems give users none, and the
/// service would not start. Guests have their own sandbox.
const UNIT: &str = "\
Restart=on-failure
RestartSec=5
# It is ready after a minute, even where apps are still compiled.
TimeoutStartSec=300
# Calls in progress are finished.
TimeoutStopSec=90
NoNewPrivileges=yes
LockPersonality=yes
# What apps may not take from the rest of the machine. Where memory runs out, a compiler goes
# first, and the host goes on. Without swap a call never reads what another one left.
MemoryMax=75%
MemorySwapMax=0
OOMPolicy=continue
TasksMax=4096
# Updates may come from registries.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Compiled apps are loaded as code, so MemoryDenyWriteExecute is not possible.

[Install]
WantedBy=default.target
";

/// Returns the unit of a service of this user.
pub(super) fn unit(start: &StartCommand) -> Result<Starter, CommandError> {
    let mut text = String::from(
        "\n[Unit]\nDescription=SyftBox apps in sandboxes\n\
         # An app that crashes the host is found out and suspended before so many starts.\n\
         StartLimitIntervalSec=15min\nStartLimitBurst=40\n\n\
         [Service]\nType=notify\nExecStart=",
    );
    text.push_str(&in_unit(plain_path(&start.program)?));
    text.push_str(" serve");
    for argument in &start.arguments {
        text.push(' ');
        // A `$` would stand for a variable there.
        text.push_str(&in_unit(plain_text(argument)?).replace('$', "$$"));
    }
    text.push_str("\nExecReload=/bin/kill -HUP $MAINPID\n");
    for (name, value) in &start.environment {
        let said = format!("{name}={}", plain_text(value)?);
        text.push_str(&format!("Environment={}\n", in_unit(&said)));
    }
    text.push_str(UNIT);
    Ok(Starter {
        path: user_units()?.join("syft-host.service"),
        text: marked(Comment::Hash, "", &text),
        mode: 0o644,
        next: vec![
            "Start it now and at each login:".to_owned(),
            "  systemctl --user daemon-reload".to_owned(),
            "  systemctl --user enable --now syft-host".to_owned(),
            "Without a login, too: loginctl enable-linger".to_owned(),
            format!("Its options: {}", HostSettings::path()?.display()),
            "  syft-host config init      # writes one with all of them, none in force".to_owned(),
            "  systemctl --user reload syft-host".to_owned(),
        ],
    })
}

/// Quotes a text as systemd reads it.
fn in_unit(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(in_unit(r#"a"b\c %h"#), r#""a\"b\\c %%h""#);
    }
}
