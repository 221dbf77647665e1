//! What a registry keeps of an app: the component is the one layer of a manifest, beside a
//! small config. It is the form in which other tools for components write it, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use syft_manifest::component::surface;
use syft_manifest::sanitize::plain_excerpt;

use super::digest::OciDigest;
use super::error::OciError;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// The annotation that says what something is called.
const TITLE: &str = "org.opencontainers.image.title";

/// Readers want a time. A fixed one lets the same component have the same manifest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A manifest, of which only what we need is read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    schema_version: u32,
    media_type: Option<String>,
    config: BlobDescriptor,
    layers: Vec<BlobDescriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

/// A piece of an app: its name, its size, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobDescriptor {
    media_type: String,
    /// What it is called.
    pub digest: OciDigest,
    /// How many bytes it has.
    pub size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

impl BlobDescriptor {
    fn of(bytes: &[u8], media_type: &str) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: OciDigest::of(bytes),
            size: bytes.len() as u64,
            annotations: None,
        }
    }
}

impl ImageManifest {
    /// Reads a manifest, and checks that it is one of a component and of nothing else.
    ///
    /// # Errors
    /// It is not.
    pub fn read(bytes: &[u8]) -> Result<Self, OciError> {
        let no_app = |why: String| Err(OciError::NoApp(plain_excerpt(&why, 200)));
        let manifest: Self = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(error) => return no_app(format!("its manifest cannot be read: {error}")),
        };
        if manifest.schema_version != 2 {
            return no_app(format!("schema version {}", manifest.schema_version));
        }
        if let Some(other) = manifest
            .media_type
            .as_deref()
            .filter(|other| *other != MANIFEST)
        {
            return no_app(format!("its manifest is of the type {other}"));
        }
        if manifest.config.media_type != CONFIG {
            return no_app(format!(
                "its config is of the type {}",
                manifest.config.media_type
            ));
        }
        match manifest.layers.as_slice() {
            [only] if only.media_type == LAYER => Ok(manifest),
            [other] => no_app(format!("its layer is of the type {}", other.media_type)),
            layers => no_app(format!("it has {} layers, not one", layers.len())),
        }
    }

    /// Returns the piece that is the component.
    pub fn component(&self) -> &BlobDescriptor {
        &self.layers[0]
    }

    pub(super) fn into_annotations(self) -> BTreeMap<String, String> {
        self.annotations.unwrap_or_default()
    }
}

/// An app as it is pushed: the bytes of its config and of its manifest.
pub(super) struct Artifact {
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

impl Artifact {
    /// Describes a component. The same one with the same annotations gives the same bytes.
    pub(super) fn of(
        component: &[u8],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, OciError> {
        let surface = surface(component)?;
        let mut layer = BlobDescriptor::of(component, LAYER);
        let config = json!({
            "created": CREATED,
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": {"exports": surface.exports, "imports": surface.imports},
        });
        let config = config.to_string().into_bytes();
        // Tools that write layers into files name them so.
        let title = annotations.get(TITLE);
        let title = title.map(|title| format!("{}.wasm", title.replace('/', "+")));
        layer.annotations = title.map(|title| BTreeMap::from([(TITLE.to_owned(), title)]));
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            config: BlobDescriptor::of(&config, CONFIG),
            layers: vec![layer],
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
        };
        let manifest =
            serde_json::to_vec(&manifest).map_err(|error| OciError::NoApp(error.to_string()))?;
        Ok(Self { config, manifest })
    }
}
