#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;

use super::*;

fn part(exchanges: &mut Exchanges, id: u64, part: (u32, u32), bytes: &[u8]) -> Taken {
    exchanges.part(Instant::now(), numbers(id, 0, &[]), part, bytes, "reply", 0)
}

fn numbers(id: u64, done_below: u64, done: &[u64]) -> Numbers<'_> {
    Numbers {
        id,
        done_below,
        done,
    }
}

/// A worker that waits for a call has thousands of other questions answered meanwhile.
#[test]
fn what_is_answered_is_forgotten_while_an_earlier_one_waits() {
    let mut exchanges = Exchanges::default();
    let now = Instant::now();
    assert_eq!(
        part(&mut exchanges, 0, (0, 1), b"next"),
        Taken::Question(b"next".to_vec())
    );
    for id in 1..3 * MOST_OPEN as u64 {
        let done: Vec<u64> = (id > 1).then(|| id - 1).into_iter().collect();
        let taken = exchanges.part(now, numbers(id, 0, &done), (0, 1), b"?", "reply", 0);
        assert_eq!(taken, Taken::Question(b"?".to_vec()), "{id}");
        exchanges.done(id, b"!".to_vec()).unwrap();
    }
    assert_eq!(exchanges.held(), 1);
    assert!(
        is_refused(&part(&mut exchanges, 7, (0, 1), b"?")),
        "it was answered"
    );
    assert_eq!(part(&mut exchanges, 0, (0, 1), b"next"), Taken::Later);
}

fn is_refused(taken: &Taken) -> bool {
    matches!(taken, Taken::Answer(FrameAnswer::Refused(_)))
}

#[test]
fn a_question_in_parts_is_put_together_whatever_is_sent_again() {
    let mut exchanges = Exchanges::default();
    let full = vec![1; PART_BYTES];
    let more = Taken::Answer(FrameAnswer::More);
    let unknown = Taken::Answer(FrameAnswer::Unknown);
    assert_eq!(
        part(&mut exchanges, 1, (1, 3), &full),
        unknown,
        "it begins at 0"
    );
    assert_eq!(part(&mut exchanges, 1, (0, 3), &full), more);
    assert_eq!(part(&mut exchanges, 1, (0, 3), &full), more, "doubled");
    assert_eq!(part(&mut exchanges, 1, (1, 3), &full), more);
    assert!(is_refused(&part(&mut exchanges, 1, (1, 2), &full)));
    let Taken::Question(question) = part(&mut exchanges, 1, (2, 3), b"end") else {
        panic!("the question is there");
    };
    assert_eq!(question.len(), 2 * PART_BYTES + 3);
    assert_eq!(exchanges.held(), 0);
    assert_eq!(
        part(&mut exchanges, 1, (2, 3), b"end"),
        Taken::Later,
        "doubled"
    );
}

#[test]
fn an_answer_is_kept_until_the_worker_has_it() {
    let mut exchanges = Exchanges::default();
    let now = Instant::now();
    assert_eq!(
        part(&mut exchanges, 5, (0, 1), b"?"),
        Taken::Question(b"?".to_vec())
    );
    let answer = [vec![1; PART_BYTES], b"end".to_vec()].concat();
    let (reply_to, first) = exchanges.done(5, answer).unwrap();
    assert_eq!(reply_to, "reply");
    assert!(matches!(first, FrameAnswer::Part { of: 2, .. }));
    assert_eq!(exchanges.done(5, Vec::new()), None, "it is answered once");
    let rest = exchanges.rest(now, 5, 1, "reply");
    let bytes = b"end".to_vec();
    assert_eq!(rest, Taken::Answer(FrameAnswer::Part { of: 2, bytes }));
    assert!(is_refused(&exchanges.rest(now, 5, 2, "reply")));
    // Asked again, it is the same answer.
    let again = part(&mut exchanges, 5, (0, 1), b"?");
    assert!(matches!(
        again,
        Taken::Answer(FrameAnswer::Part { of: 2, .. })
    ));
    let taken = exchanges.part(now, numbers(6, 6, &[]), (0, 1), b"?", "reply", 0);
    assert_eq!(taken, Taken::Question(b"?".to_vec()));
    assert_eq!(exchanges.held(), 0);
    assert!(
        is_refused(&part(&mut exchanges, 5, (0, 1), b"?")),
        "an old one"
    );
}

#[test]
fn who_waits_long_is_told_to_ask_again() {
    let (mut exchanges, now) = (Exchanges::default(), Instant::now());
    exchanges.part(now, numbers(1, 0, &[]), (0, 1), b"?", "first", 0);
    assert!(exchanges.overdue(now).is_empty());
    let late = now + ANSWER_WITHIN;
    assert_eq!(exchanges.overdue(late), ["first"]);
    assert!(exchanges.overdue(late).is_empty(), "once");
    assert_eq!(exchanges.rest(late, 1, 0, "second"), Taken::Later);
    assert_eq!(exchanges.done(1, b"!".to_vec()).unwrap().0, "second");
}

#[test]
fn all_that_is_held_is_bounded() {
    let mut exchanges = Exchanges::default();
    let now = Instant::now();
    let full = vec![1; PART_BYTES];
    let wrong = [(0, 0), (3, 3), (0, MOST_PARTS + 1)];
    for numbers in wrong {
        assert!(
            is_refused(&part(&mut exchanges, 1, numbers, &full)),
            "{numbers:?}"
        );
    }
    let too_long = vec![1; PART_BYTES + 1];
    assert!(is_refused(&part(&mut exchanges, 1, (0, 1), &too_long)));
    assert!(is_refused(&part(&mut exchanges, 1, (0, 2), b"short")));
    let taken = exchanges.part(now, numbers(1, 0, &[]), (0, 2), &full, "reply", MOST_HELD);
    assert!(is_refused(&taken), "others hold all");
    for id in 0..MOST_OPEN as u64 {
        part(&mut exchanges, id, (0, 1), b"?");
    }
    let more = part(&mut exchanges, MOST_OPEN as u64, (0, 1), b"?");
    assert!(is_refused(&more));
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_hold_more_than_it_counts(
        sent in proptest::collection::vec(
            (0..4_u64, 0..3_u64, 0..6_u64, 0..4_u32, 0..4_u32, 0..3_usize), 1..60
        )
    ) {
        let mut exchanges = Exchanges::default();
        let now = Instant::now();
        let mut n_questions = [0; 4];
        for (id, done_below, done, part, of, size) in sent {
            let bytes = vec![0; [0, 7, PART_BYTES][size]];
            let done = [done];
            let numbers = numbers(id, done_below, &done);
            let taken = exchanges.part(now, numbers, (part, of), &bytes, "reply", 0);
            if let Taken::Question(_) = taken {
                n_questions[usize::try_from(id).unwrap()] += 1;
                exchanges.done(id, vec![0; 9]);
            }
        }
        prop_assert!(n_questions.iter().all(|n| *n <= 1), "each is put once");
        exchanges.forget(numbers(0, u64::MAX, &[]));
        prop_assert_eq!(exchanges.held(), 0);
    }
}
