//! What the host calls of a component, found once and not in each call.

use syft_manifest::worlds::{
    ASYNC_REPLIES, ASYNC_RPC, ASYNC_SCHEDULES, ASYNC_WATCH, REPLIES, RPC, SCHEDULES, WATCH,
};
use wasmtime::component::{Component, ComponentExportIndex};

use super::LoadError;

/// Where the functions of an app are. Those of `syft:app` 0.1.0 and 0.2.0 take and return the
/// same, so nobody needs to know which they are.
pub(super) struct Exports {
    pub(super) endpoints: ComponentExportIndex,
    pub(super) handle: ComponentExportIndex,
    /// An app may watch nothing.
    pub(super) watching: Option<Watching>,
    /// `on-reply`, if it takes what became of its messages.
    pub(super) on_reply: Option<ComponentExportIndex>,
    /// An app may do nothing by the clock.
    pub(super) scheduled: Option<Scheduled>,
}

/// The functions of an app that watches files.
pub(super) struct Watching {
    pub(super) watches: ComponentExportIndex,
    pub(super) on_event: ComponentExportIndex,
}

/// The functions of an app that acts by the clock.
pub(super) struct Scheduled {
    pub(super) schedules: ComponentExportIndex,
    pub(super) on_due: ComponentExportIndex,
}

impl Exports {
    /// Returns those of a component.
    ///
    /// # Errors
    /// It exports no handlers, or handlers of both versions.
    pub(super) fn of(component: &Component) -> Result<Self, LoadError> {
        let function = |interface: &str, name: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), name)
        };
        let missing = |name| LoadError::Unfit(format!("it exports no function `{name}`"));
        let rpc = one_of(component, [RPC, ASYNC_RPC])?.ok_or(LoadError::NotAnApp)?;
        let watching = match one_of(component, [WATCH, ASYNC_WATCH])? {
            Some(watch) => Some(Watching {
                watches: function(watch, "watches").ok_or_else(|| missing("watches"))?,
                on_event: function(watch, "on-event").ok_or_else(|| missing("on-event"))?,
            }),
            None => None,
        };
        let on_reply = match one_of(component, [REPLIES, ASYNC_REPLIES])? {
            Some(replies) => {
                Some(function(replies, "on-reply").ok_or_else(|| missing("on-reply"))?)
            }
            None => None,
        };
        let scheduled = match one_of(component, [SCHEDULES, ASYNC_SCHEDULES])? {
            Some(scheduled) => Some(Scheduled {
                schedules: function(scheduled, "schedules").ok_or_else(|| missing("schedules"))?,
                on_due: function(scheduled, "on-due").ok_or_else(|| missing("on-due"))?,
            }),
            None => None,
        };
        Ok(Self {
            endpoints: function(rpc, "endpoints").ok_or_else(|| missing("endpoints"))?,
            handle: function(rpc, "handle").ok_or_else(|| missing("handle"))?,
            watching,
            on_reply,
            scheduled,
        })
    }
}

/// Returns which of two versions of an interface a component exports.
fn one_of<'n>(component: &Component, names: [&'n str; 2]) -> Result<Option<&'n str>, LoadError> {
    let ty = component.component_type();
    // Looking one up would also find another version that is compatible by its number.
    let has = |name: &&str| ty.exports(component.engine()).any(|(it, _)| it == *name);
    let mut found = names.into_iter().filter(has);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(LoadError::Unfit(format!(
            "it exports both `{}` and `{}`",
            names[0], names[1]
        ))),
        (one, _) => Ok(one),
    }
}
