//! The bindings of `syft:app`, generated from `wit/`: what apps export, and the imports
//! that hold no resources. Those that do have theirs beside their implementation.

pub use app::exports::syft::app::rpc;
pub use app::syft::app::{context, log, types};
pub use watching::exports::syft::app::watch;

#[allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]
mod app {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package syft:host;

            world app {
                import syft:app/context@0.1.0;
                import syft:app/log@0.1.0;
                export syft:app/rpc@0.1.0;
            }
        ",
        world: "syft:host/app",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// An app may lack the export `watch`.
#[allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]
mod watching {
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package syft:watching;

            world watching {
                export syft:app/watch@0.1.0;
            }
        ",
        world: "syft:watching/watching",
        exports: { default: async },
        with: { "syft:app/types@0.1.0": super::app::syft::app::types },
    });
}
