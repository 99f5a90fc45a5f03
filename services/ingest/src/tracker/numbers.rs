//! Numbers found by a hash: eight bytes each in one row, so that a look at it is one look at memory, and it is known from the
//! row itself where each belongs.
//!
//! What belongs at a taken place lies at the next free one. When one is taken out, those that lie behind it for its sake move
//! up, so that no mark of it stays.

/// Taken places in a hundred, before the row is made twice as long.
const MOST_PERCENT: usize = 70;
const LEAST_PLACES: usize = 64;

/// The row.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// As many as a power of two, or none.
    places: Vec<Place>,
    len: usize,
}

/// A hash and a number, this one more than it is; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    hash: u32,
    number: u32,
}

impl Numbers {
    pub fn len(&self) -> usize {
        self.len
    }

    /// The place of the number that `is_it`, of those with that hash.
    pub fn find(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let mut at = self.home(hash)?;
        loop {
            let Place { hash: held, number } = self.places[at];
            if number == 0 {
                return None;
            }
            if held == hash && is_it(number as usize - 1) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    /// The number at a place.
    pub fn at(&self, place: usize) -> usize {
        self.places[place].number as usize - 1
    }

    /// Puts another number in its place.
    pub fn renumber(&mut self, place: usize, number: usize) {
        self.places[place].number = number as u32 + 1;
    }

    /// Adds one that is not there.
    pub fn insert(&mut self, hash: u32, number: usize) {
        if (self.len + 1) * 100 > self.places.len() * MOST_PERCENT {
            self.resize((2 * self.places.len()).max(LEAST_PLACES));
        }
        self.put(Place {
            hash,
            number: number as u32 + 1,
        });
        self.len += 1;
    }

    /// Takes one out.
    pub fn remove(&mut self, place: usize) {
        let (mut free, mut at) = (place, self.after(place));
        while self.places[at].number != 0 {
            let home = self.home(self.places[at].hash).unwrap_or(at);
            // It may move up to the free place if its own is not between that and where it lies.
            if self.distance(home, at) >= self.distance(free, at) {
                self.places[free] = self.places[at];
                free = at;
            }
            at = self.after(at);
        }
        self.places[free] = Place::default();
        self.len -= 1;
    }

    /// Gives back what is not needed.
    pub fn shrink(&mut self) {
        let needed = (self.len * 200 / MOST_PERCENT).next_power_of_two();
        if self.places.len() > 4 * needed.max(LEAST_PLACES) {
            self.resize(needed.max(LEAST_PLACES));
        }
    }

    /// How many there is room for.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        self.places.len()
    }

    fn resize(&mut self, places: usize) {
        let held = std::mem::replace(&mut self.places, vec![Place::default(); places]);
        let taken = held.into_iter().filter(|place| place.number != 0);
        taken.for_each(|place| self.put(place));
    }

    fn put(&mut self, place: Place) {
        let Some(mut at) = self.home(place.hash) else {
            return;
        };
        while self.places[at].number != 0 {
            at = self.after(at);
        }
        self.places[at] = place;
    }

    /// Where a hash belongs; none where there is no row yet.
    fn home(&self, hash: u32) -> Option<usize> {
        (!self.places.is_empty()).then(|| hash as usize & (self.places.len() - 1))
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// How far it is from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(
            // Few hashes, so that many belong at one place; and large ones, which belong at the end of the row.
            steps in prop::collection::vec((0usize..60, prop::sample::select(vec![0u32, 1, 2, 63, 64, 127, u32::MAX])), 0..400)
        ) {
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for (number, hash) in steps {
                match numbers.find(hash, |held| held == number) {
                    Some(place) => {
                        prop_assert_eq!(numbers.at(place), number);
                        prop_assert!(set.remove(&(hash, number)));
                        numbers.remove(place);
                    }
                    None => {
                        prop_assert!(set.insert((hash, number)));
                        numbers.insert(hash, number);
                    }
                }
                prop_assert_eq!(numbers.len(), set.len());
                for (hash, number) in &set {
                    prop_assert!(numbers.find(*hash, |held| held == *number).is_some());
                }
            }
        }
    }

    #[test]
    fn it_grows_and_shrinks() {
        let mut numbers = Numbers::default();
        let hash = |number: usize| (number as u32).wrapping_mul(0x9e37_79b9);
        (0..10_000).for_each(|number| numbers.insert(hash(number), number));
        assert_eq!(numbers.places(), 16_384);
        for number in 10..10_000 {
            let place = numbers.find(hash(number), |held| held == number).unwrap();
            numbers.remove(place);
        }
        numbers.shrink();
        assert_eq!(numbers.places(), LEAST_PLACES);
        for number in 0..10_000 {
            let found = numbers.find(hash(number), |held| held == number);
            assert_eq!(found.is_some(), number < 10);
        }
    }
}
