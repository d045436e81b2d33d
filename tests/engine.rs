//! The engine without a wire: the stages from graph to apply, on a cloud in memory.

mod blocked;
mod cases;
mod cloud;
mod crash;
mod desired;
mod durable;
mod life;
mod lifetime;
mod random;
mod real;
pub(crate) mod sides;
mod stage;
mod trouble;

use desired::Desired;

/// A small platform, `engine/platform.yaml`.
fn platform() -> Desired {
    Desired::parse(include_str!("engine/platform.yaml"))
}
