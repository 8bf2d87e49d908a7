//! The link as a state machine.
