use syft_guest::prelude::*;

#[on_reply]
fn takes_a_request(request: Request) {}

#[on_reply]
fn answers(reply: Reply) -> String {
    reply.url
}

struct NoError;

#[on_reply]
async fn fails_without_a_text() -> Result<(), NoError> {
    Err(NoError)
}

#[on_request("/send")]
fn send() -> Result<(), Error> {
    Message::to("x").reply_to::<send>().send()?;
    Ok(())
}

syft_guest::app!(takes_a_request, answers, fails_without_a_text, send);

fn main() {}
