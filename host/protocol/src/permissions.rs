//! The permission files that make an app's `rpc/` folder and an author's apps reachable.

/// The name of a permission file, in whichever folder it stands.
pub const PERMISSION_FILE: &str = "syft.pub.yaml";

/// The rules for an app's `rpc/` folder, as the released SyftEvent writes them
/// to the byte: all may read the schema, and each user may read and write the
/// messages in the folders of their name.
pub const DEFAULT_RPC_RULES: &str = "
rules:
- pattern: rpc.schema.json
  access:
    read:
    - '*'
- pattern: '**/{{.UserEmail}}/*.request'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
- pattern: '**/{{.UserEmail}}/*.response'
  access:
    read:
    - 'USER'
    write:
    - 'USER'
";

/// The rules for the folder in which an author publishes apps: all may read.
pub const DEFAULT_APPS_RULES: &str = "\
rules:
- pattern: '**'
  access:
    read:
    - '*'
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_rules_are_those_of_the_release() {
        assert_eq!(DEFAULT_RPC_RULES.len(), 262);
        assert!(DEFAULT_RPC_RULES.starts_with("\nrules:\n"));
        assert!(DEFAULT_RPC_RULES.ends_with("    - 'USER'\n"));
    }
}
