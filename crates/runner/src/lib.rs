//! Attempts as processes: the shepherd, its protocol, and the sweep.
