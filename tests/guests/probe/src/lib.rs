//! Shows what a guest sees and what becomes of what it answers.

mod answers;
mod parameters;
mod surroundings;

syft_guest::app!(
    answers::echo,
    answers::status,
    answers::headers,
    answers::none,
    answers::int,
    answers::float,
    answers::boolean,
    answers::list,
    answers::dict,
    answers::big,
    answers::fail,
    answers::refuse,
    parameters::types,
    parameters::text,
    parameters::bytes,
    parameters::model,
    parameters::deeper,
    surroundings::whoami,
    surroundings::calls,
    surroundings::sleep,
    surroundings::sleep_loudly,
    surroundings::spin,
    surroundings::checksum,
    surroundings::env,
    surroundings::files,
    surroundings::connect,
    surroundings::now,
    surroundings::open_many,
    surroundings::write_log,
);
