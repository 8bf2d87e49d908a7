//! Links: what happens when they break.
