//! Asks the operating system who owns a socket.
