//! Which schedules of a new release are due more often than those of an older one.

use syft_manifest::{Manifest, WantedSchedule};
use syft_protocol::schedule::Timing;

/// Returns in words which schedules are due more often than before, those that are new included,
/// as far as the manifests say so.
pub fn more_often(before: &Manifest, now: &Manifest) -> Vec<String> {
    let new = now.schedules.iter();
    new.filter_map(|schedule| Some((schedule, schedule.timing.as_ref()?)))
        .filter_map(|(schedule, timing)| {
            let old = timing_of(&before.schedules, &schedule.name);
            in_words(&schedule.name, old, timing)
        })
        .collect()
}

fn timing_of<'s>(schedules: &'s [WantedSchedule], name: &str) -> Option<&'s Timing> {
    let found = schedules.iter().find(|schedule| schedule.name == name)?;
    found.timing.as_ref()
}

fn in_words(name: &str, old: Option<&Timing>, new: &Timing) -> Option<String> {
    let Some(old) = old else {
        return Some(format!("{name}: {}, which is new", new.in_words()));
    };
    let is_more = new != old && new.mean_interval() < old.mean_interval();
    is_more.then(|| format!("{name}: {} instead of {}", new.in_words(), old.in_words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_due_more_often() {
        let manifest = |toml: &str| Manifest::from_toml("x", toml).expect("a manifest").0;
        let daily = "[schedules.digest]\ncron = '0 8 * * *'";
        for (before, now, expected) in [
            (daily, daily, &[][..]),
            (daily, "", &[]),
            (daily, "[schedules.digest]\ncron = '0 7 * * *'", &[]),
            (daily, "[schedules.digest]\nevery = '7d'", &[]),
            (
                daily,
                "[schedules.digest]\ntime-zone = 'Europe/Berlin'",
                &[],
            ),
            (
                daily,
                "[schedules.digest]\nevery = '1h'",
                &["digest: every 1h instead of 0 8 * * *"],
            ),
            (
                daily,
                "[schedules.digest]\ncron = '0 8,20 * * *'\n[schedules.clean]\nevery = '1m'",
                &[
                    "clean: every 1m, which is new",
                    "digest: 0 8,20 * * * instead of 0 8 * * *",
                ],
            ),
        ] {
            assert_eq!(
                more_often(&manifest(before), &manifest(now)),
                expected,
                "{now}"
            );
        }
    }
}
