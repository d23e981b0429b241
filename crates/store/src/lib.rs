//! The journal and its read models on SQLite.
