//! HM04xx: providers and routes.

super::codes! {}
