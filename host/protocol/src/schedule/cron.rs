//! A cron expression, and the times that it means.

use std::cmp::Ordering;

use croner::Cron;
use croner::errors::CronError as CronerError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ZonedDateTime};
use thiserror::Error;

use crate::timestamp::Timestamp;

/// The most bytes of an expression.
const MAX_BYTES: usize = 200;

/// Names of usual expressions.
const NICKNAMES: [&str; 6] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@hourly",
];

/// Times by the clock, as cron has them: minute, hour, day of the month, month, day of the week.
#[derive(Debug, Clone)]
pub struct CronExpression {
    text: String,
    cron: Cron,
}

impl PartialEq for CronExpression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronExpression {}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CronError {
    /// It is too long, or has characters that no expression has.
    #[error(
        "a cron expression has up to {MAX_BYTES} letters, digits, spaces and the characters \
         `* , - / ? # + @`"
    )]
    Characters,
    /// It has another number of fields.
    #[error(
        "a cron expression has five fields (minute, hour, day of the month, month, day of the \
         week), as `0 8 * * MON-FRI`; this one has {0}"
    )]
    Fields(usize),
    /// One of them cannot be.
    #[error("the cron expression is wrong: {0}")]
    Field(String),
    /// There is no such day.
    #[error("the times of the cron expression never come")]
    Never,
}

/// A moment as the search for times sees it.
#[derive(Debug, Clone)]
struct Moment(ZonedDateTime);

impl CronExpression {
    /// Returns the expression that a text holds. White space beside its fields does not count.
    ///
    /// # Errors
    /// It is none, or its times never come.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"*,-/?#+@ \t".contains(&byte);
        if text.len() > MAX_BYTES || !text.bytes().all(is_fit) {
            return Err(CronError::Characters);
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let is_nickname = matches!(fields.as_slice(), [name] if is_nickname(name));
        if fields.len() != 5 && !is_nickname {
            return Err(CronError::Fields(fields.len()));
        }
        let text = fields.join(" ");
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(&text).map_err(in_words)?;
        let parsed = Self { text, cron };
        let begin = Timestamp::from_micros(0);
        match parsed.next_after(begin, &TimeZone::UTC) {
            Some(_) => Ok(parsed),
            None => Err(CronError::Never),
        }
    }

    /// Returns its text, with one space between two fields.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the first of its times after a moment.
    pub(super) fn next_after(&self, after: Timestamp, clock: &TimeZone) -> Option<Timestamp> {
        let found = self
            .cron
            .find_next_occurrence(&Moment::at(after, clock)?, false)
            .ok()?
            .timestamp();
        // What is found may lie in the same second: the search knows whole ones.
        (found > after).then_some(found)
    }

    /// Returns the last of its times until a moment.
    pub(super) fn last_until(&self, now: Timestamp, clock: &TimeZone) -> Option<Timestamp> {
        let moment = Moment::at(now, clock)?;
        let found = self.cron.find_previous_occurrence(&moment, true).ok()?;
        let found = found.timestamp();
        (found <= now).then_some(found)
    }
}

impl Moment {
    fn at(at: Timestamp, clock: &TimeZone) -> Option<Self> {
        let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
        Some(Self(ZonedDateTime::new(at, clock.clone())))
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_micros(self.0.timestamp().as_microsecond())
    }
}

/// What the search asks of moments.
impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let shown = self.0.datetime();
        let part = |part: i8| u32::from(part.unsigned_abs());
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(
                i32::from(shown.year()),
                part(shown.month()),
                part(shown.day()),
            ),
            CivilTime::from_parts_unchecked(
                part(shown.hour()),
                part(shown.minute()),
                part(shown.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let day = self.0.weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(day.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronerError> {
        let shown = civil_time(civil).ok_or(CronerError::InvalidDate)?;
        let possible = self.0.time_zone().to_ambiguous_zoned_datetime(shown);
        let at = |found: Result<ZonedDateTime, jiff::Error>| {
            found.map(Moment).map_err(|_| CronerError::InvalidTime)
        };
        Ok(match possible.offset() {
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(at(possible.unambiguous())?),
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(at(possible.clone().earlier())?, at(possible.later())?)
            }
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let later = self.0.checked_add(SignedDuration::from_secs(seconds));
        later.ok().map(Moment)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

fn civil_time(civil: CivilDateTime) -> Option<DateTime> {
    let part = |part: u32| i8::try_from(part).ok();
    let (year, month, day) = (civil.year(), part(civil.month())?, part(civil.day())?);
    let (hour, minute) = (part(civil.hour())?, part(civil.minute())?);
    let (year, second) = (i16::try_from(year).ok()?, part(civil.second())?);
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

fn is_nickname(text: &str) -> bool {
    NICKNAMES.iter().any(|name| name.eq_ignore_ascii_case(text))
}

fn in_words(error: CronerError) -> CronError {
    let text = match error {
        CronerError::InvalidPattern(text)
        | CronerError::IllegalCharacters(text)
        | CronerError::ComponentError(text) => text,
        other => other.to_string(),
    };
    let text = text.trim_end_matches('.');
    let (first, rest) = text.split_at(text.len().min(1));
    CronError::Field(first.to_ascii_lowercase() + rest)
}
