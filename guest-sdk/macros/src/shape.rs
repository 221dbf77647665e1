//! What every function must be that the host calls.

use syn::spanned::Spanned;
use syn::{Error, Receiver, Result, Safety, Signature};

/// Checks that it can be called as it is; `what` says what it is, as in "a handler".
pub(crate) fn check(signature: &Signature, what: &str) -> Result<()> {
    if let Safety::Unsafe(token) = signature.safety {
        return Err(Error::new(token.span, format!("{what} is a safe function")));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.params.span(),
            format!("{what} is not generic: the host calls it with one set of types"),
        ));
    }
    Ok(())
}

/// Says what is wrong with a receiver.
pub(crate) fn no_receiver(receiver: &Receiver, what: &str) -> Error {
    Error::new(
        receiver.span(),
        format!("{what} is a free function: it has no `self`"),
    )
}
