use syft_guest::prelude::*;

#[watch("*.json")]
fn takes_a_request(request: Request) {}

#[watch("*.json")]
fn answers(event: FileEvent) -> String {
    event.relative
}

#[watch("*.json")]
fn answers_in_a_result() -> Result<i64, Error> {
    Ok(1)
}

struct NoError;

#[watch("*.json")]
async fn fails_without_a_text() -> Result<(), NoError> {
    Err(NoError)
}

syft_guest::app!(takes_a_request, answers, answers_in_a_result, fails_without_a_text);

fn main() {}
