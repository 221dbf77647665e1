//! Where apps ask to send requests.

use std::net::IpAddr;

use syft_manifest::{HttpHost, HttpOrigin, IpScope};

use crate::assert_is_short_line;

/// An origin of a manifest, or of a request that a guest sends.
pub fn origins(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let origin = match HttpOrigin::parse(&text) {
        Ok(origin) => origin,
        Err(error) => return assert_is_short_line(&error.to_string(), 200),
    };
    let shown = origin.to_string();
    assert_eq!(HttpOrigin::parse(&shown).as_ref(), Ok(&origin), "{text:?}");
    assert!(shown.ends_with(&origin.authority()) && origin.covers(&origin));
    match origin.host() {
        HttpHost::Address(address) => {
            let mapped = match address {
                IpAddr::V4(address) => IpScope::of(address.to_ipv6_mapped().into()),
                IpAddr::V6(address) => IpScope::of((*address).into()),
            };
            assert_eq!(IpScope::of(*address), mapped, "{text:?}");
        }
        HttpHost::Name(name) | HttpHost::Below(name) => {
            // No library takes it for an address.
            assert!(name.parse::<IpAddr>().is_err(), "{text:?}");
            let below = format!("{}://x.{name}:{}", scheme(&origin), origin.port());
            let below = HttpOrigin::parse(&below);
            let is_below = matches!(origin.host(), HttpHost::Below(_));
            let covers = below.is_ok_and(|below| origin.covers(&below));
            assert!(is_below || !covers, "{text:?}");
        }
    }
}

fn scheme(origin: &HttpOrigin) -> &'static str {
    if origin.is_encrypted() {
        "https"
    } else {
        "http"
    }
}
