//! The key that the two sides of a message agree upon.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const INFO: &[u8] = b"X3DH-SyftBox";

/// Returns what a message is encrypted with, from the secret and the public key of each of the
/// two products; `None` if one of the public keys is such that anybody knows the product.
pub(super) fn cipher(
    between_prekeys: (&StaticSecret, &PublicKey),
    with_ephemeral: (&StaticSecret, &PublicKey),
) -> Option<Aes256Gcm> {
    let mut products = Zeroizing::new([0; 64]);
    let pairs = [between_prekeys, with_ephemeral];
    for ((secret, public), product) in pairs.into_iter().zip(products.chunks_exact_mut(32)) {
        let shared = secret.diffie_hellman(public);
        if !shared.was_contributory() {
            return None;
        }
        product.copy_from_slice(shared.as_bytes());
    }
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, &*products)
        .expand(INFO, &mut *key)
        .expect("32 bytes are one block of SHA-256");
    Some(Aes256Gcm::new((&*key).into()))
}
