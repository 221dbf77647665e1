//! The SyftBox RPC protocol: addresses, messages and the life of a request.
//!
//! Everything here decides and nothing here does: no IO, no clock, no async.
//! `now` and ids are arguments, so any order of events can be replayed in a
//! test. What strangers wrote is parsed once, here, into types that can only
//! exist when they were checked.
//!
//! Modules in reading order: who and where ([`address`], [`url`]), when
//! ([`now`], [`timestamp`]), what is said ([`message`], [`status`]) and how it is encrypted
//! ([`encryption`]), the life of a request ([`inbox`]) and of a message that an app sends
//! ([`outbox`]), what an app tells the world ([`schema`],
//! [`permissions`]), who may do what to which file ([`acl`]), which files an app
//! asks for ([`grant`]) and watches ([`pattern`]), which changes of them are delivered
//! to it ([`file_events`]), when it acts by the clock ([`schedule`]) and which calls are due
//! ([`due_calls`]), when everything is scanned ([`scan_schedule`]), how long messages stay
//! ([`retention`]), where apps are published ([`app_url`]), and how foreign text is quoted
//! ([`excerpt`]).

pub mod address;
pub mod url;

pub mod now;
pub mod timestamp;

pub mod message;
pub mod status;

pub mod encryption;

pub mod inbox;
pub mod outbox;

pub mod permissions;
pub mod schema;

pub mod acl;

pub mod grant;

pub mod file_events;
pub mod pattern;

pub mod due_calls;
pub mod schedule;

pub mod scan_schedule;

pub mod retention;

pub mod app_url;

pub mod excerpt;
