//! Demand: one subscription for all viewers, begun by the first and ended after the last.
