//! What survives a failure of the power.

/// What is forced to the disk. Whatever of it is chosen, a host that is killed loses
/// nothing: what was written is with the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing. A failure of the power or of the operating system may lose the last
    /// calls, or ruin the state.
    None,
    /// The state, before the answers of its calls are seen. Calls that end together
    /// share the wait for the disk.
    #[default]
    Batched,
    /// The state, and each answer.
    Strict,
}
