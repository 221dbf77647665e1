//! The form of cron expressions and of times, so that an author sees at once what the host would
//! refuse.

/// The names of usual expressions.
const NICKNAMES: [&str; 6] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@hourly",
];

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 5] = [
    Field::new("minute", 0, 59, &[]),
    Field::new("hour", 0, 23, &[]),
    Field::new("day of the month", 1, 31, &[]),
    Field::new("month", 1, 12, &MONTHS),
    Field::new("day of the week", 0, 7, &DAYS),
];

const MAX_BYTES: usize = 200;

const SECOND: u64 = 1_000_000;
const DAY: u64 = 24 * 60 * 60 * SECOND;

struct Field {
    what: &'static str,
    min: u32,
    max: u32,
    /// Names of the values, from the least on.
    names: &'static [&'static str],
}

/// Checks a cron expression.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(format!("a cron expression has at most {MAX_BYTES} bytes"));
    }
    let fields: Vec<&str> = text
        .split([' ', '\t'])
        .filter(|it| !it.is_empty())
        .collect();
    if let [name] = fields.as_slice()
        && NICKNAMES.iter().any(|it| it.eq_ignore_ascii_case(name))
    {
        return Ok(());
    }
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "a cron expression has five fields (minute, hour, day of the month, month, day of the \
             week), as `0 8 * * MON-FRI`; this one has {}",
            fields.len()
        ));
    }
    let mut all = FIELDS.iter().zip(fields);
    all.try_for_each(|(field, text)| field.check(text))
}

/// Returns the microseconds of a time such as `30s` or `1h30m`, if it can be one between calls.
pub(crate) fn every(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "`{text}` is no time: write a number and its unit, as in `30s`, `15m`, `6h` or `7d`"
        )
    };
    let mut micros: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|it: char| it.is_ascii_digit())
                .len();
        let (number, after) = rest.split_at(digits);
        let units = after.trim_start_matches(|it: char| it.is_ascii_alphabetic());
        let (unit, after) = after.split_at(after.len() - units.len());
        let unit = match unit {
            "ms" => 1_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 60 * 60 * SECOND,
            "d" => DAY,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit);
        micros = part
            .and_then(|part| micros.checked_add(part))
            .ok_or_else(wrong)?;
        rest = after;
    }
    if (SECOND..=366 * DAY).contains(&micros) {
        Ok(micros)
    } else if text.is_empty() {
        Err(wrong())
    } else {
        Err("the time between two calls is from 1 second to 366 days".to_owned())
    }
}

impl Field {
    const fn new(what: &'static str, min: u32, max: u32, names: &'static [&'static str]) -> Self {
        Self {
            what,
            min,
            max,
            names,
        }
    }

    fn is_day(&self) -> bool {
        self.what.starts_with("day")
    }

    fn is_weekday(&self) -> bool {
        self.max == 7
    }

    fn check(&self, text: &str) -> Result<(), String> {
        let text = match text.strip_prefix('+') {
            Some(rest) if self.is_weekday() => rest,
            _ => text,
        };
        text.split(',')
            .try_for_each(|item| self.check_item(item).ok_or_else(|| self.wrong(item)))
    }

    fn wrong(&self, item: &str) -> String {
        let Self { what, min, max, .. } = self;
        format!(
            "`{item}` is no {what}: write `*`, a number from {min} to {max}, a range as `{min}-{max}`, \
             several with commas, or steps as `*/2`"
        )
    }

    fn check_item(&self, item: &str) -> Option<()> {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        if let Some(step) = step {
            let step = number(step)?;
            let is_many = base == "*" || base.contains('-');
            if step == 0 || step > self.max || !is_many {
                return None;
            }
        }
        if base == "*" || (base == "?" && self.is_day()) {
            return Some(());
        }
        match base.split_once('-') {
            Some((from, to)) => {
                let (from, to) = (self.value(from)?, self.value(to)?);
                (from <= to).then_some(())
            }
            None => self.check_one(base),
        }
    }

    /// Checks a value, or one that is counted in another way: `L`, `15W`, `FRI#2`, `5L`.
    fn check_one(&self, text: &str) -> Option<()> {
        let upper = text.to_ascii_uppercase();
        if self.is_weekday() {
            if let Some((day, nth)) = upper.split_once('#') {
                let is_nth = nth == "L" || matches!(number(nth)?, 1..=5);
                return is_nth.then_some(self.value(day)?).map(drop);
            }
            if let Some(day) = upper.strip_suffix('L') {
                return self.value(day).map(drop);
            }
        } else if self.is_day() {
            if upper == "L" {
                return Some(());
            }
            if let Some(day) = upper.strip_suffix('W') {
                return self.value(day).map(drop);
            }
        }
        self.value(text).map(drop)
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter();
        let named = named
            .zip(self.min..)
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some((_, value)) => value,
            None => number(text)?,
        };
        (self.min..=self.max).contains(&value).then_some(value)
    }
}

fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host judges the same expressions in the same way: see its `schedule` module.
    #[test]
    fn expressions_are_judged_as_the_host_judges_them() {
        let cases = include_str!("../../../tests/cases/cron.txt");
        let cases = cases.lines().filter(|line| !line.starts_with('#'));
        for line in cases {
            let (verdict, text) = line.split_once(' ').expect("a verdict and an expression");
            let found = check(text);
            assert_eq!(found.is_ok(), verdict == "yes", "{text}: {found:?}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1s", Some(SECOND)),
            ("30s", Some(30 * SECOND)),
            ("1500ms", Some(1_500_000)),
            ("1h30m", Some(5_400 * SECOND)),
            ("366d", Some(366 * DAY)),
            ("367d", None),
            ("999ms", None),
            ("0s", None),
            ("", None),
            ("5", None),
            ("s", None),
            ("+5s", None),
            ("5 s", None),
            ("1.5s", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(every(text).ok(), expected, "{text}");
        }
    }
}
