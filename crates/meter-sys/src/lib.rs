//! Asks the operating system what the standard library does not: who owns a socket, which sockets were handed to us,
//! whether a process lives.
//!
//! The only crate with `unsafe` code and, beside the setup backends, the only one that differs by system. It is thin: one
//! system call, one value.
#![allow(unsafe_code, reason = "system calls that have no safe wrapper in the standard library")]

#[cfg(any(target_os = "macos", test))]
mod darwin;
#[cfg(target_os = "linux")]
mod linux;
pub mod listeners;
pub mod peer;
pub mod process;
pub mod socket;
