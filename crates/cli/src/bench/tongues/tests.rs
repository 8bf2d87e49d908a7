//! Each tongue, its bytes cut everywhere.
