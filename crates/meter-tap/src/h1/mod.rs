//! HTTP/1: both directions of one connection.

mod body;
mod gate;
mod head;
mod reader;
mod refusal;

pub(crate) use gate::H1;
