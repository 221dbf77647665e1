//! What somebody makes of a signed app to have it taken for another.
//!
//! Each attack is a file that must be refused, by `verify` with or without a key, and by
//! `sign`; `cases/signing/NAME.err` is what the user sees. `BLESS=1` rewrites these files.

use std::collections::BTreeSet;
use std::fs;

use syft_package::{Package, PublicKey};

use super::signer::{Signer, entry, public_line, set, sha256, signatures};
use super::{Ended, MANIFEST, case, component, content, run, write};
use crate::support::blessed;
use crate::support::sections::{HEADER, counted, custom, section};
use crate::support::site::Site;

/// Returns a component with a signature section that holds these bytes.
fn with_signatures(signatures: &[u8], content: &[u8]) -> Vec<u8> {
    component(&[&custom("signature", signatures), content].concat())
}

/// Returns a component that this key has signed, whatever it holds.
pub fn signed_by(signer: &Signer, content: &[u8]) -> Vec<u8> {
    component(&[&signer.section(content), content].concat())
}

fn signed() -> Vec<u8> {
    signed_by(&Signer::alice(), &content())
}

fn other_program() -> Vec<u8> {
    let code = custom("code", b"of a thief");
    [code, custom("syft:manifest", MANIFEST.as_bytes())].concat()
}

/// Returns a component whose one signature is named as a key's, and is this.
fn named(key: &[u8; 32], signature: &[u8; 64]) -> Vec<u8> {
    let content = content();
    with_signatures(
        &signatures(&[sha256(&content)], &[entry(key, signature)]),
        &content,
    )
}

/// Returns the same signature with a number added to it that adds nothing: any other check
/// than a strict one may take it.
fn malleable(signature: [u8; 64]) -> [u8; 64] {
    // The order of the curve's group, from its lowest byte.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut changed = signature;
    let mut carry = 0;
    for (byte, add) in changed[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    changed
}

/// The neutral element of the curve, with which everything is signed by this signature.
const NEUTRAL: [u8; 32] = {
    let mut key = [0; 32];
    key[0] = 1;
    key
};
const OF_NEUTRAL: [u8; 64] = {
    let mut signature = [0; 64];
    signature[0] = 1;
    signature
};

/// Returns a signature of Alice's for the small app, made with the neutral element for a nonce.
fn with_small_nonce() -> [u8; 64] {
    // Worked out once, since no library does: the hash of all of it times the secret scalar.
    const NUMBER: &[u8] = b"59bfee9f34d975d553e182a901dda10cb2967b7cd0bee1c6b665d31976191402";
    let number = data_encoding::HEXLOWER.decode(NUMBER).unwrap();
    [NEUTRAL.to_vec(), number].concat().try_into().unwrap()
}

pub fn attacks() -> Vec<(&'static str, Vec<u8>)> {
    let (alice, bob) = (Signer::alice(), Signer::bob());
    let content = content();
    let signed = signed();
    let hash = sha256(&content);
    let signature = alice.sign(&[hash]);
    let own = entry(&alice.public(), &signature);
    let good = signatures(&[hash], std::slice::from_ref(&own));
    let first = alice.section(&content);
    let manifest = custom("syft:manifest", MANIFEST.as_bytes());
    let delimiter = custom("signature_delimiter", &[7; 16]);
    let cut_after = signed.len() - manifest.len();
    let mut all = Vec::new();
    let mut add = |name: &'static str, bytes: Vec<u8>| all.push((name, bytes));

    let with_header = |header: &[u8; 8]| [&header[..], &signed[8..]].concat();
    add("header_of_a_module", with_header(b"\0asm\x01\0\0\0"));
    add(
        "header_of_another_version",
        with_header(b"\0asm\x0e\0\x01\0"),
    );
    add("header_of_another_layer", with_header(b"\0asm\x0d\0\x02\0"));
    add(
        "section_appended",
        [&signed[..], &custom("more", b"")].concat(),
    );
    add("bytes_appended", [&signed[..], b"\0"].concat());
    add("byte_changed", {
        let mut changed = signed.clone();
        let last = changed.len() - 40;
        changed[last] ^= 1;
        changed
    });
    add(
        "signature_of_another_program",
        component(&[&first[..], &other_program()].concat()),
    );
    add("cut_between_sections", signed[..cut_after].to_vec());
    add("cut_in_a_section", signed[..signed.len() - 1].to_vec());
    add("cut_in_the_signature", signed[..60].to_vec());
    add("manifest_appended", [&signed[..], &manifest].concat());
    add("signed_with_two_manifests", {
        signed_by(&alice, &[&content[..], &manifest].concat())
    });
    add("signed_with_a_manifest_inside_only", {
        let inner = section(4, &component(&manifest));
        signed_by(&alice, &[inner, custom("code", b"")].concat())
    });
    add(
        "signed_without_a_manifest",
        signed_by(&alice, &custom("code", b"")),
    );
    add("signed_without_a_sequence", {
        let json = br#"{"app":{"name":"leaderboard","author":"alice@example.org"}}"#;
        signed_by(&alice, &custom("syft:manifest", json))
    });
    add("signed_by_an_author_without_email", {
        let json = MANIFEST.replace("alice@example.org", "Alice");
        signed_by(&alice, &custom("syft:manifest", json.as_bytes()))
    });
    add("signed_with_an_import_of_no_app", {
        // A type and an instance of it, as `wasi:nn/tensor` would be imported.
        let types = section(7, b"\x01\x42\0");
        let import = [&b"\x01\0"[..], &counted(b"wasi:nn/tensor@0.2.6"), b"\x05\0"].concat();
        signed_by(
            &alice,
            &[types, section(10, &import), content.clone()].concat(),
        )
    });
    add("second_signature_before", {
        let others = [&first[..], &content].concat();
        signed_by(&bob, &others)
    });
    add("second_signature_behind", {
        signed_by(&alice, &[&content[..], &bob.section(&content)].concat())
    });
    add("signature_not_first", {
        component(&[&custom("before", b"")[..], &first, &content].concat())
    });
    add("delimiter_at_the_end", {
        signed_by(&alice, &[&content[..], &delimiter].concat())
    });
    add("delimiter_and_cut_after_it", {
        // As tools sign it that allow more to come: both hashes are signed.
        let start = [custom("code", b"of leaderboard"), delimiter.clone()].concat();
        let hashes = [sha256(&start), sha256(&[&start[..], &manifest].concat())];
        let entries = [entry(&alice.public(), &alice.sign(&hashes))];
        with_signatures(&signatures(&hashes, &entries), &start)
    });
    add("several_hashes", {
        let hashes = [hash, sha256(b"")];
        let entries = [entry(&alice.public(), &alice.sign(&hashes))];
        with_signatures(&signatures(&hashes, &entries), &content)
    });
    add("several_sets_of_hashes", {
        let sets = set(&[hash], std::slice::from_ref(&own)).repeat(2);
        with_signatures(&[&b"\x01\x01\x01\x02"[..], &sets].concat(), &content)
    });
    add(
        "no_hash",
        with_signatures(&signatures(&[], std::slice::from_ref(&own)), &content),
    );
    add(
        "no_signature",
        with_signatures(&signatures(&[hash], &[]), &content),
    );
    add("empty_signature_section", with_signatures(b"", &content));
    add(
        "trailing_bytes",
        with_signatures(&[&good[..], b"\0"].concat(), &content),
    );
    add("trailing_bytes_within", {
        let longer = counted(&[&own[1..], b"\0"].concat());
        with_signatures(&signatures(&[hash], &[longer]), &content)
    });
    add("long_form_of_a_length", {
        let mut long = good.clone();
        long.splice(3..4, *b"\x81\0");
        with_signatures(&long, &content)
    });
    add("long_form_of_the_section_length", {
        let body = [counted(b"signature"), good.clone()].concat();
        let length = [
            body.len() as u8 & 0x7f | 0x80,
            (body.len() >> 7) as u8 | 0x80,
            0,
        ];
        component(&[&b"\0"[..], &length, &body, &content].concat())
    });
    add("long_form_of_the_name", {
        let body = [&b"\x89\0signature"[..], &good].concat();
        component(&[section(0, &body), content.clone()].concat())
    });
    add(
        "other_version",
        with_signatures(&[b"\x02", &good[1..]].concat(), &content),
    );
    add("other_hash_function", {
        with_signatures(&[b"\x01\x01\x02", &good[3..]].concat(), &content)
    });
    add("other_algorithm", {
        let rsa = counted(&[&counted(b"")[..], b"\x02", &counted(&signature)].concat());
        with_signatures(&signatures(&[hash], &[rsa]), &content)
    });
    add("too_many_signatures", {
        with_signatures(
            &signatures(&[hash], &vec![entry(b"", &signature); 33]),
            &content,
        )
    });
    add(
        "huge_signature_section",
        with_signatures(&vec![1; 8 << 10], &content),
    );
    add("signature_section_longer_than_the_file", {
        component(&[&b"\0\xff\xff\xff\xff\x0f"[..], &first[3..], &content].concat())
    });
    add("section_longer_than_the_file", {
        signed_by(&alice, &[&content[..], b"\0\xff\xff\xff\xff\x0f"].concat())
    });
    add("length_longer_than_the_section", {
        with_signatures(b"\x01\x01\x01\x01\xff\xff\x7f", &content)
    });
    add("in_the_name_of_another", named(&bob.public(), &signature));
    add("in_the_name_of_no_key", named(&[0xee; 32], &signature));
    add(
        "in_the_name_of_a_key_of_small_order",
        named(&NEUTRAL, &OF_NEUTRAL),
    );
    add("with_a_nonce_of_small_order", {
        assert!(alice.is_taken_by_a_lax_check(&hash, &with_small_nonce()));
        named(&alice.public(), &with_small_nonce())
    });
    add("malleable", named(&alice.public(), &malleable(signature)));
    add("one_signer_twice", {
        with_signatures(&signatures(&[hash], &[own.clone(), own.clone()]), &content)
    });
    add("good_one_beside_a_false_one", {
        let false_one = entry(&bob.public(), &signature);
        with_signatures(&signatures(&[hash], &[own.clone(), false_one]), &content)
    });
    add("of_an_unknown_key", {
        with_signatures(&signatures(&[hash], &[entry(b"k", &signature)]), &content)
    });
    add(
        "native_code",
        [&b"\x7fELF\x02\x01\x01\0"[..], &signed[8..]].concat(),
    );
    add("core_module", b"\0asm\x01\0\0\0".to_vec());
    add("empty_file", Vec::new());
    add("text", b"(component)".to_vec());
    all
}

/// Returns what the user sees, without where it is.
fn shown(site: &Site, ended: &Ended) -> String {
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(2), ""),
        "{}",
        ended.stderr
    );
    let folder = format!("{}/", site.path().display());
    let shown = ended.stderr.replace(&folder, "");
    let is_text = |c: char| c == '\n' || !c.is_control();
    assert!(shown.chars().all(is_text), "{shown:?}");
    shown
}

#[test]
fn what_they_are_made_of_is_good_by_itself() {
    let site = Site::new();
    let app = write(&site, "app.wasm", signed());
    let line = Signer::alice().line();
    run(&site, &["verify", &app, "--key", &line]).succeeded();
    // And so is each way to sign something that the attacks differ from in one thing.
    let alice = Signer::alice();
    let app = write(
        &site,
        "app.wasm",
        named(&alice.public(), &alice.sign(&[sha256(&content())])),
    );
    run(&site, &["verify", &app]).succeeded();
}

#[test]
fn each_is_refused_with_its_reason() {
    let site = Site::new();
    let jwks = Signer::alice().jwks(&site);
    let line = Signer::alice().line();
    for (name, bytes) in attacks() {
        let app = write(&site, "app.wasm", &bytes);
        let verified = run(&site, &["verify", &app]);
        blessed(&case(&format!("{name}.err")), &shown(&site, &verified));
        // A key does not make it better, but for one that says whose a signature is.
        if name != "of_an_unknown_key" {
            let with_key = run(&site, &["verify", &app, "--key", &line, "--json"]);
            shown(&site, &with_key);
            let again = run(&site, &["sign", &app, "--key", &jwks]);
            shown(&site, &again);
        }
        let inspected = run(&site, &["inspect", &app]);
        assert!(!inspected.stdout.contains("Signed by    SHA256"), "{name}");
        assert_eq!(
            fs::read(&app).unwrap(),
            bytes,
            "{name}: it is left as it is"
        );
    }
}

/// The list of signatures is not signed itself, so one without a name may change in it; it
/// says nothing.
#[test]
fn no_flipped_bit_makes_another_app_of_it() {
    let signed = signed();
    let alice = PublicKey::read(Signer::alice().line().as_bytes()).unwrap();
    for at in 0..signed.len() * 8 {
        let mut changed = signed.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let package = Package::read(&changed);
        if let Ok(verified) = package.and_then(|package| package.verify(&[])) {
            assert_eq!(verified.signers(), [alice], "{at}");
            assert_eq!(verified.without_signatures(), component(&content()), "{at}");
        }
    }
    for end in 0..signed.len() {
        let package = Package::read(&signed[..end]);
        let verified = package.and_then(|package| package.verify(&[]));
        assert!(verified.is_err(), "{end}");
    }
}

#[test]
fn keys_that_do_not_fit_are_refused_with_their_reason() {
    let site = Site::new();
    let app = write(&site, "app.wasm", signed());
    let unsigned = write(&site, "unsigned.wasm", component(&content()));
    let jwks = Signer::alice().jwks(&site);
    let did = Signer::bob().did();
    let did = write(&site, "did.json", did);
    let (alice, bob) = (Signer::alice().line(), Signer::bob().line());
    let neutral = public_line(&NEUTRAL);
    // The neutral element once more, its number written larger by the field's order.
    let mut second = [0xff; 32];
    (second[0], second[31]) = (0xee, 0x7f);
    let second = public_line(&second);
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCxlG3QyW+jUifoln0dEKh3mDRIhq0qPtTo6Ax6SrA4iLOD76VqPdy5KnbLBuVkahsRRi3ZbJ9G2UpH8uIEy7opyNvZ8X6babTZqNaN36jR/k5YUzU/IJeV2z/tQEnt0EWYiEOeCT8iIe5SpNsbou6YSteOgCAaYwuqK65FcfkjAw==";
    for (name, arguments) in [
        ("key_unsigned", &["verify", &*unsigned][..]),
        ("key_of_another", &["verify", &app, "--key", &bob]),
        (
            "key_of_another_beside",
            &["verify", &app, "--key", &alice, "--key", &bob],
        ),
        ("key_of_another_did", &["verify", &app, "--key", &did]),
        ("key_of_small_order", &["verify", &app, "--key", &neutral]),
        (
            "key_in_a_second_spelling",
            &["verify", &app, "--key", &second],
        ),
        ("key_of_another_kind", &["verify", &app, "--key", rsa]),
        ("key_that_is_secret", &["verify", &app, "--key", &jwks]),
        ("key_that_is_an_app", &["verify", &app, "--key", &app]),
        ("key_absent", &["verify", &app, "--key", "absent.pub"]),
        ("app_absent", &["verify", "absent.wasm"]),
        ("sign_with_a_public_key", &["sign", &app, "--key", &did]),
        ("sign_with_an_app", &["sign", &app, "--key", &app]),
        (
            "sign_with_an_absent_key",
            &["sign", &app, "--key", "absent"],
        ),
    ] {
        let ended = run(&site, arguments);
        blessed(&case(&format!("{name}.err")), &shown(&site, &ended));
    }
}

#[test]
fn what_says_too_little_is_not_signed() {
    let site = Site::new();
    let jwks = Signer::alice().jwks(&site);
    let of_manifest = |json: &str| component(&custom("syft:manifest", json.as_bytes()));
    for (name, bytes) in [
        ("sign_without_manifest", HEADER.to_vec()),
        ("sign_without_anything_said", of_manifest("{}")),
        (
            "sign_without_sequence",
            of_manifest(&MANIFEST.replace(r#""sequence":17,"#, "")),
        ),
        (
            "sign_with_author_without_email",
            of_manifest(&MANIFEST.replace("alice@example.org", "Alice")),
        ),
        ("sign_with_unknown_import", {
            let types = section(7, b"\x01\x42\0");
            let import = [&b"\x01\0"[..], &counted(b"wasi:nn/tensor@0.2.6"), b"\x05\0"].concat();
            component(&[types, section(10, &import), content()].concat())
        }),
        ("sign_over_broken_signature", {
            [signed(), custom("more", b"")].concat()
        }),
        ("sign_with_delimiter", {
            component(&[content(), custom("signature_delimiter", &[7; 16])].concat())
        }),
    ] {
        let app = write(&site, "app.wasm", &bytes);
        let ended = run(&site, &["sign", &app, "--key", &jwks]);
        blessed(&case(&format!("{name}.err")), &shown(&site, &ended));
        assert_eq!(
            fs::read(&app).unwrap(),
            bytes,
            "{name}: it is left as it is"
        );
    }
}

#[test]
fn no_case_is_forgotten() {
    let sources = include_str!("attacks.rs");
    let entries = fs::read_dir(case("")).unwrap();
    let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!names.is_empty());
    for path in names {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            sources.contains(&format!("\"{stem}\"")),
            "{}",
            path.display()
        );
    }
}
