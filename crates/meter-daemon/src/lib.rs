//! Intercepts metered hosts to record what each call cost.
