//! Uses all that the SDK offers.

mod context;
mod errors;
mod kept;
mod lines;
mod types;
mod watching;

syft_guest::app!(
    context::told,
    errors::book,
    errors::answer,
    kept::state_all,
    kept::paged,
    kept::swap,
    lines::write,
    lines::spans,
    lines::forged,
    types::typed,
    types::plain,
    types::named,
    types::whole,
    watching::heard,
    watching::on_text,
    watching::on_json,
);
