//! Subscribers who share a throttle.
