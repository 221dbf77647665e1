use super::*;

#[test]
fn reads_intervals() {
    for (text, seconds) in [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7_200),
        ("30d", 2_592_000),
        ("1d2h30m", 95_400),
        ("2h1d", 93_600),
        ("0d1s", 1),
        ("007s", 7),
    ] {
        assert_eq!(
            parse_interval(text),
            Ok(Duration::from_secs(seconds)),
            "{text}"
        );
    }
}

#[test]
fn refuses_everything_else() {
    for text in [
        "", " ", "90", "s", "1w", "1.5h", "-1d", "+1d", "1d junk", "1 d", "1d 2h", "1d2", "1D",
        "1h1h", "d1", "1é", "１s", "1d\n",
    ] {
        assert!(
            matches!(parse_interval(text), Err(IntervalError::Malformed(_))),
            "{text:?}"
        );
    }
    assert_eq!(parse_interval("0s"), Err(IntervalError::Zero));
    assert_eq!(parse_interval("0d0h"), Err(IntervalError::Zero));
    for text in [
        "99999999999999999999s",
        "18446744073709551615d",
        "18446744073709551615s1m",
    ] {
        assert_eq!(parse_interval(text), Err(IntervalError::TooLong), "{text}");
    }
}

#[test]
fn a_clock_that_jumps_is_not_believed_at_once() {
    const HOUR: Duration = Duration::from_secs(3_600);
    const DECADES: Duration = Duration::from_secs(75 * 365 * 86_400);
    let begin = Timestamp::from_micros(1 << 50);
    let mut steadiness = Steadiness::default();
    let mut is_steady = |hours: u32, wall| steadiness.is_steady(HOUR * hours, wall);
    let far = begin.saturating_add(DECADES);
    for (hours, wall, expected) in [
        (0, begin, true),
        (1, begin.saturating_add(HOUR), true),
        (2, begin.saturating_add(HOUR * 3), true),
        // It jumps ahead for less than the time to the next clean-up.
        (3, far, false),
        (4, begin.saturating_add(HOUR * 4), false),
        (5, begin.saturating_add(HOUR * 5), true),
        // It jumps, and stays there.
        (6, far.saturating_add(HOUR), false),
        (7, far.saturating_add(HOUR * 2), true),
        (8, begin, false),
    ] {
        assert_eq!(is_steady(hours, wall), expected, "{hours}");
    }
}

#[test]
fn a_request_is_due_when_older_than_kept() {
    let retention = Retention::default();
    let created = Timestamp::from_micros(0);
    let at_limit = created.saturating_add(retention.keep);
    assert!(!retention.is_due(created, at_limit));
    assert!(retention.is_due(created, at_limit.saturating_add(Duration::from_micros(1))));
    assert!(!retention.is_due(Timestamp::MAX, created));
}
