//! The one place of this crate that draws lots: for jitter, and for nothing that must be secret.

/// A number in 0..1, evenly spread.
pub(crate) fn chance() -> f64 {
    #[cfg(feature = "simulation")]
    if let Some(bits) = crate::simulation::bits() {
        return (bits >> 96) as f64 / (1_u64 << 32) as f64;
    }
    rand::random()
}
