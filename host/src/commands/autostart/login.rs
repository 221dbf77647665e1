//! What starts the host at each login on macOS and Windows.

use std::path::Path;

use syft_system::service::{self, LoginService};

use super::starter::{Comment, Starter, marked};
use super::{plain_path, plain_text};
use crate::config::StartCommand;
use crate::error::CommandError;

/// What the task scheduler knows the host by.
#[cfg(any(test, windows))]
const TASK: &str = "syft-host";

/// Returns the agent that launchd starts for this user, whose library it is.
#[cfg(any(test, target_os = "macos"))]
pub(super) fn agent(start: &StartCommand, library: &Path) -> Result<Starter, CommandError> {
    let log = library.join("Logs/syft-host.log");
    let text = with_service(start, &log, service::launchd_agent)?;
    let path = library.join(format!("LaunchAgents/{}.plist", service::LAUNCHD_LABEL));
    Ok(Starter {
        text,
        mode: 0o644,
        next: vec![
            "Start it now and at each login:".to_owned(),
            format!("  launchctl bootstrap gui/$(id -u) \"{}\"", path.display()),
            "Stop it, and start it no more:".to_owned(),
            format!(
                "  launchctl bootout gui/$(id -u)/{}",
                service::LAUNCHD_LABEL
            ),
            format!("What it says: {}", log.display()),
        ],
        path,
    })
}

/// Returns the task that the task scheduler starts for this user. It has no variables to give.
#[cfg(any(test, windows))]
pub(super) fn task(start: &StartCommand, path: &Path) -> Result<Starter, CommandError> {
    if let Some((name, value)) = start.environment.first() {
        let message = format!("the task scheduler gives no variables, and {name} is set here");
        return Err(CommandError::new(message).hint(format!(
            "set it for all programs of this user, then open another terminal: setx {name} \"{}\"",
            plain_text(value)?
        )));
    }
    let text = with_service(start, Path::new(""), service::windows_task)?;
    Ok(Starter {
        // The task scheduler reads UTF-16 alone.
        text: format!("\u{feff}{text}"),
        mode: 0o600,
        next: vec![
            "Start it at each login, and now:".to_owned(),
            format!(
                "  schtasks /Create /F /TN {TASK} /XML \"{}\"",
                path.display()
            ),
            format!("  schtasks /Run /TN {TASK}"),
            "Stop it, and start it no more:".to_owned(),
            format!("  schtasks /End /TN {TASK}"),
            format!("  schtasks /Delete /TN {TASK}"),
        ],
        path: path.to_owned(),
    })
}

/// Returns a text that has been made of what is to be started, with the mark behind its first line.
fn with_service(
    start: &StartCommand,
    log: &Path,
    make: fn(&LoginService<'_>) -> String,
) -> Result<String, CommandError> {
    let mut arguments = vec!["serve".to_owned()];
    for argument in &start.arguments {
        arguments.push(plain_text(argument)?.to_owned());
    }
    for (_, value) in &start.environment {
        plain_text(value)?;
    }
    let text = make(&LoginService {
        program: plain_path(&start.program)?,
        arguments: &arguments,
        environment: &start.environment,
        log: plain_path(log)?,
    });
    let (first, rest) = text.split_once('\n').unwrap_or(("", &text));
    Ok(marked(Comment::Xml, &format!("{first}\n"), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(environment: &[(&str, &str)]) -> StartCommand {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        StartCommand {
            program: Path::new("/opt/a b/syft-host").to_owned(),
            arguments: vec!["--email".to_owned(), "a&b@example.org".to_owned()],
            environment: environment.iter().map(owned).collect(),
        }
    }

    #[test]
    fn an_agent_starts_what_is_started_here() {
        let start = start(&[("SYFT_HOST_HOME", "/h")]);
        let agent = agent(&start, Path::new("/Users/a/Library")).expect("an agent");
        assert!(
            agent
                .text
                .starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- Written")
        );
        for word in ["/opt/a b/syft-host", "serve", "a&amp;b@example.org", "/h"] {
            assert!(
                agent.text.contains(&format!("<string>{word}</string>")),
                "{word}"
            );
        }
        let path = "/Users/a/Library/LaunchAgents/org.openmined.syft-host.plist";
        assert_eq!(agent.path, Path::new(path));
    }

    #[test]
    fn a_task_has_no_variables_to_give() {
        let path = Path::new("task.xml");
        let written = task(&start(&[]), path).expect("a task");
        assert!(
            written
                .text
                .starts_with("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n<!--")
        );
        assert!(
            written
                .text
                .contains("<Command>/opt/a b/syft-host</Command>")
        );
        let refused = task(&start(&[("SYFT_HOST_HOME", "/h")]), path).err();
        let refused = refused.expect("a variable is lost");
        assert!(refused.to_string().contains("SYFT_HOST_HOME"));
        assert!(refused.hints()[0].contains("setx SYFT_HOST_HOME"));
    }
}
