//! Bindings of the world `syft:app/app`, generated from `wit/`.
#![allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "app",
    imports: { default: trappable },
    exports: { default: async },
    with: {
        "wasi:keyvalue/store.bucket": crate::capability::state::Bucket,
        "wasi:keyvalue/atomics.cas": crate::capability::state::Cas,
    },
});
