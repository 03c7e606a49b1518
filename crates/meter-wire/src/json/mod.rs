//! JSON read as it passes: only what some pointer of the dialect can reach is kept.

mod node;
mod projection;
mod scan;
mod text;

pub(crate) use node::Node;
pub(crate) use projection::Projection;
pub(crate) use scan::Scanner;
