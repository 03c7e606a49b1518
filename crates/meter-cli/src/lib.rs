//! The command line of Halton Meter.
