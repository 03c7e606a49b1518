//! A loopback provider that speaks the bundled dialects.
//!
//! A real TLS server (HTTP/1.1 and HTTP/2) with deterministic numbers: what a request's `x-demo` header asks for is what
//! the answer reports, so a test or a demonstration knows every figure in advance. `demo` and the tests talk to it through
//! the whole path; it never leaves 127.0.0.1.

mod answers;
mod authority;
mod events;
mod script;
mod serve;

pub use authority::DemoAuthority;
pub use script::{HEADER, Script};
pub use serve::{DemoOrigin, serve_connection};
