//! Coded findings that point at a place in a text, in the forms people, editors and CI read.
//!
//! A finding is data: it is collected, never thrown. [`Diagnostic`] says what is wrong and where, [`codes`] gives every
//! kind of finding a lasting number and a page of the manual, [`render`] prints.

pub mod codes;
mod diagnostic;
mod place;
pub mod render;
mod suggest;

pub use codes::Code;
pub use diagnostic::{Diagnostic, Other, Severity};
pub use place::{LineIndex, Place, Span};
pub use suggest::nearest;
