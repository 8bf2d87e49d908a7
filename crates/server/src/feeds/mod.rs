//! Links to upstreams. (Being written.)
