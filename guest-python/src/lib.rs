//! The Python packages that a program of SyftEvent is built with, as texts: who builds one
//! needs no repository.

/// Files: their names below one folder, and their texts.
pub type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal: $($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../", $folder, "/", $name))),)*]
    };
}

/// The packages that a program imports, and what runs it.
#[rustfmt::skip]
pub const PYTHON: Files = files!["python":
    "loguru/__init__.py",
    "syft_component.py",
    "syft_core/__init__.py",
    "syft_core/client_shim.py",
    "syft_core/config.py",
    "syft_core/constants.py",
    "syft_core/exceptions.py",
    "syft_core/types.py",
    "syft_core/url.py",
    "syft_core/workspace.py",
    "syft_event/__init__.py",
    "syft_event/cleanup.py",
    "syft_event/deps.py",
    "syft_event/router.py",
    "syft_event/schema.py",
    "syft_event/server2.py",
    "syft_event/types.py",
    "syft_guest/__init__.py",
    "syft_guest/access_rules.py",
    "syft_guest/alone.py",
    "syft_guest/analyse.py",
    "syft_guest/answers.py",
    "syft_guest/apart.py",
    "syft_guest/apps.py",
    "syft_guest/arguments.py",
    "syft_guest/asgi.py",
    "syft_guest/body.py",
    "syft_guest/calls.py",
    "syft_guest/cannot.py",
    "syft_guest/correspondence.py",
    "syft_guest/depth.py",
    "syft_guest/draws.py",
    "syft_guest/endpoint.py",
    "syft_guest/environment.py",
    "syft_guest/failure_report.py",
    "syft_guest/fields.py",
    "syft_guest/globs.py",
    "syft_guest/handlers.py",
    "syft_guest/host.py",
    "syft_guest/imports.py",
    "syft_guest/kept_files.py",
    "syft_guest/log.py",
    "syft_guest/loop.py",
    "syft_guest/messages.py",
    "syft_guest/model.py",
    "syft_guest/models.py",
    "syft_guest/memory.py",
    "syft_guest/origins.py",
    "syft_guest/packages.py",
    "syft_guest/program.py",
    "syft_guest/receivers.py",
    "syft_guest/rehearsal.py",
    "syft_guest/replies.py",
    "syft_guest/schedules.py",
    "syft_guest/schema.py",
    "syft_guest/sent.py",
    "syft_guest/start.py",
    "syft_guest/state.py",
    "syft_guest/testing.py",
    "syft_guest/values.py",
    "syft_guest/variables.py",
    "syft_guest/watches.py",
    "syft_guest/web/__init__.py",
    "syft_guest/web/clients.py",
    "syft_guest/web/exchange.py",
    "syft_guest/web/httpcore_auto.py",
    "syft_guest/web/servers.py",
    "syft_guest/web/sockets.py",
    "syft_guest/web/tls.py",
    "syft_guest/web/truststore_here.py",
    "syft_guest/web/wire.py",
    "syft_rpc/__init__.py",
    "syft_rpc/protocol.py",
    "syft_rpc/rpc.py",
    "syft_rpc/rpc_db.py",
    "syft_rpc/util.py",
    "typing_extensions.py",
    "uvicorn/__init__.py",
    "uvicorn/config.py",
    "uvicorn/logging.py",
    "watchdog/__init__.py",
    "watchdog/events.py",
];

/// The file of [`PYTHON`] that reads the text of a program without running any of it.
pub const ANALYSER: &str = "syft_guest/analyse.py";

/// The module of [`PYTHON`] that a component is made of.
pub const COMPONENT: &str = "syft_component";

/// The world that components are made for.
pub const WORLD: &str = "full-app";

/// The WIT of [`WORLD`].
#[rustfmt::skip]
pub const WIT: Files = files!["wit":
    "context.wit",
    "log.wit",
    "messages.wit",
    "replies.wit",
    "rpc.wit",
    "schedules.wit",
    "types.wit",
    "watch.wit",
    "world.wit",
    "deps/clocks.wit",
    "deps/filesystem.wit",
    "deps/http.wit",
    "deps/io.wit",
    "deps/keyvalue.wit",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns the names of all files of a folder.
    fn names(folder: &str, extension: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = walkdir::WalkDir::new(&folder).into_iter();
        let mut names: Vec<String> = files
            .map(|entry| entry.expect("readable").into_path())
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .map(|path| {
                let name = path.strip_prefix(&folder).expect("below");
                name.display().to_string()
            })
            .collect();
        names.sort();
        names
    }

    fn held(files: Files) -> Vec<String> {
        let mut names: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_forgotten() {
        assert_eq!(held(PYTHON), names("python", "py"));
        // Programs are for WASI 0.2: the interfaces with `async func` are for other guests.
        let mut wit = names("../wit", "wit");
        wit.retain(|name| !name.starts_with("async/"));
        assert_eq!(held(WIT), wit);
        assert_eq!(held(WIT), names("wit", "wit"));
    }

    #[test]
    fn what_has_a_name_is_there() {
        let component = format!("{COMPONENT}.py");
        for file in [ANALYSER, &component] {
            assert!(held(PYTHON).iter().any(|name| name == file), "{file}");
        }
        let world = format!("world {WORLD} {{");
        assert!(WIT.iter().any(|(_, text)| text.contains(&world)));
    }
}
