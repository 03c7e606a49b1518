//! Turns public price data into reviewable manifest changes.
