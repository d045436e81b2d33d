pub mod blueprint;
pub mod diagnostic;
pub mod source;
