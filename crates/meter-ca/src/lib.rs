//! The certificate authority of one instance.
