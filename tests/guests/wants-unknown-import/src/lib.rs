//! Imports an interface that no host has: to be refused when it is loaded.

use syft_guest::prelude::*;

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package tests:unknown@1.0.0;

            interface oracle {
                ask: func(question: string) -> string;
            }

            world asking {
                import oracle;
            }
        ",
        world: "asking",
    });
}

#[on_request("/ask")]
fn ask(question: String) -> String {
    bindings::tests::unknown::oracle::ask(&question)
}

syft_guest::app!(ask);
