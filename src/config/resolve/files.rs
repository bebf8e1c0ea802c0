//! Files that the configuration names. They are opened when it is checked, because "no such file" at two in the morning
//! is worth a line at noon.

use super::Resolver;
use crate::config::file::Body;
use crate::config::slot::Slot;
use crate::config::tree::NodeId;
use crate::config::{Absent, Reach};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest body of the operator's, certificate or key.
const LARGEST: u64 = 1024 * 1024;

impl Resolver<'_, '_> {
    /// The path of a file that must be readable.
    pub(super) fn readable(&self, slot: &Slot<String>) -> Option<PathBuf> {
        let (node, text) = slot.good()?;
        let path = self.path(text);
        self.note(&path);
        match self.open(&path) {
            Ok(_) => Some(path),
            Err(reason) => {
                self.unreadable(node, text, &reason);
                None
            }
        }
    }

    /// The text of a small file.
    pub(super) fn content(&self, node: NodeId, text: &str) -> Option<String> {
        let path = self.path(text);
        self.note(&path);
        let read = self.open(&path).and_then(|file| {
            let mut content = String::new();
            file.take(LARGEST + 1).read_to_string(&mut content).map_err(|error| error.to_string())?;
            if content.len() as u64 > LARGEST { Err(format!("it is larger than {LARGEST} bytes")) } else { Ok(content) }
        });
        match read {
            Ok(content) => Some(content),
            Err(reason) => {
                self.unreadable(node, text, &reason);
                None
            }
        }
    }

    /// A PEM file that holds a section of this kind. Its content never gets into a message.
    pub(super) fn pem(&self, slot: &Slot<String>, parent: NodeId, key: &str, section: &str) -> Option<PathBuf> {
        let (node, text) = self.required(slot, parent, key, &format!("write `{key}: <PEM file>`"))?;
        let Some(content) = self.content(node, text) else {
            // Away from its machine a listener is not opened, and the path is all that is wanted.
            return matches!(self.reach, Reach::Elsewhere(_)).then(|| self.path(text));
        };
        let has = content.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(section));
        if !has {
            let message = format!("this file holds no `-----BEGIN … {section}-----`: it is not a PEM {}", key);
            self.error(node, message, "certificate and key must be PEM files");
        }
        Some(self.path(text))
    }

    /// A body of the operator's, inline or from its file.
    pub(super) fn body(&self, slot: &Slot<Body>, kind: BodyKind) -> Option<Arc<str>> {
        let (node, body) = slot.good()?;
        let (node, content) = match body {
            Body::Inline(text) => {
                if kind == BodyKind::Html && !text.contains('<') {
                    let help = format!("for a file write `html: {{ file: {text} }}`");
                    self.error(node, "this inline page holds no HTML", &*help);
                }
                (node, text.clone())
            }
            Body::File(file) => {
                let (node, path) = self.required(&file.file, node, "file", "write `{ file: sorry.html }`")?;
                (node, self.content(node, path)?)
            }
        };
        if kind == BodyKind::Json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&content)
        {
            self.error(node, format!("this is not JSON: {error}"), "write it as in '{\"error\": \"refused\"}'");
        }
        Some(content.into())
    }

    fn open(&self, path: &Path) -> Result<File, String> {
        match self.reach {
            Reach::Offered(allowed) if !allowed(path) => Err(
                "what is offered over the network may name files beside the running configuration, and those that it \
                     names; `tollgate check` on the machine reads all"
                    .to_owned(),
            ),
            Reach::Here | Reach::Elsewhere(_) | Reach::Offered(_) => open(path),
        }
    }

    fn unreadable(&self, node: NodeId, text: &str, reason: &str) {
        if let Reach::Elsewhere(absent) = self.reach {
            let key = self.document.tree.path(node);
            return absent.borrow_mut().push(Absent { key, file: text.to_owned(), reason: reason.to_owned() });
        }
        let relative = Path::new(text).is_relative();
        let help = relative.then_some("relative paths are relative to the configuration file's directory");
        self.error(node, format!("`{text}` cannot be read: {reason}"), help);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Html,
    Json,
}

fn open(path: &Path) -> Result<File, String> {
    let kind = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    };
    // Asked before opening: opening a named pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(kind)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    File::open(path).map_err(kind)
}
