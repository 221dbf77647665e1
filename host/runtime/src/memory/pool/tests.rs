//! Rooms of several apps against a simple model.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Waiter = Pin<Box<dyn Future<Output = Room>>>;

fn ask(share: &Share, bytes: usize) -> Waiter {
    let share = share.clone();
    Box::pin(async move { share.reserve(bytes).await })
}

fn look(waiter: &mut Waiter) -> Option<Room> {
    match waiter
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(room) => Some(room),
        Poll::Pending => None,
    }
}

/// Moves the rooms of those who are served. The first look at one puts it in line, which may
/// serve another that was looked at before; a second look moves nobody else.
fn collect(waiters: &mut Vec<Waiter>, rooms: &mut Vec<Room>) {
    for _ in 0..2 {
        for mut waiter in std::mem::take(waiters) {
            match look(&mut waiter) {
                Some(room) => rooms.push(room),
                None => waiters.push(waiter),
            }
        }
    }
}

#[test]
fn who_holds_least_is_next() {
    let pool = MemoryPool::new(100);
    let (greedy, modest) = (pool.share(), pool.share());
    let first = greedy.try_reserve(80).expect("room");
    let second = greedy.try_reserve(5).expect("room");
    let mut more = ask(&greedy, 60);
    let mut other = ask(&modest, 30);
    assert!(look(&mut more).is_none() && look(&mut other).is_none());
    drop(second);
    assert!(look(&mut other).is_none(), "only 20 are free");
    drop(first);
    let other = look(&mut other).expect("it is next, though it came later");
    assert!(look(&mut more).is_some(), "there is enough for both");
    assert_eq!(other.bytes(), 30);
}

#[test]
fn nobody_goes_before_the_next_one() {
    let pool = MemoryPool::new(100);
    let (a, b) = (pool.share(), pool.share());
    let held = a.try_reserve(80).expect("room");
    let mut large = ask(&b, 90);
    let mut small = ask(&a, 1);
    assert!(look(&mut large).is_none() && look(&mut small).is_none());
    drop(held);
    assert!(look(&mut large).is_some());
    assert!(look(&mut small).is_some(), "after it");
}

#[test]
fn something_is_left_for_an_app_that_has_nothing() {
    let pool = MemoryPool::new(900);
    let (greedy, other) = (pool.share(), pool.share());
    let mut rooms: Vec<Room> = Vec::new();
    while let Some(room) = greedy.try_reserve(10) {
        rooms.push(room);
    }
    assert_eq!(rooms.len(), 80, "eight ninths");
    let mut room = other.try_reserve(50).expect("room");
    assert!(room.grow(30));
    assert!(!rooms[0].grow(1));
}

#[test]
fn who_waits_no_more_takes_nothing() {
    let pool = MemoryPool::new(100);
    let (a, b) = (pool.share(), pool.share());
    let held = a.try_reserve(100).expect("room");
    let mut gone = ask(&b, 90);
    assert!(look(&mut gone).is_none());
    drop((gone, held));
    assert_eq!(pool.books().used, 0);
    // And one that was served before it could say so.
    let held = a.try_reserve(100).expect("room");
    let mut gone = ask(&b, 90);
    assert!(look(&mut gone).is_none());
    drop(held);
    drop(gone);
    assert_eq!(pool.books().used, 0);
}

#[test]
fn more_than_there_is_is_all_there_is() {
    let pool = MemoryPool::new(100);
    let room = look(&mut ask(&pool.share(), usize::MAX)).expect("room");
    assert_eq!(room.bytes(), 100);
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, usize),
    Grow(usize, usize),
    Shrink(usize, usize),
    Drop(usize),
    GiveUp(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4_usize, 0..120_usize).prop_map(|(app, bytes)| Step::Ask(app, bytes)),
        1 => (any::<usize>(), 0..60_usize).prop_map(|(which, bytes)| Step::Grow(which, bytes)),
        1 => (any::<usize>(), 0..60_usize).prop_map(|(which, bytes)| Step::Shrink(which, bytes)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::GiveUp),
    ];
    vec(step, 0..80)
}

proptest! {
    /// The books are the sum of the rooms, which is never more than there is; and once all
    /// rooms are given back, everybody who waits is served.
    #[test]
    fn it_adds_up_and_serves_all(steps in steps()) {
        let pool = MemoryPool::new(100);
        let shares: Vec<Share> = (0..4).map(|_| pool.share()).collect();
        let (mut waiters, mut rooms): (Vec<Waiter>, Vec<Room>) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Ask(app, bytes) => waiters.push(ask(&shares[app], bytes)),
                Step::Grow(which, bytes) if !rooms.is_empty() => {
                    let which = which % rooms.len();
                    let before = rooms[which].bytes();
                    let has_grown = rooms[which].grow(bytes);
                    let after = if has_grown { before + bytes } else { before };
                    prop_assert_eq!(rooms[which].bytes(), after);
                }
                Step::Shrink(which, bytes) if !rooms.is_empty() => {
                    let which = which % rooms.len();
                    let before = rooms[which].bytes();
                    rooms[which].shrink_to(bytes);
                    prop_assert_eq!(rooms[which].bytes(), before.min(bytes));
                }
                Step::Drop(which) if !rooms.is_empty() => {
                    let which = which % rooms.len();
                    rooms.swap_remove(which);
                }
                Step::GiveUp(which) if !waiters.is_empty() => {
                    let which = which % waiters.len();
                    drop(waiters.swap_remove(which));
                }
                _ => {}
            }
            collect(&mut waiters, &mut rooms);
            let sum: usize = rooms.iter().map(Room::bytes).sum();
            let books = pool.books();
            prop_assert_eq!(books.used, sum);
            prop_assert_eq!(books.held.values().sum::<usize>(), sum);
            prop_assert!(sum <= 100);
        }
        while !waiters.is_empty() {
            let n_waiting = waiters.len();
            rooms.clear();
            collect(&mut waiters, &mut rooms);
            prop_assert!(waiters.len() < n_waiting, "somebody waits for ever");
        }
        rooms.clear();
        prop_assert_eq!(pool.books().used, 0);
    }
}
