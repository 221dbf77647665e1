//! Which packages wheels are made of, and how.

/// The Python that runs in components, and the only machine that it runs on.
const NATIVE_TAG: &str = "cp314-cp314-wasi_0_0_0_wasm32";

const PURE_TAG: &str = "py3-none-any";

/// How the name of a native module ends.
const SUFFIX: &str = ".cpython-314-wasm32-wasi.so";

/// How a wheel is made of the source archive of a package.
#[derive(Debug)]
pub(super) struct WheelRecipe {
    /// The name of the package on the index.
    pub(super) name: &'static str,
    /// Its name in the names of files.
    pub(super) distribution: &'static str,
    pub(super) version: &'static str,
    /// The hash of its source archive.
    pub(super) sha256: &'static str,
    /// Where its Python code is in the archive.
    pub(super) root: &'static str,
    /// Its packages there.
    pub(super) packages: &'static [&'static str],
    /// The native module. A package without one works by its Python code alone.
    pub(super) native: Option<NativeModule>,
}

/// A module in Rust.
#[derive(Debug)]
pub(super) struct NativeModule {
    /// The manifest of its crate in the archive.
    pub(super) manifest: &'static str,
    /// The name of the crate's library.
    pub(super) library: &'static str,
    /// The module, as a path without its ending.
    module: &'static str,
    /// The package around it, where the archive has none.
    pub(super) package: Option<GeneratedPackage>,
}

/// The file of a package that hands on what is in its module.
#[derive(Debug)]
pub(super) struct GeneratedPackage {
    pub(super) file: &'static str,
    pub(super) text: &'static str,
}

pub(super) const RECIPES: &[WheelRecipe] = &[
    WheelRecipe {
        name: "pydantic-core",
        distribution: "pydantic_core",
        version: "2.50.5",
        sha256: "1e740886083ff95530d694e6a3f09ed914bcf92a496d16acd307c6c3484fc36d",
        root: "python",
        packages: &["pydantic_core"],
        native: Some(NativeModule {
            manifest: "Cargo.toml",
            library: "_pydantic_core",
            module: "pydantic_core/_pydantic_core",
            package: None,
        }),
    },
    WheelRecipe {
        name: "jiter",
        distribution: "jiter",
        version: "0.19.0",
        sha256: "ba3064f8be276d7cfb83c2fb85c858be533da2c2f80f9b048c3781b45a57a195",
        root: ".",
        packages: &[],
        native: Some(NativeModule {
            manifest: "crates/jiter-python/Cargo.toml",
            library: "jiter_python",
            module: "jiter/jiter",
            package: Some(GeneratedPackage {
                file: "jiter/__init__.py",
                text: "from .jiter import *\nfrom .jiter import __version__\n",
            }),
        }),
    },
    WheelRecipe {
        name: "rpds-py",
        distribution: "rpds_py",
        version: "2026.9.1",
        sha256: "4793ef7f78268b124b73fa933440f01d258bbae01de9fa53e9080c9ab0425a12",
        root: ".",
        packages: &[],
        native: Some(NativeModule {
            manifest: "Cargo.toml",
            library: "rpds",
            module: "rpds/rpds",
            package: Some(GeneratedPackage {
                file: "rpds/__init__.py",
                text: "from .rpds import *\n",
            }),
        }),
    },
    WheelRecipe {
        name: "markupsafe",
        distribution: "markupsafe",
        version: "3.0.4",
        sha256: "2e9ad7dd851bf45fab9f75cbff4cb493fee9979e8d8c7c9c3ee119022518edd6",
        root: "src",
        packages: &["markupsafe"],
        native: None,
    },
    WheelRecipe {
        name: "pyyaml",
        distribution: "pyyaml",
        version: "6.0.4",
        sha256: "e24bf71af8a432d7808fabff134d38dfe16d3cbb41f2873bb4b1e42422de0a1a",
        root: "lib",
        packages: &["yaml", "_yaml"],
        native: None,
    },
];

impl WheelRecipe {
    /// Returns the name of the wheel's file.
    pub(super) fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", self.distribution, self.version, self.tag())
    }

    pub(super) fn tag(&self) -> &'static str {
        match self.native {
            Some(_) => NATIVE_TAG,
            None => PURE_TAG,
        }
    }

    /// Returns the name of the folder that its source archive holds.
    pub(super) fn source(&self) -> String {
        format!("{}-{}", self.distribution, self.version)
    }
}

impl NativeModule {
    /// Returns the place of the compiled module in the wheel.
    pub(super) fn place(&self) -> String {
        format!("{}{SUFFIX}", self.module)
    }
}
