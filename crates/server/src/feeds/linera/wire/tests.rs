//! What the node says is read as it was meant, in the shapes of all versions.
