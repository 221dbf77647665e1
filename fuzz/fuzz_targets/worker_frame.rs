#![cfg_attr(fuzzing, no_main)]
#![allow(missing_docs, reason = "the function says it")]

syft_fuzz::fuzz!(syft_fuzz::workers::worker_frame);
