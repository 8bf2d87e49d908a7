//! Blocks in order, or named as missing.
