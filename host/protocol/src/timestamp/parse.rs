//! Reading a timestamp in every form that the released client reads.

use time::{Date, Month, OffsetDateTime};

use super::{MICROS_PER_SECOND, Timestamp};

/// A number further from zero than this counts milliseconds, as in pydantic.
const LARGEST_SECONDS: i64 = 20_000_000_000;

impl Timestamp {
    /// Returns the moment that `text` names, or `None` if it names none.
    ///
    /// Reads what pydantic, and with it the released client, reads: a date and
    /// a time of day to the minute or finer, `T`, `t`, space or `_` between
    /// them, a fraction cut to microseconds, a zone as `Z`, `z`, `+05:30` or
    /// `-0530`; a date alone; and a number as [`Timestamp::from_number`] takes
    /// it. Without a zone it is UTC, where the released client raises or
    /// loses the answer. A zone that leads out of the years 1 to 9999 gives
    /// the nearest moment that exists.
    pub fn parse(text: &str) -> Option<Timestamp> {
        date_time(text).or_else(|| numeric_text(text))
    }

    /// Returns the moment at `number` seconds since 1970, or at as many
    /// milliseconds if it is beyond ±20 000 000 000; `None` outside the years
    /// 1 to 9999.
    pub fn from_number(number: f64) -> Option<Timestamp> {
        // Also turns away the infinities and NaN, which is in no range.
        if !(-1e15..=1e15).contains(&number) {
            return None;
        }
        let micros_per_unit = micros_per_unit(number.abs() > LARGEST_SECONDS as f64);
        let fraction = (number - number.floor()) * micros_per_unit as f64;
        in_range(
            (number.floor() as i64)
                .checked_mul(micros_per_unit)?
                .checked_add(fraction.round() as i64)?,
        )
    }

    /// Returns the moment at `number` seconds or milliseconds since 1970, as
    /// [`Timestamp::from_number`] does, without rounding.
    pub fn from_integer(number: i64) -> Option<Timestamp> {
        let is_millis = number.unsigned_abs() > LARGEST_SECONDS.unsigned_abs();
        in_range(number.checked_mul(micros_per_unit(is_millis))?)
    }
}

fn micros_per_unit(is_millis: bool) -> i64 {
    if is_millis {
        MICROS_PER_SECOND / 1000
    } else {
        MICROS_PER_SECOND
    }
}

fn in_range(micros: i64) -> Option<Timestamp> {
    let timestamp = Timestamp::from_micros(micros);
    (timestamp.micros() == micros).then_some(timestamp)
}

fn numeric_text(text: &str) -> Option<Timestamp> {
    // Keeps out what Rust would take for a number and nobody else: `inf`, `nan`.
    let is_plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    if !text.chars().all(is_plain) {
        return None;
    }
    match text.parse() {
        Ok(integer) => Timestamp::from_integer(integer),
        // An exponent alone, `1e9`, is not enough for the released client.
        Err(_) if text.contains('.') => Timestamp::from_number(text.parse().ok()?),
        Err(_) => None,
    }
}

fn date_time(text: &str) -> Option<Timestamp> {
    let mut cursor = Cursor { rest: text };
    let date = cursor.date()?;
    let (time_micros, offset_seconds) = match cursor.rest {
        "" => (0, 0),
        _ => cursor.time_and_zone()?,
    };
    let day_start = OffsetDateTime::new_utc(date, time::Time::MIDNIGHT).unix_timestamp();
    Some(Timestamp::from_micros(
        (day_start - offset_seconds) * MICROS_PER_SECOND + time_micros,
    ))
}

/// What is left of the text, read from the left.
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = self.digits(4)?;
        self.one_of(&['-'])?;
        let month = Month::try_from(u8::try_from(self.digits(2)?).ok()?).ok()?;
        self.one_of(&['-'])?;
        let day = u8::try_from(self.digits(2)?).ok()?;
        // Python has no year 0, the calendar of `time` does.
        if year == 0 {
            return None;
        }
        Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()
    }

    /// Reads the time of day in microseconds and the offset in seconds.
    fn time_and_zone(&mut self) -> Option<(i64, i64)> {
        self.one_of(&['T', 't', ' ', '_'])?;
        let hours = self.digits_below(24)?;
        self.one_of(&[':'])?;
        let minutes = self.digits_below(60)?;
        let mut micros = (hours * 3600 + minutes * 60) * MICROS_PER_SECOND;
        if self.one_of(&[':']).is_some() {
            micros += self.digits_below(60)? * MICROS_PER_SECOND;
            if self.one_of(&['.', ',']).is_some() {
                micros += self.fraction()?;
            }
        }
        let offset_seconds = self.zone()?;
        self.rest.is_empty().then_some((micros, offset_seconds))
    }

    /// Reads at least one digit; what is finer than a microsecond is cut off.
    fn fraction(&mut self) -> Option<i64> {
        let n_digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(n_digits);
        self.rest = rest;
        let kept = &digits[..n_digits.min(6)];
        let micros: i64 = kept.parse().ok()?;
        Some((kept.len()..6).fold(micros, |micros, _| micros * 10))
    }

    fn zone(&mut self) -> Option<i64> {
        if self.rest.is_empty() || self.one_of(&['Z', 'z']).is_some() {
            return Some(0);
        }
        let sign = match self.one_of(&['+', '-', '\u{2212}'])? {
            '+' => 1,
            _ => -1,
        };
        let hours = self.digits_below(24)?;
        self.one_of(&[':']);
        let minutes = self.digits_below(60)?;
        Some(sign * (hours * 3600 + minutes * 60))
    }

    fn digits_below(&mut self, limit: i64) -> Option<i64> {
        self.digits(2).filter(|number| *number < limit)
    }

    fn digits(&mut self, n_digits: usize) -> Option<i64> {
        let (digits, rest) = self.rest.split_at_checked(n_digits)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        digits.parse().ok()
    }

    fn one_of(&mut self, expected: &[char]) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| expected.contains(c))?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = Timestamp::parse(text).map(|timestamp| timestamp.to_string());
        assert_eq!(shown.as_deref(), Some(expected), "{text:?}");
    }

    // Every line of these tables was run through pydantic 2.14.3, which gives
    // the same but for the zones that are missing or lead out.

    #[test]
    fn reads_dates_and_times() {
        for (text, expected) in [
            (
                "2026-11-24T00:26:20.866623+00:00",
                "2026-11-24T00:26:20.866623+00:00",
            ),
            ("2026-11-24T00:26:20Z", "2026-11-24T00:26:20+00:00"),
            ("2026-11-24t00:26:20z", "2026-11-24T00:26:20+00:00"),
            ("2026-11-24 00:26:20+0000", "2026-11-24T00:26:20+00:00"),
            ("2026-11-24_00:26:20+05:30", "2026-11-23T18:56:20+00:00"),
            ("2026-11-24T00:26:20-0530", "2026-11-24T05:56:20+00:00"),
            (
                "2026-11-24T00:26:20\u{2212}05:30",
                "2026-11-24T05:56:20+00:00",
            ),
            ("2026-11-24T00:26Z", "2026-11-24T00:26:00+00:00"),
            (
                "2026-11-24T00:26:20.123456789Z",
                "2026-11-24T00:26:20.123456+00:00",
            ),
            (
                "2026-11-24T00:26:20.12345678901234567890Z",
                "2026-11-24T00:26:20.123456+00:00",
            ),
            ("2026-11-24T00:26:20,5Z", "2026-11-24T00:26:20.500000+00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn takes_a_missing_zone_for_utc() {
        check("2026-11-24T00:26:20.1", "2026-11-24T00:26:20.100000+00:00");
        check("2026-11-24T00:26", "2026-11-24T00:26:00+00:00");
        check("2026-11-24", "2026-11-24T00:00:00+00:00");
    }

    #[test]
    fn a_zone_does_not_lead_out_of_the_calendar() {
        check("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00+00:00");
        check(
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:59.999999+00:00",
        );
    }

    #[test]
    fn reads_numbers() {
        for (text, expected) in [
            ("1700000000", "2023-11-14T22:13:20+00:00"),
            ("1700000000000", "2023-11-14T22:13:20+00:00"),
            ("1700000000.5", "2023-11-14T22:13:20.500000+00:00"),
            ("1700000000.123456789", "2023-11-14T22:13:20.123457+00:00"),
            ("1700000000123.75", "2023-11-14T22:13:20.123750+00:00"),
            ("20000000000", "2603-10-11T11:33:20+00:00"),
            ("20000000001", "1970-08-20T11:33:20.001000+00:00"),
            ("20000000000.5", "1970-08-20T11:33:20.000500+00:00"),
            ("-20000000001", "1969-05-14T12:26:39.999000+00:00"),
            ("-20000000001.5", "1969-05-14T12:26:39.998500+00:00"),
            ("-1.5", "1969-12-31T23:59:58.500000+00:00"),
            ("+1", "1970-01-01T00:00:01+00:00"),
            ("1.", "1970-01-01T00:00:01+00:00"),
            (".5", "1970-01-01T00:00:00.500000+00:00"),
            ("1.5e3", "1970-01-01T00:25:00+00:00"),
            ("0.9999999", "1970-01-01T00:00:01+00:00"),
            ("253402300799999", "9999-12-31T23:59:59.999000+00:00"),
        ] {
            check(text, expected);
        }
        assert_eq!(
            Timestamp::from_number(1.7e9),
            Timestamp::from_integer(1_700_000_000)
        );
        assert_eq!(
            Timestamp::from_number(-0.0),
            Some(Timestamp::from_micros(0))
        );
    }

    #[test]
    fn refuses_numbers_out_of_range() {
        for number in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e30,
            -1e30,
            f64::MAX,
            253_402_300_800_000.0,
        ] {
            assert_eq!(Timestamp::from_number(number), None, "{number}");
        }
        for number in [i64::MAX, i64::MIN, 253_402_300_800_000, -62_135_596_800_001] {
            assert_eq!(Timestamp::from_integer(number), None, "{number}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "x",
            "-",
            ".",
            "+",
            "--1",
            "1_000",
            "1e9",
            "1.5 ",
            " 1",
            "NaN",
            "inf",
            "infinity",
            "0x10",
            "１",
            "100000000000000000000",
            "2026-11-24T",
            "2026-11-24Z",
            "2026-11-24 ",
            "2026-11-24T00",
            "2026-11-24T00:26:",
            "2026-11-24T00:26:20.Z",
            "2026-11-24T00:26:60Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T00:60Z",
            "2026-11-24T00:26:20+05",
            "2026-11-24T00:26:20+5:30",
            "2026-11-24T00:26:20+05:3",
            "2026-11-24T00:26:20+24:00",
            "2026-11-24T00:26:20+00:60",
            "2026-11-24T00:26:20+00:00:00",
            "2026-11-24T00:26:20 Z",
            "2026-11-24T00:26:20Z ",
            " 2026-11-24T00:26:20Z",
            "+2026-11-24T00:26:20Z",
            "20261124T002620Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "0000-01-01T00:00:00Z",
            "2026-1é-01",
            "202é-11-24",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text:?}");
        }
    }
}
