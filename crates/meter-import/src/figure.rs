//! What a figure of a price list is for.

use meter_call::Meter;
use serde::Serialize;
use std::fmt;

/// One price of a model: a meter, from a prompt size on, in a class.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Figure {
    /// What is counted.
    pub meter: Meter,
    /// For prompts of more tokens than this.
    pub over: Option<u64>,
    /// In this class of processing.
    pub class: Option<String>,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.meter)?;
        if let Some(over) = self.over {
            write!(f, " > {over}")?;
        }
        match &self.class {
            Some(class) => write!(f, " ({class})"),
            None => Ok(()),
        }
    }
}
