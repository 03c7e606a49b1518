//! Writing files of the authority so that a reader finds the old one, the new one or none, never a part.

use crate::CaError;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// A closure that says what was tried and on what, for `map_err`.
pub(crate) fn failed<'a>(act: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CaError + 'a {
    move |source| CaError::File { act, path: path.to_owned(), source }
}

/// Makes the folder if it is not there and takes it from everyone but its owner.
pub(crate) fn private(folder: &Path) -> Result<(), CaError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("create", folder))?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed("protect", folder))
}

/// Holds the folder against another process that is making an authority at the same moment. Freed on drop, also by death.
pub(crate) fn lock(folder: &Path) -> Result<File, CaError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open", &path))?;
    file.lock().map_err(failed("lock", &path))?;
    Ok(file)
}

/// Puts a file in place: written beside, synced, renamed, the rename synced.
pub(crate) fn put(folder: &Path, name: &str, content: &[u8], mode: u32) -> Result<(), CaError> {
    let path = folder.join(name);
    let beside = folder.join(format!(".{name}.new"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &beside)(error)),
        _ => {}
    }
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(failed("write", &path))
}
