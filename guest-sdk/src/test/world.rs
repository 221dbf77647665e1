//! What stands for the host in native tests.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, io, process};

use log::Level;

use crate::http::stand_in::{self, Answerer};
use crate::messages::stand_in::{self as mail, Mail};

/// The state of an app by its keys.
pub(crate) type Values = BTreeMap<String, Vec<u8>>;

thread_local! {
    /// The worlds of the calls that are going on, the innermost last.
    static ENTERED: RefCell<Vec<Rc<World>>> = const { RefCell::new(Vec::new()) };
}

/// What one app of a test sees of the host.
pub(crate) struct World {
    pub(crate) datasite: String,
    pub(crate) app: String,
    pub(crate) time_left: Duration,
    pub(crate) values: RefCell<Values>,
    pub(crate) lines: RefCell<Vec<(Level, String)>>,
    pub(crate) http: Option<Answerer>,
    pub(crate) mail: Rc<Mail>,
    folder: OnceCell<Folder>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            datasite: "owner@example.com".to_owned(),
            app: "app".to_owned(),
            time_left: Duration::from_secs(60),
            values: RefCell::new(Values::new()),
            lines: RefCell::new(Vec::new()),
            http: None,
            mail: Rc::default(),
            folder: OnceCell::new(),
        }
    }

    /// Returns the folder of all datasites.
    pub(crate) fn root(&self) -> &Path {
        let folder = self.folder.get_or_init(|| {
            Folder::create().expect("a test needs a folder below the one for temporary files")
        });
        &folder.0
    }
}

/// Returns the world of the call that is going on.
pub(crate) fn current() -> Option<Rc<World>> {
    ENTERED.with_borrow(|entered| entered.last().cloned())
}

/// Makes a world the current one, until what it returns is dropped.
pub(crate) fn enter(world: &Rc<World>) -> Entered {
    ENTERED.with_borrow_mut(|entered| entered.push(Rc::clone(world)));
    stand_in::enter(world.http.clone());
    mail::enter(&world.mail);
    Entered(())
}

/// A world is the current one.
pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.with_borrow_mut(Vec::pop);
        stand_in::leave();
        mail::leave();
    }
}

/// A folder that is deleted with its content when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        static N_FOLDERS: AtomicU32 = AtomicU32::new(0);
        loop {
            let n = N_FOLDERS.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("syft-guest-{}-{n}", process::id()));
            // What somebody else has put there is not taken.
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self(path.canonicalize()?)),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test has ended; what is left lies among temporary files.
        fs::remove_dir_all(&self.0).ok();
    }
}
