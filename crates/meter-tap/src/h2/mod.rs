//! HTTP/2: both directions of one connection.

mod cutter;
mod frame;
mod gate;
#[cfg(test)]
mod model;
mod reader;
mod recode;
mod refusal;
mod streams;
mod unit;

pub(crate) use gate::H2;
