//! JSON read as it passes: only what some pointer of the dialect can reach is kept.

mod find;
mod places;
mod projection;
mod scan;
mod text;
mod tree;

pub(crate) use places::PlaceSet;
pub(crate) use projection::{Ends, NOWHERE, Overlapping, Place, Projection};
pub(crate) use scan::Scanner;
pub(crate) use tree::{Label, Node, Tree, What};
