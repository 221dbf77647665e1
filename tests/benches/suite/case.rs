//! A case: who is measured in it, in what, and what is compared.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::arithmetic::{Goal, Spread, ratios};
use crate::say;

/// Something that is measured.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Its name in JSON.
    pub(crate) key: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    /// The digits after its point in tables.
    pub(crate) digits: usize,
}

const fn figure(key: &'static str, title: &'static str, digits: usize) -> Figure {
    Figure { key, title, digits }
}

pub(crate) static RATE: Figure = figure("per_second", "per second", 0);
pub(crate) static COST: Figure = figure("us_each", "µs each", 1);
pub(crate) static CPU: Figure = figure("cpu_us_each", "processor time each, µs", 1);
pub(crate) static TOOK: Figure = figure("seconds", "all of them, s", 2);
pub(crate) static AT_ONCE: Figure = figure("at_once", "at a time", 1);
pub(crate) static P50: Figure = figure("p50_ms", "p50, ms", 2);
pub(crate) static P99: Figure = figure("p99_ms", "p99, ms", 2);
pub(crate) static START: Figure = figure("first_answer_ms", "start to first answer, ms", 1);
pub(crate) static OPEN: Figure = figure("open_us", "opening a file, µs", 2);
pub(crate) static BUILD: Figure = figure("build_s", "build, s", 1);
pub(crate) static SIZE: Figure = figure("component_mb", "component, MB", 1);
pub(crate) static MEMORY: Figure = figure("peak_memory_mib", "peak memory, MiB", 0);

/// The columns of tables, in their order.
pub(crate) static FIGURES: [&Figure; 12] = [
    &RATE, &COST, &CPU, &TOOK, &AT_ONCE, &P50, &P99, &START, &OPEN, &BUILD, &SIZE, &MEMORY,
];

/// What one entrant did in one round.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    figures: Vec<(&'static str, f64)>,
    /// Answers that are wrong or missing.
    pub(crate) n_bad: usize,
}

impl Measured {
    pub(crate) fn new(n_bad: usize) -> Self {
        Self {
            figures: Vec::new(),
            n_bad,
        }
    }

    /// Adds a figure; nothing where it could not be measured.
    pub(crate) fn with(mut self, figure: &Figure, value: impl Into<Option<f64>>) -> Self {
        self.figures
            .extend(value.into().map(|value| (figure.key, value)));
        self
    }

    /// Adds what a time says of so many requests.
    pub(crate) fn with_pace(self, n_answered: usize, took: Duration) -> Self {
        let (n, took) = (n_answered as f64, took.as_secs_f64());
        match n_answered {
            0 => self,
            _ => self.with(&RATE, n / took).with(&COST, took / n * 1e6),
        }
    }

    pub(crate) fn get(&self, figure: &Figure) -> Option<f64> {
        let found = self.figures.iter().find(|(key, _)| *key == figure.key);
        found.map(|(_, value)| *value)
    }
}

type Measure = Box<dyn Fn() -> anyhow::Result<Measured>>;

/// One who is measured.
pub(crate) struct Entrant {
    pub(crate) name: String,
    measure: Measure,
    /// What it did, round by round.
    pub(crate) rounds: Vec<Measured>,
}

impl Entrant {
    pub(crate) fn figures(&self, figure: &Figure) -> Vec<Option<f64>> {
        self.rounds.iter().map(|round| round.get(figure)).collect()
    }
}

/// A figure of one, divided by that of another in the same round; or by itself where
/// there is no other.
pub(crate) struct Comparison {
    pub(crate) what: String,
    pub(crate) figure: &'static Figure,
    pub(crate) of: String,
    pub(crate) to: Option<String>,
    pub(crate) goal: Option<Goal>,
}

/// Entrants that are measured in turn, round by round.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) entrants: Vec<Entrant>,
    pub(crate) comparisons: Vec<Comparison>,
}

impl Case {
    pub(crate) fn enter(
        &mut self,
        name: impl Into<String>,
        measure: impl Fn() -> anyhow::Result<Measured> + 'static,
    ) {
        self.entrants.push(Entrant {
            name: name.into(),
            measure: Box::new(measure),
            rounds: Vec::new(),
        });
    }

    /// Compares two entrants.
    pub(crate) fn compare(
        &mut self,
        figure: &'static Figure,
        of: &str,
        to: &str,
        goal: impl Into<Option<Goal>>,
    ) {
        self.comparisons.push(Comparison {
            what: format!("{}: {of} ÷ {to}", figure.title),
            figure,
            of: of.to_owned(),
            to: Some(to.to_owned()),
            goal: goal.into(),
        });
    }

    /// Holds one entrant to a goal.
    pub(crate) fn expect(&mut self, figure: &'static Figure, of: &str, goal: Goal) {
        self.comparisons.push(Comparison {
            what: format!("{}: {of}", figure.title),
            figure,
            of: of.to_owned(),
            to: None,
            goal: Some(goal),
        });
    }

    /// Runs all rounds, every second one backwards: who comes after whom is not always
    /// the same.
    pub(crate) fn run(&mut self, n_rounds: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        for round in 1..=n_rounds {
            let mut order: Vec<&mut Entrant> = self.entrants.iter_mut().collect();
            if round % 2 == 0 {
                order.reverse();
            }
            for entrant in order {
                let measured = (entrant.measure)();
                let measured = measured.with_context(|| format!("measure {}", entrant.name))?;
                say(&format!(
                    "  round {round}: {}",
                    line(&entrant.name, &measured)
                ));
                entrant.rounds.push(measured);
            }
            let each = start.elapsed() / u32::try_from(round)?;
            let left = each * u32::try_from(n_rounds - round)?;
            if round == 1 && !left.is_zero() {
                say(&format!("  about {} s more", left.as_secs()));
            }
        }
        Ok(())
    }

    /// Returns the figures of a comparison, round by round; none where one of both was
    /// not measured.
    pub(crate) fn compared(&self, comparison: &Comparison) -> Vec<f64> {
        let figures = |name: &str| {
            let entrant = self.entrants.iter().find(|entrant| entrant.name == name);
            entrant.map(|entrant| entrant.figures(comparison.figure))
        };
        let of = figures(&comparison.of).unwrap_or_default();
        match &comparison.to {
            Some(to) => ratios(&of, &figures(to).unwrap_or_default()),
            None => of.into_iter().flatten().collect(),
        }
    }

    pub(crate) fn spread(&self, comparison: &Comparison) -> Option<Spread> {
        Spread::of(self.compared(comparison))
    }

    /// Tells whether a goal is met by the median; `None` where there is no goal, or one
    /// of both was not measured.
    pub(crate) fn is_met(&self, comparison: &Comparison) -> Option<bool> {
        Some(comparison.goal?.is_met(self.spread(comparison)?.median))
    }
}

fn line(name: &str, measured: &Measured) -> String {
    let figures = FIGURES.iter().filter_map(|figure| {
        let (value, digits) = (measured.get(figure)?, figure.digits);
        Some(format!("{} {value:.digits$}", figure.title))
    });
    let mut figures: Vec<String> = figures.collect();
    if measured.n_bad > 0 {
        figures.push(format!("{} wrong or lost", measured.n_bad));
    }
    format!("{name}: {}", figures.join(", "))
}
