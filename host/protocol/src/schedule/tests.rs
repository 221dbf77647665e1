use super::*;

/// Central European Time: forward at 2:00 on the last Sunday of March, back at 3:00 on that of
/// October.
fn cet() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule")
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn times(cron: &str, clock: &TimeZone, after: &str, count: usize) -> Vec<String> {
    let cron = CronExpression::parse(cron).expect("an expression");
    let next = |last: &Timestamp| cron.next_after(*last, clock);
    let all = std::iter::successors(Some(at(after)), next);
    let all = all.skip(1).take(count);
    all.map(|time| time.to_string().replace(":00+00:00", ""))
        .collect()
}

#[test]
fn expressions_mean_their_times() {
    let begin = "2026-03-02T10:07:30.5+00:00";
    for (cron, expected) in [
        ("*/15 * * * *", ["2026-03-02T10:15", "2026-03-02T10:30"]),
        ("0 8 * * *", ["2026-03-03T08:00", "2026-03-04T08:00"]),
        ("0 8 * * MON", ["2026-03-09T08:00", "2026-03-16T08:00"]),
        ("0 8 * * 1", ["2026-03-09T08:00", "2026-03-16T08:00"]),
        ("0 8 * * 7", ["2026-03-08T08:00", "2026-03-15T08:00"]),
        ("5,7 10 * * *", ["2026-03-03T10:05", "2026-03-03T10:07"]),
        ("0 0 1 jan-feb *", ["2027-01-01T00:00", "2027-02-01T00:00"]),
        ("0 0 L * *", ["2026-03-31T00:00", "2026-04-30T00:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        // Either day, as cron has it.
        ("0 0 4 * TUE", ["2026-03-03T00:00", "2026-03-04T00:00"]),
        ("@daily", ["2026-03-03T00:00", "2026-03-04T00:00"]),
        ("  @Hourly ", ["2026-03-02T11:00", "2026-03-02T12:00"]),
    ] {
        assert_eq!(times(cron, &TimeZone::UTC, begin, 2), expected, "{cron}");
    }
}

#[test]
fn a_time_in_the_same_second_is_not_due_again() {
    let cron = CronExpression::parse("0 8 * * *").expect("an expression");
    let due = at("2026-03-02T08:00:00+00:00");
    let (before, within) = (
        at("2026-03-02T07:59:59.999999+00:00"),
        at("2026-03-02T08:00:00.000001+00:00"),
    );
    let utc = &TimeZone::UTC;
    assert_eq!(cron.next_after(before, utc), Some(due));
    let next = Some(at("2026-03-03T08:00:00+00:00"));
    assert_eq!(cron.next_after(due, utc), next);
    assert_eq!(cron.next_after(within, utc), next);
    assert_eq!(cron.last_until(due, utc), Some(due));
    assert_eq!(cron.last_until(within, utc), Some(due));
    let yesterday = Some(at("2026-03-01T08:00:00+00:00"));
    assert_eq!(cron.last_until(before, utc), yesterday);
}

#[test]
fn what_is_no_expression_is_refused_in_words() {
    for (text, expected) in [
        ("", "this one has 0"),
        ("* * * *", "this one has 4"),
        ("* * * * * *", "this one has 6"),
        ("@reboot", "this one has 1"),
        ("60 * * * *", "wrong"),
        ("0 24 * * *", "wrong"),
        ("0 0 0 * *", "wrong"),
        ("0 0 * 13 *", "wrong"),
        ("0 0 * * FOO", "wrong"),
        ("5-1 * * * *", "wrong"),
        ("*/0 * * * *", "wrong"),
        ("0 0 30 2 *", "never come"),
        ("0 0 31 4,6,9,11 *", "never come"),
        ("0 0 * * \u{202e}1", "letters, digits"),
        ("0\n0 * * *", "letters, digits"),
        (&"1,".repeat(200), "up to 200"),
    ] {
        let error = CronExpression::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn clocks_that_are_put_forward_leave_no_day_out() {
    let night = "2026-03-28T12:00:00+00:00";
    for (cron, expected) in [
        // 2:30 is left out on the 29th: the clock goes on at 3:00, 1:00 in UTC.
        (
            "30 2 * * *",
            ["2026-03-29T01:00", "2026-03-30T00:30", "2026-03-31T00:30"],
        ),
        (
            "0 8 * * *",
            ["2026-03-29T06:00", "2026-03-30T06:00", "2026-03-31T06:00"],
        ),
    ] {
        assert_eq!(times(cron, &cet(), night, 3), expected, "{cron}");
    }
    // Each half hour goes on each half hour.
    let expected = ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"];
    let half_hours = times("*/30 * * * *", &cet(), "2026-03-29T00:00:00+00:00", 3);
    assert_eq!(half_hours, expected);
}

#[test]
fn clocks_that_are_put_back_show_no_time_twice() {
    let night = "2026-10-24T12:00:00+00:00";
    for (cron, expected) in [
        // 2:30 comes at 0:30 and at 1:30 in UTC on the 25th: the first counts.
        (
            "30 2 * * *",
            ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"],
        ),
        (
            "0 8 * * *",
            ["2026-10-25T07:00", "2026-10-26T07:00", "2026-10-27T07:00"],
        ),
    ] {
        assert_eq!(times(cron, &cet(), night, 3), expected, "{cron}");
    }
    let expected = ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"];
    let half_hours = times("*/30 * * * *", &cet(), "2026-10-25T00:00:00+00:00", 3);
    assert_eq!(half_hours, expected);
}

/// Looking back finds just what looking forward finds, over all changes of clocks.
#[test]
fn the_last_time_is_the_one_before_the_next() {
    let end = at("2027-01-02T00:00:00+00:00");
    let lord_howe = TimeZone::posix("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0").expect("a rule");
    for clock in [TimeZone::UTC, cet(), lord_howe] {
        for cron in [
            "30 2 * * *",
            "15 */2 * * *",
            "45 1,2,3 * * SUN",
            "0 0 1 * *",
        ] {
            let cron = CronExpression::parse(cron).expect("an expression");
            let mut last = at("2026-01-01T00:00:00+00:00");
            while let Some(next) = cron.next_after(last, &clock).filter(|next| *next < end) {
                assert!(next > last, "{} after {last}", cron.as_str());
                let text = format!("{} at {next}", cron.as_str());
                assert_eq!(cron.last_until(next, &clock), Some(next), "{text}");
                let within = next.saturating_add(Duration::from_secs(59));
                assert_eq!(cron.last_until(within, &clock), Some(next), "{text}");
                last = next;
            }
        }
    }
}

#[test]
fn times_that_are_so_far_apart_count_from_the_last() {
    let timing = Timing::every(Duration::from_secs(90)).expect("a time");
    let (begin, utc) = (Timestamp::from_micros(1_000_000), &TimeZone::UTC);
    let after = |seconds| begin.saturating_add(Duration::from_secs(seconds));
    assert_eq!(timing.next_after(begin, utc), Some(after(90)));
    assert_eq!(timing.last_until(after(89), begin, utc), None);
    assert_eq!(timing.last_until(after(90), begin, utc), Some(after(90)));
    assert_eq!(timing.last_until(after(359), begin, utc), Some(after(270)));
    for wrong in [Duration::ZERO, Duration::from_millis(999), 2 * MAX_EVERY] {
        assert_eq!(
            Timing::every(wrong).expect_err("too short or too long"),
            ScheduleError::Every
        );
    }
}

#[test]
fn names_and_words() {
    let every = |name| {
        let timing = Timing::every(Duration::from_secs(120))?;
        Schedule::new(name, timing, Zone::utc(), Missed::Drop)
    };
    let schedule = every("clean_up").expect("a schedule");
    let words = "clean_up: every 2m, missed ones are dropped";
    assert_eq!(schedule.words(), words);
    for wrong in ["", "a b", "ä", "a/b", "a\u{202e}", &"a".repeat(65)] {
        assert_eq!(every(wrong).expect_err(wrong), ScheduleError::Name);
    }
    let daily = Timing::cron(" 0  8 * * * ").expect("an expression");
    let daily = Schedule::new("daily", daily, Zone::utc(), Missed::RunOnce).expect("a name");
    assert_eq!(daily.words(), "daily: 0 8 * * * (UTC)");
    for (micros, expected) in [(1_500_000, "1500ms"), (1, "1µs"), (86_400_000_000, "1d")] {
        assert_eq!(in_words(Duration::from_micros(micros)), expected);
    }
}

#[test]
fn tells_how_often_it_is_due() {
    for (cron, seconds) in [
        ("* * * * *", 60),
        ("*/5 * * * *", 300),
        ("0 0 * * *", 86_400),
    ] {
        let timing = Timing::cron(cron).expect("an expression");
        let interval = timing.mean_interval();
        assert_eq!(interval, Duration::from_secs(seconds), "{cron}");
    }
}
