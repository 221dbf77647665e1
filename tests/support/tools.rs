//! Foreign tools, built where they are not there yet.

use std::path::PathBuf;
use std::process::Command;

use super::guests::repository;
use super::host::output_of_build;
use super::site::Site;

/// Returns a program of a crate of crates.io, of the version in `.ci/tools.txt`; or says why
/// it does not build.
pub fn install(name: &str, program: &str) -> Result<PathBuf, String> {
    let mut command = Command::new(repository().join(".ci/tools"));
    let built = output_of_build(command.arg(name));
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    Ok(repository().join("target/tools/bin").join(program))
}

/// Makes a certificate of 127.0.0.1 and its key, which nobody else has vouched for; nothing where
/// there is no openssl.
pub fn certificate(site: &Site) -> Option<(PathBuf, PathBuf)> {
    let [certificate, key] = ["certificate", "key"].map(|name| site.path().join(name));
    let mut openssl = Command::new("openssl");
    let curve = "ec_paramgen_curve:prime256v1";
    openssl
        .args(["req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"])
        .args(["-pkeyopt", curve, "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    let ended = openssl.output().ok()?;
    assert!(ended.status.success(), "{ended:?}");
    Some((certificate, key))
}
