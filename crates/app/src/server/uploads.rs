//! An upload on its way to disk: streamed, counted, and gone without a trace unless it is kept.

use std::io;
use std::path::{Path, PathBuf};

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;
use baton_core::ids::ArtifactId;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::error::{Answer, Problem};

/// The longest text field, in bytes.
const LONGEST: usize = 1024;

/// What came with an upload.
#[derive(Debug, Default)]
pub struct Form {
    /// The step's id or key.
    pub step: Option<String>,
    /// The name to keep it under.
    pub name: Option<String>,
    /// What it is.
    pub file_type: Option<String>,
    /// The file.
    pub file: Option<Draft>,
}

/// A file that is not kept yet: deleted when dropped.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    /// The client's name for it.
    pub file_name: Option<String>,
    /// Its size in bytes.
    pub bytes: u64,
    /// The hash of its content, in hex.
    pub hash: String,
    kept: bool,
}

impl Draft {
    /// Where it is now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A copy of a file that is on this machine, in this directory until it is kept. Blocks.
    ///
    /// # Errors
    /// It cannot be read, is no file, or is larger than `most` bytes.
    pub fn copy_of(source: &Path, directory: &Path, most: u64) -> Answer<Self> {
        let unreadable =
            |error: io::Error| Problem::field("/path", format!("{}: {error}", source.display()));
        let disk = |error: io::Error| Problem::disk(&error);
        let mut from = std::fs::File::open(source).map_err(unreadable)?;
        if !from.metadata().map_err(unreadable)?.is_file() {
            let detail = format!("{} is no file", source.display());
            return Err(Problem::field("/path", detail));
        }
        std::fs::create_dir_all(directory).map_err(disk)?;
        let mut draft = Self::empty(directory);
        let mut to = std::fs::File::create_new(&draft.path).map_err(disk)?;
        // One byte more than may be shows that it is too large.
        let limited = &mut io::Read::take(&mut from, most.saturating_add(1));
        draft.bytes = io::copy(limited, &mut to).map_err(disk)?;
        if draft.bytes > most {
            return Err(too_large(most));
        }
        to.sync_all().map_err(disk)?;
        let name = source.file_name().map(|name| name.to_string_lossy());
        draft.file_name = name.map(|name| name.into_owned());
        Ok(draft)
    }

    fn empty(directory: &Path) -> Self {
        let id = ArtifactId::from_bits(uuid::Uuid::new_v4().as_u128());
        Self {
            path: directory.join(format!(".{id}")),
            file_name: None,
            bytes: 0,
            hash: String::new(),
            kept: false,
        }
    }

    /// Moves it to this directory under this name, or with `-2` and so on when that is taken; the
    /// name it has then. Blocks.
    ///
    /// # Errors
    /// What the file system says; it is deleted then.
    pub fn keep(mut self, directory: &Path, name: &str) -> io::Result<String> {
        std::fs::create_dir_all(directory)?;
        for count in 1.. {
            let free = crate::host::numbered(name, count);
            let here = rustix::fs::CWD;
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(here, &self.path, here, directory.join(&free), flags) {
                Ok(()) => {
                    self.kept = true;
                    std::fs::File::open(directory)?.sync_all()?;
                    return Ok(free);
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // Never made, or moved: nothing is there.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// Reads a form. The file goes to `directory` as it comes, at most `most` bytes of it.
///
/// # Errors
/// 413 `too_large`, 400 for what is no such form; nothing of the file is left then.
pub async fn read(mut multipart: Multipart, directory: &Path, most: u64) -> Answer<Form> {
    let mut form = Form::default();
    while let Some(field) = multipart.next_field().await.map_err(bad_form)? {
        let name = field.name().unwrap_or_default().to_owned();
        let known = |taken: bool| match taken {
            true => Err(Problem::bad_request(
                "bad_form",
                format!("`{name}` is there twice"),
            )),
            false => Ok(()),
        };
        match name.as_str() {
            "file" => {
                known(form.file.is_some())?;
                form.file = Some(store(field, directory, most).await?);
            }
            "step_id" => {
                known(form.step.is_some())?;
                form.step = Some(text(field).await?);
            }
            "name" => {
                known(form.name.is_some())?;
                form.name = Some(text(field).await?);
            }
            "file_type" => {
                known(form.file_type.is_some())?;
                form.file_type = Some(text(field).await?);
            }
            _ => {
                let shown: String = name.chars().take(64).collect();
                let detail = format!("`{shown}` is no field: file, step_id, name, file_type");
                return Err(Problem::bad_request("bad_form", detail));
            }
        }
    }
    Ok(form)
}

async fn text(mut field: Field<'_>) -> Answer<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(bad_form)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST {
            let detail = format!("a field has at most {LONGEST} bytes");
            return Err(Problem::bad_request("bad_form", detail));
        }
    }
    let wrong = |_| Problem::bad_request("bad_form", "a field is not UTF-8");
    String::from_utf8(bytes).map_err(wrong)
}

fn too_large(most: u64) -> Problem {
    let detail = format!("a file has at most {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

async fn store(mut field: Field<'_>, directory: &Path, most: u64) -> Answer<Draft> {
    let disk = |error: io::Error| Problem::disk(&error);
    tokio::fs::create_dir_all(directory).await.map_err(disk)?;
    let mut draft = Draft::empty(directory);
    draft.file_name = field.file_name().map(str::to_owned);
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = options.open(&draft.path).await.map_err(disk)?;
    let mut hash = Sha256::new();
    while let Some(piece) = field.chunk().await.map_err(bad_form)? {
        draft.bytes += piece.len() as u64;
        if draft.bytes > most {
            return Err(too_large(most));
        }
        hash.update(&piece);
        file.write_all(&piece).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    file.sync_all().await.map_err(disk)?;
    let digest = hash.finalize();
    draft.hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(draft)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn bad_form(error: MultipartError) -> Problem {
    Problem::bad_request("bad_form", error.body_text())
}
