//! Puts the components of apps into the object store, where workers fetch them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream;
use async_nats::jetstream::object_store::{Config, ObjectMetadata, ObjectStore};
use async_nats::jetstream::stream::StorageType;
use serde_bytes::ByteBuf;
use serde_json::json;
use syft_manifest::Digest;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::AppOffer;
use super::desk::Event;
use crate::frame::PART_BYTES;
use crate::names::BUCKET;

/// How long to wait before what failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is to lie in the store.
#[derive(Debug)]
pub(super) enum Wanted {
    /// The component of an app, in the place of an earlier one.
    App(AppOffer),
    /// None any more.
    NoApp(String),
    /// The server may have begun anew.
    Renew,
}

struct Components {
    context: jetstream::Context,
    store: Option<ObjectStore>,
    wanted: BTreeMap<String, AppOffer>,
    /// What lies there, with the names of its pieces.
    stored: BTreeMap<Digest, String>,
    /// The apps of which the desk does not know that their components are there.
    untold: BTreeSet<String>,
    /// Nothing has happened to the server since this was looked at.
    is_sure: bool,
    desk: mpsc::UnboundedSender<Event>,
}

/// Keeps the store as it is told to. What fails is tried again.
pub(super) async fn keep(
    client: async_nats::Client,
    desk: mpsc::UnboundedSender<Event>,
    mut changes: mpsc::UnboundedReceiver<Wanted>,
) {
    let mut components = Components {
        context: jetstream::new(client),
        store: None,
        wanted: BTreeMap::new(),
        stored: BTreeMap::new(),
        untold: BTreeSet::new(),
        is_sure: false,
        desk,
    };
    let mut again = None::<Instant>;
    loop {
        let due = async {
            match again {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            change = changes.recv() => match change {
                Some(change) => components.take(change),
                None => return,
            },
            () = due => {}
        }
        let result = components.store().await;
        if let Err(error) = &result
            && again.is_none()
        {
            tracing::warn!("components are not at the NATS server, so workers wait: {error:#}");
        }
        again = result.is_err().then(|| Instant::now() + AGAIN_AFTER);
    }
}

impl Components {
    fn take(&mut self, change: Wanted) {
        match change {
            Wanted::App(app) => {
                self.untold.insert(app.name.clone());
                self.wanted.insert(app.name.clone(), app);
            }
            Wanted::NoApp(name) => {
                self.wanted.remove(&name);
            }
            Wanted::Renew => self.is_sure = false,
        }
    }

    async fn store(&mut self) -> anyhow::Result<()> {
        if !self.is_sure {
            self.look().await?;
            self.is_sure = true;
        }
        let store = self.store.as_ref().context("there is a store")?;
        let wanted: BTreeSet<&Digest> = self.wanted.values().map(|app| &app.component).collect();
        let unwanted: Vec<Digest> = self.stored.keys().cloned().collect();
        for digest in unwanted.iter().filter(|digest| !wanted.contains(digest)) {
            store.delete(digest.as_str()).await?;
            self.stored.remove(digest);
        }
        for app in self.wanted.values() {
            let is_told = !self.untold.contains(&app.name);
            let nuid = match self.stored.get(&app.component) {
                Some(_) if is_told => continue,
                Some(nuid) => nuid.clone(),
                None => {
                    let nuid = put(store, app).await;
                    nuid.with_context(|| format!("the component of {}", app.name))?
                }
            };
            self.stored.insert(app.component.clone(), nuid.clone());
            self.untold.remove(&app.name);
            // It ends after this.
            self.desk.send(Event::Stored(app.clone(), nuid)).ok();
        }
        Ok(())
    }

    /// Finds out what is still there of what was put there.
    async fn look(&mut self) -> anyhow::Result<()> {
        let Some(store) = &self.store else {
            self.store = Some(self.empty_store().await?);
            return Ok(());
        };
        if self.context.get_object_store(BUCKET).await.is_err() {
            self.stored.clear();
            self.store = Some(self.empty_store().await?);
            return Ok(());
        }
        let mut stored = BTreeMap::new();
        for (digest, nuid) in std::mem::take(&mut self.stored) {
            let info = store.info(digest.as_str()).await;
            if info.is_ok_and(|info| info.nuid == nuid) {
                stored.insert(digest, nuid);
            }
        }
        self.stored = stored;
        Ok(())
    }

    /// Begins with an empty store: what an earlier host left is not known here.
    async fn empty_store(&self) -> anyhow::Result<ObjectStore> {
        let config = || Config {
            bucket: BUCKET.to_owned(),
            description: Some("components of apps, for workers".to_owned()),
            storage: StorageType::File,
            ..Config::default()
        };
        if self.context.get_object_store(BUCKET).await.is_ok() {
            self.context.delete_object_store(BUCKET).await?;
        }
        Ok(self.context.create_object_store(config()).await?)
    }
}

/// Puts a component, and returns how its pieces are called there.
async fn put(store: &ObjectStore, app: &AppOffer) -> anyhow::Result<String> {
    let read = app.read.clone();
    let component = tokio::task::spawn_blocking(move || read()).await??;
    anyhow::ensure!(
        Digest::of(&component) == app.component,
        "it is not the component of which this is the digest"
    );
    let meta = ObjectMetadata {
        name: app.component.to_string(),
        chunk_size: Some(PART_BYTES),
        ..ObjectMetadata::default()
    };
    let info = store.put(meta, &mut component.as_slice()).await?;
    Ok(info.nuid)
}

/// Returns the piece that comes after one with a number.
pub(super) async fn piece(
    client: &async_nats::Client,
    pieces: &str,
    after: u64,
) -> anyhow::Result<Option<(u64, ByteBuf)>> {
    let wanted = json!({
        "seq": after.saturating_add(1),
        "next_by_subj": format!("$O.{BUCKET}.C.{pieces}"),
    });
    let subject = format!("$JS.API.DIRECT.GET.OBJ_{BUCKET}");
    let message = client.request(subject, wanted.to_string().into()).await?;
    let headers = message.headers.as_ref();
    let number = headers.and_then(|headers| headers.get("Nats-Sequence"));
    let number = number.and_then(|number| number.as_str().parse::<u64>().ok());
    Ok(number.map(|number| (number, ByteBuf::from(message.payload.to_vec()))))
}
