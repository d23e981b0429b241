//! Pure heart of Baton: definitions, runs as folds over their journal. No clock, no files, no threads.
