use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Life {
    outbox: Outbox,
    now: Now,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

impl Life {
    fn new() -> Self {
        Self {
            outbox: Outbox::new(OutboxLimits {
                active: 2,
                look_pauses: (SECOND, 4 * SECOND),
                retry_pauses: (SECOND, 2 * SECOND),
                gone_for: 5 * SECOND,
            }),
            now: Now {
                instant: Instant::now(),
                wall: Timestamp::from_micros(1_000_000_000_000_000),
            },
        }
    }

    /// A message that lasts so many seconds.
    fn keep(&mut self, number: u128, stage: Stage, seconds: u32) {
        let expires = self.now.wall.saturating_add(seconds * SECOND);
        self.tell(Event::Kept(id(number), stage, expires));
    }

    fn tell(&mut self, event: Event) {
        self.outbox.handle(self.now, event);
    }

    fn pass(&mut self, seconds: u32) {
        self.now.instant += seconds * SECOND;
        self.now.wall = self.now.wall.saturating_add(seconds * SECOND);
    }

    #[track_caller]
    fn expect(&mut self, actions: &[OutboxAction]) {
        let polled = std::iter::from_fn(|| self.outbox.poll(self.now));
        assert_eq!(polled.collect::<Vec<_>>(), actions);
    }

    /// A message that was written into the tree.
    fn written() -> Self {
        let mut life = Self::new();
        life.keep(1, Stage::New, 60);
        life.expect(&[OutboxAction::Send(id(1))]);
        life.tell(Event::Sent(id(1), Way::Tree));
        life
    }

    #[track_caller]
    fn is_over(&mut self) {
        self.pass(1_000);
        self.expect(&[]);
        assert!(self.outbox.is_empty());
        assert_eq!(self.outbox.wakes_at(), None);
        assert_eq!(self.outbox.active, 0);
    }
}

#[test]
fn is_sent_answered_and_cleared() {
    let mut life = Life::written();
    life.expect(&[]);
    life.tell(Event::Hint(id(1)));
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Ended(id(1)));
    life.expect(&[OutboxAction::Clear(id(1))]);
    life.tell(Event::Cleared(id(1)));
    life.is_over();
}

#[test]
fn is_looked_at_without_hints_with_longer_pauses() {
    let mut life = Life::written();
    for pause in [1, 2, 4, 4] {
        life.pass(pause - 1);
        life.expect(&[]);
        life.pass(1);
        life.expect(&[OutboxAction::Look(id(1))]);
        life.tell(Event::Looked(id(1), Look::Nothing));
    }
}

#[test]
fn a_hint_while_it_is_looked_at_has_it_looked_at_again() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 60);
    life.expect(&[OutboxAction::Send(id(1))]);
    life.tell(Event::Hint(id(1)));
    life.tell(Event::Sent(id(1), Way::Tree));
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Hint(id(1)));
    life.tell(Event::Looked(id(1), Look::Nothing));
    life.expect(&[OutboxAction::Look(id(1))]);
}

#[test]
fn expires_after_a_last_look() {
    let mut life = Life::written();
    life.pass(60);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Nothing));
    life.expect(&[OutboxAction::End(id(1), Ending::Expired)]);
    life.tell(Event::Ended(id(1)));
    life.expect(&[OutboxAction::Clear(id(1))]);
    life.tell(Event::Cleared(id(1)));
    life.is_over();
}

#[test]
fn one_that_expired_before_it_was_sent_is_never_sent() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 0);
    life.expect(&[OutboxAction::End(id(1), Ending::Expired)]);
    life.tell(Event::Ended(id(1)));
    life.is_over();
}

#[test]
fn one_that_may_have_been_sent_is_looked_at_before_it_expires() {
    let mut life = Life::new();
    life.keep(1, Stage::Unsure, 0);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.expect(&[OutboxAction::End(id(1), Ending::Expired)]);
}

#[test]
fn one_that_was_never_sent_is_not_gone() {
    let mut life = Life::new();
    life.keep(1, Stage::Unsure, 0);
    life.expect(&[OutboxAction::Look(id(1))]);
    // Somebody sets the clock back.
    life.now.wall = Timestamp::from_micros(life.now.wall.micros() - 60_000_000);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.expect(&[OutboxAction::Send(id(1))]);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut life = Life::new();
    life.keep(1, Stage::Unsure, 60);
    life.keep(2, Stage::Sent, 60);
    life.expect(&[OutboxAction::Send(id(1)), OutboxAction::Look(id(2))]);
    life.tell(Event::Ended(id(1)));
    life.tell(Event::Ended(id(2)));
    life.keep(3, Stage::Ended, 60);
    life.expect(&[OutboxAction::Clear(id(1)), OutboxAction::Clear(id(2))]);
    life.tell(Event::Cleared(id(1)));
    life.tell(Event::Cleared(id(2)));
    life.expect(&[OutboxAction::Clear(id(3))]);
    life.tell(Event::Cleared(id(3)));
    life.is_over();
}

#[test]
fn a_request_that_stays_gone_has_no_answer() {
    let mut life = Life::written();
    life.tell(Event::Hint(id(1)));
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.pass(4);
    life.expect(&[]);
    life.tell(Event::Hint(id(1)));
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.pass(1);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.expect(&[OutboxAction::End(id(1), Ending::Gone)]);
}

#[test]
fn a_request_that_comes_back_is_waited_for() {
    let mut life = Life::written();
    life.tell(Event::Hint(id(1)));
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Gone));
    life.pass(5);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::Nothing));
    life.expect(&[]);
}

#[test]
fn what_fails_is_tried_again_later() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 60);
    for pause in [1, 2, 2] {
        life.expect(&[OutboxAction::Send(id(1))]);
        life.tell(Event::Failed(id(1)));
        life.expect(&[]);
        life.pass(pause);
    }
    life.expect(&[OutboxAction::Send(id(1))]);
}

#[test]
fn one_that_can_never_be_looked_at_expires() {
    let mut life = Life::written();
    life.pass(60);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Failed(id(1)));
    life.expect(&[OutboxAction::End(id(1), Ending::Expired)]);
}

#[test]
fn an_answer_that_finds_no_room_does_not_expire() {
    let mut life = Life::written();
    life.pass(70);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Looked(id(1), Look::NoRoom));
    life.expect(&[]);
    life.pass(4);
    life.expect(&[OutboxAction::Look(id(1))]);
    life.tell(Event::Ended(id(1)));
    life.expect(&[OutboxAction::Clear(id(1))]);
}

#[test]
fn one_that_was_handed_over_has_no_files() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 60);
    life.expect(&[OutboxAction::Send(id(1))]);
    life.tell(Event::Sent(id(1), Way::Local));
    life.pass(59);
    life.expect(&[]);
    life.tell(Event::Ended(id(1)));
    life.is_over();
}

#[test]
fn one_that_is_returned_is_sent_again() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 60);
    life.expect(&[OutboxAction::Send(id(1))]);
    life.tell(Event::Sent(id(1), Way::Local));
    life.tell(Event::Returned(id(1)));
    life.expect(&[]);
    life.pass(1);
    life.expect(&[OutboxAction::Send(id(1))]);
    life.tell(Event::Sent(id(1), Way::Tree));
    life.tell(Event::Returned(id(1)));
    life.expect(&[]);
}

#[test]
fn one_that_was_handed_over_expires_by_the_wall_clock() {
    let mut life = Life::new();
    life.keep(1, Stage::New, 60);
    life.expect(&[OutboxAction::Send(id(1))]);
    life.tell(Event::Sent(id(1), Way::Local));
    // Somebody sets the clock back.
    life.now.instant += 60 * SECOND;
    life.expect(&[]);
    life.pass(60);
    life.expect(&[OutboxAction::End(id(1), Ending::Expired)]);
    // The answer came first.
    life.tell(Event::Ended(id(1)));
    life.tell(Event::Ended(id(1)));
    life.is_over();
}

#[test]
fn few_actions_are_given_out_at_a_time() {
    let mut life = Life::new();
    for number in 1..4 {
        life.keep(number, Stage::New, 60);
    }
    life.expect(&[OutboxAction::Send(id(1)), OutboxAction::Send(id(2))]);
    life.tell(Event::Sent(id(2), Way::Local));
    life.expect(&[OutboxAction::Send(id(3))]);
}

#[test]
fn events_of_unknown_messages_are_nothing() {
    let mut life = Life::new();
    life.tell(Event::Sent(id(1), Way::Tree));
    life.tell(Event::Returned(id(1)));
    life.tell(Event::Hint(id(1)));
    life.tell(Event::Looked(id(1), Look::Gone));
    life.tell(Event::Ended(id(1)));
    life.tell(Event::Cleared(id(1)));
    life.tell(Event::Failed(id(1)));
    life.is_over();
}
