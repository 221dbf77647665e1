//! What the guest SDK reads of a request.

use syft_guest::Request;

/// The query of a URL.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = pairs(&text);
    assert!(pairs.len() <= text.split('&').count());
    let n_bytes: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    // A byte that is no text becomes a character of three.
    assert!(n_bytes <= 3 * text.len());
    let encoded: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    assert_eq!(self::pairs(&encoded.join("&")), pairs);
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let mut request = Request::new("/a");
    request.url = format!("{}?{query}", request.url);
    request.query_pairs()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
