use super::*;

/// Milliseconds of a scan's parts, how many scanners there are, whether somebody requests
/// another scan meanwhile, and the milliseconds until the next one.
#[test]
fn a_scan_is_followed_by_the_next_after_its_share_of_the_time() {
    for (parts, n_scanners, is_requested, expected) in [
        (&[1][..], 1, false, 5_000),
        (&[1], 250, false, 5_000),
        // All scanners together begin 50 scans a second, no more.
        (&[1], 1_000, false, 20_000),
        (&[1], 1_000, true, 100),
        (&[400], 1, false, 8_000),
        (&[400], 1, true, 400),
        (&[300, 100], 1, false, 8_000),
        (&[300, 100], 1, true, 100),
        (&[10_000], 1, false, 60_000),
        (&[10_000], 10_000, false, 200_000),
        (&[10_000], 1, true, 10_000),
    ] {
        let now = Instant::now();
        let mut schedule = ScanSchedule::new(now);
        let (last, first) = parts.split_last().expect("a part");
        for part in first {
            schedule.begin();
            schedule.end_part(now, Duration::from_millis(*part));
            let pause = Duration::from_millis(*part).max(URGENT_EVERY);
            assert_eq!(schedule.due_at(), Some(now + pause));
        }
        schedule.begin();
        if is_requested {
            schedule.request(now);
        }
        assert_eq!(schedule.due_at(), None);
        schedule.end(now, Duration::from_millis(*last), n_scanners);
        let pause = schedule.due_at().expect("none is in progress") - now;
        assert_eq!(
            pause,
            Duration::from_millis(expected),
            "{parts:?} {n_scanners} {is_requested}"
        );
    }
}

#[test]
fn a_request_moves_the_next_scan_forward_and_never_back() {
    let now = Instant::now();
    let mut schedule = ScanSchedule::new(now + Duration::from_secs(3));
    schedule.request(now);
    assert_eq!(schedule.due_at(), Some(now + URGENT_EVERY));
    schedule.request(now + Duration::from_millis(50));
    assert_eq!(schedule.due_at(), Some(now + URGENT_EVERY));
    schedule.begin();
    schedule.end(now, Duration::ZERO, 1);
    assert_eq!(schedule.due_at(), Some(now + SCAN_EVERY));
}
