//! The engine without a wire.
