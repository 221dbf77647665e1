//! What the sender of a request may read, by the datasites' own rules.

use std::sync::Mutex;
use std::time::SystemTime;

use syft_protocol::acl::{Access, Reason, RuleRef};
use syft_protocol::timestamp::Timestamp;

use super::datasites_dir::DatasitesDir;
use super::guest_path::GuestPath;
use super::rules::{Broken, Rules};
use crate::recording::Recorder;

/// On whose behalf a call runs.
pub(crate) struct CallSender {
    /// The email, where more than a claim says so.
    email: Option<String>,
    /// When the call began: templates in rules know the day.
    now: Timestamp,
    rules: Mutex<Rules>,
    recorder: Option<Recorder>,
}

impl CallSender {
    /// Returns the sender of a request, given where it is known for sure.
    pub(crate) fn new(email: Option<String>, recorder: Option<Recorder>) -> Self {
        Self {
            email,
            now: Timestamp::from_system_time(SystemTime::now()),
            rules: Mutex::new(Rules::new(Broken::Closed)),
            recorder,
        }
    }

    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Tells whether the sender may read a path, or why not.
    pub(super) fn may_read(&self, root: &DatasitesDir, path: &GuestPath) -> Result<(), String> {
        let Some(email) = &self.email else {
            let why = "it is read on behalf of the sender, whose name is only claimed";
            return Err(why.to_owned());
        };
        let decide = || self.decide(email, root, path);
        match &self.recorder {
            Some(recorder) => recorder.may_read(&path.text(), decide),
            None => decide(),
        }
    }

    fn decide(&self, email: &str, root: &DatasitesDir, path: &GuestPath) -> Result<(), String> {
        let mut rules = self.rules.lock().expect("no holder of this lock panics");
        let ruling = rules.decide(root, self.now, email, &path.text(), Access::Read);
        if ruling.decision.allowed {
            return Ok(());
        }
        let by = match (ruling.decision.reason, ruling.fault) {
            (Reason::Rule(RuleRef { file, .. }) | Reason::NoRule { file }, Some(fault)) => {
                format!("since {file} {fault}")
            }
            (Reason::Rule(rule) | Reason::Unknown(rule, _), _) => {
                format!("by rule {:?} of {}", rule.pattern, rule.file)
            }
            (Reason::NoRule { file }, _) => format!("by any rule of {file}"),
            _ => "by any rule".to_owned(),
        };
        Err(format!(
            "it is read on behalf of {email}, who may not read it {by}"
        ))
    }
}
