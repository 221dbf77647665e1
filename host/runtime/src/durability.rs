//! What survives a power failure.

/// What is forced to the disk. A host that is killed loses nothing in any case, since the
/// operating system has what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing. A power failure or a crash of the operating system may lose the last calls,
    /// or damage the state.
    None,
    /// The state, before the answers of its calls are seen. Calls that end together
    /// share the wait for the disk.
    #[default]
    Batched,
    /// The state, and each answer.
    Strict,
}
