#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt;

use super::*;

fn options(listen: &str) -> ServerOptions {
    ServerOptions {
        listen: listen.parse().unwrap(),
        tls: None,
        store: "/var/lib/nats".into(),
        monitor: None,
    }
}

fn name(text: &str) -> WorkerName {
    WorkerName::parse(text).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

#[test]
fn each_worker_has_an_account_that_imports_its_own_subject_alone() {
    let folder = folder();
    let accounts = Accounts::set_up(folder.path(), options("127.0.0.1:4222")).unwrap();
    let mut seeds = vec![read_key(&owner_key_file(folder.path())).ok().unwrap().seed];
    for worker in ["a", "b"] {
        let path = Accounts::add(folder.path(), &name(worker)).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let key = read_key(&path).unwrap();
        let opened = Accounts::open(folder.path()).unwrap();
        assert_eq!(opened.workers()[worker], key.public());
        assert_eq!(key.worker, Some(name(worker)));
        seeds.push(key.seed);
    }
    let config = fs::read_to_string(accounts.config_file()).unwrap();
    let count = |text: &str| config.matches(text).count();
    assert_eq!(
        count("service: \"syft.host.a\", accounts: [\"WORKER_a\"]"),
        1,
        "{config}"
    );
    assert_eq!(count("subject: \"syft.host.a\""), 1);
    assert_eq!(
        count("publish: \"syft.host.b\", subscribe: \"_INBOX.>\""),
        1
    );
    assert_eq!(count("jetstream: enabled"), 1, "the owner's");
    let says = |seed: &Zeroizing<String>| config.contains(seed.as_str());
    assert!(!seeds.iter().any(says), "secrets are in no configuration");
}

#[test]
fn a_removed_worker_is_in_no_file_any_more() {
    let folder = folder();
    let accounts = Accounts::set_up(folder.path(), options("[::1]:4222")).unwrap();
    let key = Accounts::add(folder.path(), &name("a")).unwrap();
    let taken = Accounts::add(folder.path(), &name("a"));
    assert!(matches!(taken, Err(AccountsError::Taken(_))));
    Accounts::remove(folder.path(), &name("a")).unwrap();
    assert!(!key.exists());
    let config = fs::read_to_string(accounts.config_file()).unwrap();
    assert!(!config.contains("syft.host.a"), "{config}");
    let again = Accounts::remove(folder.path(), &name("a"));
    assert!(matches!(again, Err(AccountsError::Unknown(_))));
}

#[test]
fn off_loopback_there_is_tls_or_nothing() {
    let folder = folder();
    let open = Accounts::set_up(folder.path(), options("0.0.0.0:4222"));
    assert!(matches!(open, Err(AccountsError::NotEncrypted(_))));
    let encrypted = ServerOptions {
        tls: Some(("/cert.pem".into(), "/key.pem".into())),
        ..options("0.0.0.0:4222")
    };
    let accounts = Accounts::set_up(folder.path(), encrypted).unwrap();
    let config = fs::read_to_string(accounts.config_file()).unwrap();
    assert!(config.contains("tls { cert_file: \"/cert.pem\", key_file: \"/key.pem\" }"));
    let twice = Accounts::set_up(folder.path(), options("127.0.0.1:4222"));
    assert!(matches!(twice, Err(AccountsError::SetUp(_))));
}

#[test]
fn what_would_end_a_text_is_no_path() {
    for store in ["/a\"b", "/a\\b", "/a\nb"] {
        let folder = folder();
        let options = ServerOptions {
            store: store.into(),
            ..options("127.0.0.1:4222")
        };
        let set_up = Accounts::set_up(folder.path(), options);
        assert!(matches!(set_up, Err(AccountsError::Path(_))), "{store:?}");
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let folder = folder();
    Accounts::set_up(folder.path(), options("127.0.0.1:4222")).unwrap();
    let key = owner_key_file(folder.path());
    assert!(read_key(&key).is_ok());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = read_key(&key).err().unwrap().to_string();
    assert!(error.contains("others can read it"), "{error}");
    fs::write(&key, "no key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        read_key(&key),
        Err(AccountsError::Malformed { .. })
    ));
    assert!(matches!(
        read_key(&folder.path().join("none")),
        Err(AccountsError::File(..))
    ));
}
