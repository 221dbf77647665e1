//! Messages in the SDK of Python programs by itself: see `guest-python/tests/messages.py`.

use super::sdk::check_in;

fn check(behaviour: &str) {
    check_in("messages.py", behaviour);
}

#[test]
fn messages_are_sent_as_the_release_sends_them() {
    check("messages_are_sent_as_the_release_sends_them");
}

#[test]
fn futures_say_what_became_of_a_message() {
    check("futures_say_what_became_of_a_message");
}

#[test]
fn a_wait_ends_before_the_call_does() {
    check("a_wait_ends_before_the_call_does");
}

#[test]
fn the_same_message_is_not_sent_while_it_has_no_answer() {
    check("the_same_message_is_not_sent_while_it_has_no_answer");
}

#[test]
fn a_bulk_future_gathers_each_answer_once() {
    check("a_bulk_future_gathers_each_answer_once");
}

#[test]
fn futures_are_values() {
    check("futures_are_values");
}

#[test]
fn kept_futures_are_found_in_later_calls() {
    check("kept_futures_are_found_in_later_calls");
}

#[test]
fn replies_go_to_their_handlers() {
    check("replies_go_to_their_handlers");
}

#[test]
fn handlers_of_replies_have_names_of_their_own() {
    check("handlers_of_replies_have_names_of_their_own");
}

#[test]
fn a_handler_may_answer_its_request_by_reply_to() {
    check("a_handler_may_answer_its_request_by_reply_to");
}

#[test]
fn a_text_says_to_whom_messages_go() {
    check("a_text_says_to_whom_messages_go");
}

#[test]
fn tests_answer_the_messages_of_a_program() {
    check("tests_answer_the_messages_of_a_program");
}
