//! macOS: whose socket it is, and what that process is.
//!
//! What the kernel answers is read by pure functions, which every system compiles for its tests; the calls themselves
//! exist on macOS only. They are type-checked and linked for both Apple targets (`cargo xtask mac-check`), and the
//! readers are tested with tables made up here. **None of it has run on a Mac.**

#[cfg(target_os = "macos")]
mod libproc;
#[cfg(target_os = "macos")]
pub(crate) mod lookup;
mod pcblist;
mod procargs;
mod sockinfo;
#[cfg(target_os = "macos")]
mod sysctl;

/// The number at `at`, in the machine's byte order, as the kernel writes its structures.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(field.try_into().ok()?))
}
