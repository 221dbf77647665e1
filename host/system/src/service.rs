//! What has macOS and Windows start the host at each login: the text of a file, for launchd or for
//! the task scheduler. Whoever writes it has made sure that nothing in it has control characters.

use std::fmt::Write;

/// A program that is to be started at each login.
#[derive(Debug, Clone, Copy)]
pub struct LoginService<'a> {
    /// Its path, whole.
    pub program: &'a str,
    /// What it is given.
    pub arguments: &'a [String],
    /// Variables of its environment. The task scheduler has none: there the arguments say it all.
    pub environment: &'a [(String, String)],
    /// Where it says what it has to say. The task scheduler keeps none of it.
    pub log: &'a str,
}

/// What launchd knows the host by.
pub const LAUNCHD_LABEL: &str = "org.openmined.syft-host";

/// Returns the agent that launchd reads from `~/Library/LaunchAgents`.
pub fn launchd_agent(service: &LoginService<'_>) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n",
    );
    key(&mut text, "Label", &string(LAUNCHD_LABEL));
    let arguments = service.arguments.iter().map(String::as_str);
    let words = std::iter::once(service.program).chain(arguments);
    let words: String = words.map(|word| format!("{}\n", string(word))).collect();
    key(
        &mut text,
        "ProgramArguments",
        &format!("<array>\n{words}</array>"),
    );
    if !service.environment.is_empty() {
        let mut variables = String::new();
        for (name, value) in service.environment {
            key(&mut variables, name, &string(value));
        }
        let variables = format!("<dict>\n{variables}</dict>");
        key(&mut text, "EnvironmentVariables", &variables);
    }
    key(&mut text, "RunAtLoad", "<true/>");
    // One that was stopped stays so; one that crashed is started again.
    let crashed = "<dict>\n<key>SuccessfulExit</key>\n<false/>\n</dict>";
    key(&mut text, "KeepAlive", crashed);
    key(&mut text, "ThrottleInterval", "<integer>5</integer>");
    // Calls in progress are finished.
    key(&mut text, "ExitTimeOut", "<integer>90</integer>");
    key(&mut text, "ProcessType", &string("Adaptive"));
    key(&mut text, "Umask", "<integer>63</integer>");
    key(&mut text, "StandardOutPath", &string(service.log));
    key(&mut text, "StandardErrorPath", &string(service.log));
    text.push_str("</dict>\n</plist>\n");
    text
}

fn key(text: &mut String, name: &str, value: &str) {
    let name = in_xml(name);
    writeln!(text, "<key>{name}</key>\n{value}").expect("a text takes all");
}

fn string(value: &str) -> String {
    format!("<string>{}</string>", in_xml(value))
}

/// Returns the task that `schtasks /Create /XML` reads, which is to be written in UTF-16.
pub fn windows_task(service: &LoginService<'_>) -> String {
    let arguments = service.arguments.iter().map(|word| in_command_line(word));
    let arguments = arguments.collect::<Vec<_>>().join(" ");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n\
         <Task version=\"1.3\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\n\
         <RegistrationInfo><Description>SyftBox apps in sandboxes</Description></RegistrationInfo>\n\
         <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>\n\
         <Principals><Principal id=\"Author\"><LogonType>InteractiveToken</LogonType>\
         <RunLevel>LeastPrivilege</RunLevel></Principal></Principals>\n\
         <Settings>\n\
         <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>\n\
         <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\n\
         <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>\n\
         <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>\n\
         <Hidden>true</Hidden>\n\
         <RestartOnFailure><Interval>PT1M</Interval><Count>40</Count></RestartOnFailure>\n\
         </Settings>\n\
         <Actions Context=\"Author\"><Exec><Command>{}</Command>\
         <Arguments>{}</Arguments></Exec></Actions>\n\
         </Task>\n",
        in_xml(service.program),
        in_xml(&arguments),
    )
}

fn in_xml(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Quotes a word as programs of Windows take their command line apart: a quote and the backslashes
/// before it, and those at the end, have one more each.
fn in_command_line(word: &str) -> String {
    let mut quoted = String::from("\"");
    let mut n_backslashes = 0;
    for char in word.chars() {
        match char {
            '\\' => n_backslashes += 1,
            '"' => {
                quoted.push_str(&"\\".repeat(2 * n_backslashes + 1));
                n_backslashes = 0;
            }
            _ => {
                quoted.push_str(&"\\".repeat(n_backslashes));
                n_backslashes = 0;
            }
        }
        if char != '\\' {
            quoted.push(char);
        }
    }
    quoted.push_str(&"\\".repeat(2 * n_backslashes));
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(argument: &str, check: impl Fn(&LoginService<'_>)) {
        let arguments = ["serve".to_owned(), argument.to_owned()];
        let environment = [("SYFT_HOST_HOME".to_owned(), "/a & b".to_owned())];
        check(&LoginService {
            program: "/opt/a b/syft-host",
            arguments: &arguments,
            environment: &environment,
            log: "/var/log/x",
        });
    }

    #[test]
    fn nothing_gets_out_of_its_element() {
        with("</string><true/>&\"", |service| {
            let text = launchd_agent(service);
            assert!(text.contains("<string>/opt/a b/syft-host</string>\n<string>serve</string>\n"));
            assert!(text.contains("<string>&lt;/string&gt;&lt;true/&gt;&amp;&quot;</string>"));
            assert!(text.contains("<key>SYFT_HOST_HOME</key>\n<string>/a &amp; b</string>"));
            assert_eq!(
                text.matches("<dict>").count(),
                text.matches("</dict>").count()
            );
            let text = windows_task(service);
            assert!(text.contains("<Command>/opt/a b/syft-host</Command>"));
            assert!(!text.contains("</string>") && !text.contains("<true/>"));
        });
    }

    #[test]
    fn words_are_quoted_as_windows_takes_them_apart() {
        for (word, quoted) in [
            ("a b", "\"a b\""),
            ("", "\"\""),
            ("a\"b", "\"a\\\"b\""),
            ("C:\\x\\", "\"C:\\x\\\\\""),
            ("a\\\"b", "\"a\\\\\\\"b\""),
            ("\\\\x", "\"\\\\x\""),
        ] {
            assert_eq!(in_command_line(word), quoted, "{word}");
        }
    }

    /// The system itself takes it apart again.
    #[cfg(windows)]
    #[test]
    fn a_program_gets_the_words_that_were_quoted() {
        use std::os::windows::process::CommandExt;
        let words = ["--list", "--exact", "a \"b\\\" c\\\\", "--skip", "x y\\"];
        let quoted = words.map(in_command_line).join(" ");
        let ourselves = std::env::current_exe().expect("we are somewhere");
        let mut command = std::process::Command::new(ourselves);
        let said = command.raw_arg(quoted).output().expect("it ends");
        // Taken apart otherwise, some of it would be an option that is not known.
        assert!(said.status.success(), "{said:?}");
    }
}
