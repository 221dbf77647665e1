//! The figures, as tables and as JSON.

use serde_json::{Value, json};

use crate::arithmetic::Spread;
use crate::case::{Case, Comparison, FIGURES};
use crate::cases::{Kind, Plan};
use crate::machine;
use crate::site::now;

/// All figures of a run.
pub(crate) struct Report {
    plan: Plan,
    n_rounds: usize,
    date: String,
    commit: Option<String>,
    machine: Value,
    versions: Value,
    cases: Vec<(&'static Kind, Case)>,
}

impl Report {
    /// Returns a report without figures.
    pub(crate) fn new(plan: Plan, n_rounds: usize) -> Self {
        Self {
            plan,
            n_rounds,
            date: now().to_string().chars().take(10).collect(),
            commit: machine::commit(),
            machine: machine::machine(),
            versions: machine::versions(),
            cases: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, kind: &'static Kind, case: Case) {
        self.cases.push((kind, case));
    }

    /// Returns the name of files that hold it, without an extension.
    pub(crate) fn stem(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or("unknown");
        format!("{}-{commit}", self.date)
    }

    /// Returns the tables, in Markdown: medians, with the least and the most in brackets.
    pub(crate) fn tables(&self) -> String {
        let mut text = self.heading();
        for (kind, case) in &self.cases {
            text += &format!("\n## {}\n\n{}.\n\n", kind.name, kind.about);
            text += &table(&figures(case));
            let comparisons = comparisons(case);
            if comparisons.len() > 1 {
                text += &format!("\n{}", table(&comparisons));
            }
        }
        let goals = self.goal_rows();
        if goals.len() > 1 {
            text += &format!("\n## goals\n\n{}", table(&goals));
        }
        text
    }

    fn heading(&self) -> String {
        let machine = |key| word(&self.machine, key);
        let quick = if self.plan.is_quick {
            " A quick run: too little is measured for the figures to say much."
        } else {
            ""
        };
        format!(
            "# syft-host {}, commit {}\n\n\
             {}, {} cores, {} of memory; Linux {}, {}; trees in {}, durable ones on {}.\n\
             {} rounds, of each figure the median (min – max).{quick}\n{}",
            word(&self.versions, "syft_host"),
            self.commit.as_deref().unwrap_or("unknown"),
            machine("cpu"),
            machine("cores"),
            machine("memory"),
            machine("kernel"),
            word(&self.versions, "rustc"),
            machine("memory_filesystem"),
            machine("disk_filesystem"),
            self.n_rounds,
            self.peer(),
        )
    }

    /// Says what is compared with.
    fn peer(&self) -> String {
        match &self.versions["syft_event"] {
            Value::String(version) => {
                let python = word(&self.versions, "python");
                format!("Compared with syft-event {version} on Python {python}.\n")
            }
            _ => "**Not compared with syft-event**, which does not run here: it needs Python \
                  with the packages of `tests/python/requirements.txt`.\n"
                .to_owned(),
        }
    }

    /// Returns what is compared with a goal.
    fn goals(&self) -> impl Iterator<Item = (&Kind, &Case, &Comparison)> {
        self.cases.iter().flat_map(|(kind, case)| {
            let goals = case
                .comparisons
                .iter()
                .filter(|comparison| comparison.goal.is_some());
            goals.map(move |comparison| (*kind, case, comparison))
        })
    }

    fn goal_rows(&self) -> Vec<Vec<String>> {
        let heading = ["goal", "case", "to reach", "found", ""];
        let rows = self.goals().map(|(kind, case, comparison)| {
            let spread = case.spread(comparison);
            let goal = comparison.goal.map(|goal| goal.to_string());
            let verdict = match case.is_met(comparison) {
                Some(true) => "met",
                Some(false) => "**not met**",
                None => "not measured",
            };
            vec![
                comparison.what.clone(),
                kind.name.to_owned(),
                goal.unwrap_or_default(),
                show(spread, comparison),
                verdict.to_owned(),
            ]
        });
        std::iter::once(heading.map(str::to_owned).to_vec())
            .chain(rows)
            .collect()
    }

    pub(crate) fn json(&self) -> String {
        let cases = self.cases.iter().map(|(kind, case)| {
            let comparisons = case
                .comparisons
                .iter()
                .map(|comparison| comparison_json(case, comparison));
            json!({
                "name": kind.name,
                "about": kind.about,
                "entrants": entrants_json(case),
                "comparisons": comparisons.collect::<Vec<_>>(),
            })
        });
        let goals = self
            .goals()
            .map(|(kind, case, comparison)| goal_json(kind, case, comparison));
        let report = json!({
            "date": self.date,
            "commit": self.commit,
            "versions": self.versions,
            "machine": self.machine,
            "is_quick": self.plan.is_quick,
            "n_rounds": self.n_rounds,
            "cases": cases.collect::<Vec<_>>(),
            "goals": goals.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

fn word(values: &Value, key: &str) -> String {
    match &values[key] {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    }
}

fn figures(case: &Case) -> Vec<Vec<String>> {
    let is_there = |rounds: &Vec<Option<f64>>| rounds.iter().any(Option::is_some);
    let columns = FIGURES.into_iter().filter(|figure| {
        case.entrants
            .iter()
            .any(|entrant| is_there(&entrant.figures(figure)))
    });
    let columns: Vec<_> = columns.collect();
    let titles = columns.iter().map(|figure| figure.title.to_owned());
    let mut rows: Vec<Vec<String>> = vec![
        std::iter::once(String::new())
            .chain(titles)
            .chain(["wrong or lost".to_owned()])
            .collect(),
    ];
    for entrant in &case.entrants {
        let cells = columns.iter().map(|figure| {
            let found = entrant.figures(figure).into_iter().flatten();
            let spread = Spread::of(found.collect());
            spread.map_or(String::new(), |spread| spread.show(figure.digits))
        });
        let n_bad: usize = entrant.rounds.iter().map(|round| round.n_bad).sum();
        rows.push(
            std::iter::once(entrant.name.clone())
                .chain(cells)
                .chain([n_bad.to_string()])
                .collect(),
        );
    }
    rows
}

fn comparisons(case: &Case) -> Vec<Vec<String>> {
    let mut rows = vec![vec!["ratio, round by round".to_owned(), String::new()]];
    let ratios = case
        .comparisons
        .iter()
        .filter(|comparison| comparison.to.is_some());
    rows.extend(ratios.filter_map(|comparison| {
        let spread = case.spread(comparison)?;
        Some(vec![
            comparison.what.clone(),
            show(Some(spread), comparison),
        ])
    }));
    rows
}

fn show(spread: Option<Spread>, comparison: &Comparison) -> String {
    let digits = match comparison.to {
        Some(_) => 2,
        None => comparison.figure.digits,
    };
    spread.map_or("–".to_owned(), |spread| spread.show(digits))
}

/// Returns rows as a table in Markdown that can be read in a terminal as well.
fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths);
        text += &line(
            cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect(),
        );
        if number == 0 {
            text += &line(widths.iter().map(|width| "-".repeat(*width)).collect());
        }
    }
    text
}

fn entrants_json(case: &Case) -> Value {
    let entrants = case.entrants.iter().map(|entrant| {
        let rounds = entrant.rounds.iter().map(|round| {
            let figures = FIGURES.iter().filter_map(|figure| {
                let value = round.get(figure)?;
                Some((figure.key.to_owned(), Value::from(value)))
            });
            let mut figures: serde_json::Map<_, _> = figures.collect();
            figures.insert("n_wrong_or_lost".to_owned(), round.n_bad.into());
            Value::Object(figures)
        });
        json!({"name": entrant.name, "rounds": rounds.collect::<Vec<_>>()})
    });
    entrants.collect()
}

fn comparison_json(case: &Case, comparison: &Comparison) -> Value {
    let spread = case.spread(comparison);
    json!({
        "what": comparison.what,
        "figure": comparison.figure.key,
        "of": comparison.of,
        "to": comparison.to,
        "rounds": case.compared(comparison),
        "median": spread.map(|spread| spread.median),
        "min": spread.map(|spread| spread.min),
        "max": spread.map(|spread| spread.max),
    })
}

fn goal_json(kind: &Kind, case: &Case, comparison: &Comparison) -> Value {
    json!({
        "case": kind.name,
        "what": comparison.what,
        "goal": comparison.goal.map(|goal| goal.to_string()),
        "median": case.spread(comparison).map(|spread| spread.median),
        "is_met": case.is_met(comparison),
    })
}
