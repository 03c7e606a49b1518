//! Linux: netlink for sockets, procfs for processes.

pub(crate) mod proc_fs;
pub(crate) mod sock_diag;
