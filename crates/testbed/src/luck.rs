//! Randomness that can be had again: a number for each question, from a seed and nothing else.

/// Where all luck of one run comes from.
///
/// It has no state, so what one task asks does not change what another is told: the same seed and the same question
/// give the same answer, whatever happened in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Luck(u64);

// === impl Luck ===

impl Luck {
    /// The luck of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The luck of a part of it: of one proxy, one round, one connection.
    #[must_use]
    pub const fn of(self, part: u64) -> Self {
        Self(mix(self.0 ^ mix(part.wrapping_add(1))))
    }

    /// The luck of a part that has a name.
    #[must_use]
    pub fn named(self, part: &str) -> Self {
        part.bytes().fold(self, |luck, byte| luck.of(byte.into()))
    }

    /// A number below `end`; 0 when `end` is.
    #[must_use]
    pub const fn below(self, end: u64) -> u64 {
        if end == 0 { 0 } else { mix(self.0) % end }
    }

    /// A number from `first` up to and with `last`.
    #[must_use]
    pub const fn between(self, first: u64, last: u64) -> u64 {
        first + self.below(last.saturating_sub(first).saturating_add(1))
    }

    /// Whether something happens that has this probability.
    #[must_use]
    pub fn strikes(self, probability: f64) -> bool {
        // 53 bits are what an f64 holds exactly.
        let drawn = (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// One of them; `None` when there is none.
    #[must_use]
    pub fn pick<T>(self, among: &[T]) -> Option<&T> {
        let index = usize::try_from(self.below(among.len() as u64)).ok()?;
        among.get(index)
    }
}

/// SplitMix64's finalizer: every bit of the question decides about every bit of the answer.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_has_one_luck_and_parts_differ() {
        let draw =
            |seed| (0..8).map(|part| Luck::new(seed).of(part).below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(Luck::new(7).named("cloud"), Luck::new(7).named("cluster"));
    }

    #[test]
    fn a_probability_is_kept_to() {
        let struck = (0..10_000).filter(|part| Luck::new(1).of(*part).strikes(0.2)).count();
        assert!((1_800..2_200).contains(&struck), "{struck}");
        assert!((0..100).all(|part| Luck::new(1).of(part).strikes(1.0)));
        assert!(!(0..100).any(|part| Luck::new(1).of(part).strikes(0.0)));
    }

    #[test]
    fn a_range_has_both_its_ends() {
        let drawn: Vec<u64> = (0..100).map(|part| Luck::new(3).of(part).between(5, 7)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&5), Some(&7)));
        assert_eq!(Luck::new(3).pick::<u8>(&[]), None);
    }
}
