//! Bindings of the world `syft:app/app`, generated from `wit/`, and of the export
//! `watch`, which an app may lack.
#![allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "app",
    imports: { default: trappable },
    exports: { default: async },
    with: {
        "wasi:keyvalue/store.bucket": crate::capability::state::Bucket,
        "wasi:keyvalue/atomics.cas": crate::capability::state::Cas,
    },
});

pub(crate) mod watching {
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
        with: { "syft:app/types@0.1.0": super::syft::app::types },
    });
}
