//! What workers send to the owner's host, and what that holds of it.

use std::time::Instant;

use syft_manifest::Digest;
use syft_runtime::wire::{decode, encode};
use syft_workers::exchanges::{Exchanges, MOST_HELD, Numbers, Taken};
use syft_workers::frame::{FRAME_BYTES, Frame, Sent, VERSION};
use syft_workers::words::{Beat, Hello, Question};

/// A frame is written as it was read, and whatever its numbers say, it does not have more held than
/// there may be. What is read as a question is the same once written.
pub fn worker_frame(bytes: &[u8]) {
    question(bytes);
    let Ok(frame) = decode::<Frame>(bytes, FRAME_BYTES) else {
        return;
    };
    assert_eq!(
        decode::<Frame>(&encode(&frame), FRAME_BYTES),
        Ok(frame.clone())
    );
    let (mut exchanges, now) = (Exchanges::default(), Instant::now());
    for _ in 0..3 {
        let taken = match &frame.sent {
            Sent::Part {
                id,
                done_below,
                done,
                part,
                of,
                bytes,
            } => {
                let numbers = Numbers {
                    id: *id,
                    done_below: *done_below,
                    done,
                };
                exchanges.part(now, numbers, (*part, *of), bytes, "to", 0)
            }
            Sent::Rest { id, part } => exchanges.rest(now, *id, *part, "to"),
            Sent::Component { .. } => return,
        };
        assert!(exchanges.held() <= MOST_HELD);
        if let Taken::Question(whole) = taken {
            question(&whole);
        }
    }
}

fn question(bytes: &[u8]) {
    if let Ok(read) = decode::<Question>(bytes, FRAME_BYTES) {
        assert_eq!(decode::<Question>(&encode(&read), FRAME_BYTES), Ok(read));
    }
}

/// Returns frames and questions as a worker sends them.
pub fn worker_frames() -> Vec<Vec<u8>> {
    let questions = [
        Question::Hello(Hello {
            program: "0.1.0".to_owned(),
            labels: vec!["gpu".to_owned()],
            concurrency: 4,
            memory_bytes: 1 << 30,
            apps: vec!["chat".to_owned()],
        }),
        Question::Beat(Beat {
            number: 3,
            claims: vec![[7; 16]],
            apps: Some(vec![(Digest::of(b"x"), Some("no".to_owned()))]),
        }),
        Question::Next,
        Question::Refuse {
            claim: [1; 16],
            why: "it does not compile".to_owned(),
        },
        Question::Leave,
    ];
    let questions = questions.map(|question| encode(&question));
    let frames = questions.iter().map(|question| Sent::Part {
        id: 9,
        done_below: 2,
        done: Vec::new(),
        part: 0,
        of: 1,
        bytes: question.clone(),
    });
    let others = [
        Sent::Rest { id: 9, part: 0 },
        Sent::Component {
            digest: Digest::of(b"x"),
            after: 4,
        },
    ];
    let frames: Vec<Vec<u8>> = frames
        .chain(others)
        .map(|sent| {
            encode(&Frame {
                version: VERSION,
                instance: 1,
                sent,
            })
        })
        .collect();
    questions.into_iter().chain(frames).collect()
}
