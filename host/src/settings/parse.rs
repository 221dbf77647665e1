//! A text to settings. All that is wrong is found in one go.

use syft_manifest::toml_findings::{TomlFindings, TomlKey, TomlValue, boolean, integer, string};
use syft_manifest::{Diagnostic, Problem};
use syft_protocol::address::AppName;
use toml::de::DeTable;

use super::keys::{self, APP_KEYS, KEYS, SettingKey, SettingKind};
use super::{HostSettings, SaidSettings, Setting, SettingOrigin, SettingValue};
use crate::typos;

/// The most apps of which something is said, and entries of a list.
const MAX_APPS: usize = 10_000;
const MAX_ENTRIES: usize = 1_000;

const SECTIONS: &[&str] = &["serve", "limits", "deny", "apps"];
const APP_SECTIONS: &[&str] = &["limits", "deny"];

/// Reads a text of a file that has this path, and tells what is wrong with it.
pub(super) fn parse(path: &str, text: &str) -> (HostSettings, Vec<Diagnostic>) {
    let mut findings = TomlFindings::default();
    let mut settings = HostSettings::default();
    if let Some(document) = findings.read(text) {
        let mut reader = Reader {
            text,
            findings: &mut findings,
        };
        reader.document(document.as_ref(), &mut settings);
    }
    (settings, findings.show(path, text))
}

struct Reader<'a> {
    text: &'a str,
    findings: &'a mut TomlFindings,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>, settings: &mut HostSettings) {
        for (key, value) in document {
            match key.as_ref().as_ref() {
                "apps" => self.apps(value, settings),
                section if SECTIONS.contains(&section) => {
                    self.section(section, value, &|_| true, &mut settings.all);
                }
                _ => self.unknown(key, SECTIONS.iter().copied()),
            }
        }
    }

    fn apps(&mut self, value: &TomlValue<'_>, settings: &mut HostSettings) {
        let help = "write them as in `[apps.leaderboard.limits]`";
        let Some(table) = value.as_ref().as_table() else {
            return self.findings.wrong_type(value, "a section", help);
        };
        for (key, value) in table.iter().take(MAX_APPS) {
            let name = AppName::parse(key.as_ref()).map_err(|error| Problem {
                message: error.to_string(),
                help: "a name with a `/` is written in quotes: `[apps.\"llm/x\".limits]`"
                    .to_owned(),
            });
            let Some(name) = self.findings.check(key.span(), name) else {
                continue;
            };
            let Some(sections) = value.as_ref().as_table() else {
                self.findings.wrong_type(value, "a section", help);
                continue;
            };
            let said = settings.apps.entry(name).or_default();
            for (key, value) in sections {
                let section = key.as_ref().as_ref();
                if APP_SECTIONS.contains(&section) {
                    let is_of_apps = |name: &str| APP_KEYS.contains(&name);
                    self.section(section, value, &is_of_apps, said);
                } else {
                    self.unknown(key, APP_SECTIONS.iter().copied());
                }
            }
        }
    }

    fn section(
        &mut self,
        section: &str,
        value: &TomlValue<'_>,
        is_meant: &dyn Fn(&str) -> bool,
        said: &mut SaidSettings,
    ) {
        let Some(table) = value.as_ref().as_table() else {
            let help = format!("write it as in `[{section}]`, with a key a line below it");
            return self.findings.wrong_type(value, "a section", &help);
        };
        let known = || {
            let all = KEYS.iter().filter(|key| key.parts().0 == section);
            all.filter(|key| is_meant(key.name))
        };
        for (key, value) in table {
            let name = key.as_ref().as_ref();
            let Some(found) = known().find(|known| known.parts().1 == name) else {
                self.unknown(key, known().map(|known| known.parts().1));
                continue;
            };
            if let Some(value) = self.value(found, value) {
                let line = self.text[..key.span().start].matches('\n').count() + 1;
                let origin = SettingOrigin::Line(line);
                said.insert(found.name, Setting { value, origin });
            }
        }
    }

    fn value(&mut self, key: &SettingKey, value: &TomlValue<'_>) -> Option<SettingValue> {
        let example = key.example.trim_matches('"');
        match &key.kind {
            SettingKind::Text(rule) => string(self.findings, value, example, rule),
            SettingKind::Word(words) => string(self.findings, value, example, |text| {
                let word = words.iter().find(|word| **word == text);
                word.map(|word| SettingValue::Word(word))
                    .ok_or_else(|| Problem {
                        message: "it is none of the words for this".to_owned(),
                        help: format!("write one of `{}`", words.join("`, `")),
                    })
            }),
            SettingKind::Count(bounds) => integer(self.findings, value, example, |number| {
                keys::count(number, bounds)
            }),
            SettingKind::Flag => boolean(self.findings, value).map(SettingValue::Flag),
            SettingKind::Files => {
                let files = self.list(key, value, keys::pattern)?;
                Some(SettingValue::Files(files))
            }
            SettingKind::Hosts => {
                let hosts = self.list(key, value, keys::host)?;
                Some(SettingValue::Hosts(hosts))
            }
        }
    }

    fn list<T>(
        &mut self,
        key: &SettingKey,
        value: &TomlValue<'_>,
        rule: fn(&str) -> Result<T, Problem>,
    ) -> Option<Vec<T>> {
        let Some(array) = value.as_ref().as_array() else {
            let help = format!("write it as a list: `{} = {}`", key.parts().1, key.example);
            self.findings.wrong_type(value, "an array", &help);
            return None;
        };
        if array.len() > MAX_ENTRIES {
            let problem = Problem {
                message: format!(
                    "it has {} entries; at most {MAX_ENTRIES} are allowed",
                    array.len()
                ),
                help: "name folders with `**` in place of each file".to_owned(),
            };
            self.findings.error(value.span(), problem);
            return None;
        }
        let example = key.example.trim_matches(['[', ']', '"']);
        let items = array.iter();
        let items = items.filter_map(|item| string(self.findings, item, example, rule));
        Some(items.collect())
    }

    fn unknown<'k>(&mut self, key: &TomlKey<'_>, known: impl Iterator<Item = &'k str> + Clone) {
        let all: Vec<&str> = known.clone().collect();
        let all = format!("there are `{}`", all.join("`, `"));
        let help = match typos::meant(key.as_ref(), known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => all,
        };
        self.findings.unknown(key, &help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        let (_, diagnostics) = parse("config.toml", text);
        let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        shown.join("\n")
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place_and_what_to_write() {
        for (text, parts) in [
            (
                "[serve]\nupdate_every = '6h'",
                &["config.toml:2", "did you mean `update-every`?"][..],
            ),
            (
                "[server]\nx = 1",
                &["`server` is not known", "did you mean `serve`?"],
            ),
            (
                "[serve]\nloaded = '3'",
                &["expected an integer, found a string"],
            ),
            ("[serve]\nloaded = 0", &["a number from 1 to 1000"]),
            ("[serve]\nquiet = '22-7'", &["as in `22:00-07:00`"]),
            (
                "[serve]\ndashboard = '0.0.0.0:80'",
                &["from other machines"],
            ),
            (
                "[serve]\ndurability = 'high'",
                &["`none`, `batched`, `strict`"],
            ),
            ("[serve]\nheed-every = '1h'", &["from `1s` to `10m`"]),
            ("[limits]\nmemory = '5GiB'", &["from 1MiB to 4GiB"]),
            (
                "[deny]\nfiles = '*'",
                &["write it as a list: `files = [\"*/private/**\"]`"],
            ),
            (
                "[deny]\nhosts = ['https://x.org']",
                &["write the host alone"],
            ),
            (
                "[apps.a]\nserve = 1",
                &["`serve` is not known", "`limits`, `deny`"],
            ),
            ("[apps.'a b'.limits]", &["[apps.\"llm/x\".limits]"]),
            ("[apps.a.limits]\ntime = 5", &["expected a string"]),
            ("[serve]\nloaded = 1\nloaded = 2", &["duplicate key"]),
            ("[serve", &["how TOML is written"]),
        ] {
            let shown = wrong(text);
            for part in parts {
                assert!(shown.contains(part), "{text}: {part} is not in\n{shown}");
            }
        }
        assert_eq!(wrong(""), "");
    }

    #[test]
    fn every_example_is_taken() {
        for key in KEYS {
            let (section, name) = key.parts();
            let text = format!("[{section}]\n{name} = {}", key.example);
            let (settings, diagnostics) = parse("config.toml", &text);
            assert!(diagnostics.is_empty(), "{text}: {}", wrong(&text));
            assert_eq!(settings.all[key.name].origin, SettingOrigin::Line(2));
        }
        for name in APP_KEYS {
            assert!(KEYS.iter().any(|key| key.name == *name), "{name}");
        }
    }
}
